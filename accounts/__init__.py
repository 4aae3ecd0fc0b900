"""Who is calling: users, passwords, access and refresh tokens, API tokens."""
