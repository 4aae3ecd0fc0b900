"""What every route shares: endpoints, errors, parsing, event streams, request ids, retries."""
