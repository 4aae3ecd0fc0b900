"""The API of conversations: REST, event streams and the WebSocket of a session."""
