"""Between OpenAI's chat format and Anthropic's Messages API: pure, both ways.

`request.body` makes a Messages request of a chat request, `response.Answer` chunks of the events
that come back. Format: https://platform.claude.com/docs/en/api/messages.
"""
