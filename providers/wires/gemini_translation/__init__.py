"""OpenAI's chat format as Gemini's, and back: values only, no network.

Gemini's is the one of ``v1beta`` as published at https://ai.google.dev/api/generate-content and in
the types of Google's own client (https://github.com/googleapis/python-genai). What it has no word
for is refused by name; nothing is added to what people say, and nothing is left out of it.
"""
