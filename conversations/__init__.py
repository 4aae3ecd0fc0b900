"""Sessions, trees of messages, generations and the journals of their events."""
