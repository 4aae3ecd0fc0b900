"""One question, one answer, and nothing is kept; the client sends the conversation along."""
