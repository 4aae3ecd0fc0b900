"""OpenAI's API under ``/v1``, as platform.openai.com/docs/api-reference documents it."""
