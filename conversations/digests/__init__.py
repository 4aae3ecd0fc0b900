"""What Rini itself asks a model about a conversation: titles and summaries."""
