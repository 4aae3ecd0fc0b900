"""What is known of a user. Nothing is stored here yet."""
