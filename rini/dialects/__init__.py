"""The APIs of other backends, so that their clients need a new address and nothing else.

    session_chat      /api/sessions, /api/chat            sessions that expire
    conversation_rag  /api/users, /api/conversations …    conversations with a number and a key
    one_shot          /chat, /models, /health             nothing is kept
    openai            /v1                                 OpenAI's

Each is a folder with `routes`, thin endpoints that call the apps, and `translate`, pure functions
between its JSON and Rini's. No dialect knows another; `docs/dialects.md` is for their users.
"""
