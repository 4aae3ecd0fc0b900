"""What `make run` starts and watches: servers, worker and the data folder."""
