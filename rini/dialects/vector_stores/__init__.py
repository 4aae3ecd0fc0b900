"""OpenAI's files and vector stores: knowledge bases and their documents under its names."""
