"""What the documents say. Nothing is stored here yet."""
