"""Users, numbered conversations with a model and a key of their own, and their chat."""
