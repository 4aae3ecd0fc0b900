"""OpenAI's Responses API: ``/v1/responses`` and ``/v1/conversations``, for models of any vendor."""
