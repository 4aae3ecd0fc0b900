"""What a model is called for. A ledger row says it, and reports add up by it."""

from __future__ import annotations

from enum import StrEnum


class Purpose(StrEnum):
    CHAT = "chat"
    """An answer that a user or a client asked for."""
    EMBEDDING = "embedding"
    SUMMARY = "summary"
    """What no longer fits into a prompt, told shortly."""
    TITLE = "title"
    """A name for a session."""
    MODERATION = "moderation"
    RERANK = "rerank"
    IMAGE = "image"
    """Pictures that are made."""
    SPEECH = "speech"
    TRANSCRIPTION = "transcription"
    MEMORY = "memory"
    """What is worth remembering of a conversation."""
