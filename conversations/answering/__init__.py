"""How an answer is begun, assembled, called, written, followed, stopped and ended."""
