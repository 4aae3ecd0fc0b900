"""Anthropic's Messages API: ``/v1/messages``, for its own clients and for models of any vendor."""
