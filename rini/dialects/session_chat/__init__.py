"""A chatbot with sessions that expire, on the operator's own model server."""
