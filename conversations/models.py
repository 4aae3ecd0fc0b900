"""Sessions, their trees of messages, and the generations that write answers into them."""

from __future__ import annotations

import uuid

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.sharing.models import Share
from conversations import tool_models  # noqa: F401  # Django finds an app's models here
from conversations.agents import models as agent_models  # noqa: F401  # Django finds them here
from conversations.visibility import (
    GenerationQuerySet,
    MessageQuerySet,
    SearchEntryQuerySet,
    SessionQuerySet,
)
from rini.storage.database import OwnedQuerySet


class MemoryMode(models.TextChoices):
    AUTO = "AUTO", _("automatic")
    EXPLICIT = "EXPLICIT", _("on request")
    DISABLED = "DISABLED", _("off")


class Session(models.Model):
    """A conversation: a tree of messages, of which the path to `active_message` is open."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sessions")
    alias = models.CharField(_("title"), max_length=200, blank=True)
    system_prompt = models.TextField(_("system prompt"), blank=True)
    memory_mode = models.CharField(
        _("memory"), max_length=10, choices=MemoryMode.choices, default=MemoryMode.AUTO
    )
    model = models.CharField(_("model"), max_length=251, blank=True, help_text=_("provider/model"))
    metadata = models.JSONField(_("metadata"), default=dict, blank=True)
    tags = ArrayField(models.CharField(max_length=50), default=list, blank=True)
    pinned = models.BooleanField(_("pinned"), default=False)
    archived = models.BooleanField(_("archived"), default=False)
    active_message = models.ForeignKey(
        "Message", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)
    last_accessed = models.DateTimeField(_("last accessed"), default=timezone.now)
    expires_after = models.DurationField(
        _("expires after"), null=True, help_text=_("This long without access. Empty: never.")
    )
    hidden = models.BooleanField(
        _("hidden"), default=False, help_text=_("Holds an answer that is not to be kept.")
    )

    objects = SessionQuerySet.as_manager()

    class Meta:
        verbose_name = _("session")
        verbose_name_plural = _("sessions")
        indexes = [
            models.Index(fields=["user", "-created_at", "-id"], name="session_newest"),
            models.Index(
                fields=["last_accessed"],
                name="session_expiring",
                condition=models.Q(expires_after__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.alias or str(self.id)


class SessionNumber(models.Model):
    """A number for a session, for clients that know conversations by whole numbers."""

    id = models.BigAutoField(primary_key=True)
    session = models.OneToOneField(Session, on_delete=models.CASCADE, related_name="number")

    class Meta:
        verbose_name = _("session number")
        verbose_name_plural = _("session numbers")

    def __str__(self) -> str:
        return str(self.id)


class Role(models.TextChoices):
    USER = "user", _("user")
    ASSISTANT = "assistant", _("assistant")
    SYSTEM = "system", _("system")
    TOOL = "tool", _("tool")


class MessageStatus(models.TextChoices):
    COMPLETE = "complete", _("complete")
    STREAMING = "streaming", _("streaming")
    STOPPED = "stopped", _("stopped")
    INCOMPLETE = "incomplete", _("incomplete")
    INTERRUPTED = "interrupted", _("interrupted")
    FAILED = "failed", _("failed")


class FinishReason(models.TextChoices):
    """Why the model ended an answer, by its vendor's word."""

    STOP = "stop", _("at its end")
    LENGTH = "length", _("cut at the limit of its length")
    CONTENT_FILTER = "content_filter", _("cut by the vendor's filter")
    TOOL_CALLS = "tool_calls", _("to have tools called")


class Message(models.Model):
    """One turn. Its parent is the message that it follows; siblings are other versions of it."""

    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="messages")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    parent_message = models.ForeignKey(
        "self", on_delete=models.CASCADE, null=True, blank=True, related_name="answers"
    )
    role = models.CharField(_("role"), max_length=10, choices=Role.choices)
    content = models.TextField(_("content"), blank=True)
    reasoning = models.TextField(_("reasoning"), blank=True)
    file_reference = models.CharField(_("file"), max_length=200, null=True, blank=True)
    original_filename = models.CharField(_("file name"), max_length=255, null=True, blank=True)
    mime_type = models.CharField(_("media type"), max_length=100, null=True, blank=True)
    refused_by = ArrayField(
        models.CharField(max_length=50),
        verbose_name=_("file refused by"),
        null=True,
        blank=True,
        help_text=_("Providers that have refused the file: they do not get it again."),
    )
    status = models.CharField(
        _("status"),
        max_length=12,
        choices=MessageStatus.choices,
        default=MessageStatus.COMPLETE,
    )
    finish_reason = models.CharField(
        _("finish reason"), max_length=14, choices=FinishReason.choices, null=True, blank=True
    )
    model_used = models.CharField(_("model"), max_length=200, null=True, blank=True)
    provider = models.CharField(_("provider"), max_length=50, null=True, blank=True)
    prompt_tokens = models.PositiveIntegerField(_("prompt tokens"), null=True)
    completion_tokens = models.PositiveIntegerField(_("completion tokens"), null=True)
    token_count = models.PositiveIntegerField(_("tokens"), null=True)
    response_time_ms = models.PositiveIntegerField(_("response time"), null=True)
    time_to_first_token_ms = models.PositiveIntegerField(_("time to first token"), null=True)
    cost_nano = models.BigIntegerField(_("cost in nano-dollars"), null=True)
    citations = models.JSONField(_("citations"), default=list, blank=True)
    tool_calls = models.JSONField(_("tool calls"), default=list, blank=True)
    memories = models.JSONField(_("memories"), default=list, blank=True)
    keepsakes = models.JSONField(
        _("keepsakes"),
        null=True,
        blank=True,
        help_text=_("What the vendor wants back with the answer, unread."),
    )
    agent_id = models.UUIDField(_("agent"), null=True, help_text=_("It may be gone since."))
    agent_version = models.PositiveIntegerField(_("version of the agent"), null=True)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)

    objects = MessageQuerySet.as_manager()

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        indexes = [
            models.Index(fields=["session", "id"], name="message_in_order"),
            models.Index(
                fields=["session"],
                name="message_roots",
                condition=models.Q(parent_message__isnull=True),
            ),
            models.Index(
                fields=["file_reference"],
                name="message_by_file",
                condition=models.Q(file_reference__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role} {self.pk}"


class SessionShare(Share):
    """Who else reads a session, as it is at `message`: the path down to it."""

    thing = models.ForeignKey(
        Session, models.CASCADE, related_name="shares", verbose_name=_("session")
    )
    message = models.ForeignKey(
        Message, models.CASCADE, related_name="+", verbose_name=_("as it is at this message")
    )

    class Meta(Share.Meta):
        verbose_name = _("share of a session")
        verbose_name_plural = _("shares of sessions")

    def __str__(self) -> str:
        return f"{self.thing_id} {self.message_id}"


class SearchEntry(models.Model):
    """The terms of a message, or of a session's title (`message` is null), as `rini.lexical` makes
    them. A table of its own, so that reading messages does not read them."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="search_entries")
    message = models.OneToOneField(
        Message, on_delete=models.CASCADE, null=True, related_name="search_entry"
    )
    terms = SearchVectorField()

    objects = SearchEntryQuerySet.as_manager()

    class Meta:
        verbose_name = _("search entry")
        verbose_name_plural = _("search entries")
        constraints = [
            models.UniqueConstraint(
                fields=["session"], condition=models.Q(message=None), name="search_title_once"
            )
        ]
        indexes = [GinIndex(fields=["terms"], name="search_by_terms")]

    def __str__(self) -> str:
        return f"{self.session_id} {self.message_id or ''}"


class Summary(models.Model):
    """What a conversation said up to `message`, for prompts into which its turns do not fit.

    Empty while it is being made; who claimed it long ago has failed.
    """

    message = models.OneToOneField(Message, on_delete=models.CASCADE, related_name="summary")
    content = models.TextField(_("content"), blank=True)
    token_count = models.PositiveIntegerField(_("tokens"), default=0)
    model_used = models.CharField(_("model"), max_length=251, blank=True)
    claimed_at = models.DateTimeField(_("begun at"), default=timezone.now)

    class Meta:
        verbose_name = _("summary")
        verbose_name_plural = _("summaries")

    def __str__(self) -> str:
        return str(self.message_id)


class GenerationStatus(models.TextChoices):
    RUNNING = "running", _("running")
    COMPLETED = "completed", _("completed")
    STOPPED = "stopped", _("stopped")
    INCOMPLETE = "incomplete", _("incomplete")
    INTERRUPTED = "interrupted", _("interrupted")
    FAILED = "failed", _("failed")


class Generation(models.Model):
    """One answer being written, or once written. It runs in `process_id`, whoever listens."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="generations")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    user_message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="+")
    assistant_message = models.OneToOneField(
        Message, on_delete=models.CASCADE, related_name="generation"
    )
    provider = models.CharField(_("provider"), max_length=50)
    model = models.CharField(_("model"), max_length=200)
    choice = models.JSONField(_("choice"), null=True, help_text=_("What the request asked for."))
    status = models.CharField(
        _("status"),
        max_length=12,
        choices=GenerationStatus.choices,
        default=GenerationStatus.RUNNING,
    )
    process_id = models.UUIDField(_("process"))
    request_id = models.CharField(_("request"), max_length=64, blank=True)
    stop_requested_at = models.DateTimeField(_("stop requested at"), null=True)
    last_seq = models.PositiveIntegerField(_("last event"), null=True)
    problem = models.JSONField(_("problem"), null=True)
    retrieval = models.JSONField(_("retrieval"), null=True)
    recalled = models.JSONField(_("recalled from memory"), null=True)
    agent_id = models.UUIDField(_("agent"), null=True, help_text=_("It may be gone since."))
    agent_version = models.PositiveIntegerField(_("version of the agent"), null=True)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)
    finished_at = models.DateTimeField(_("finished at"), null=True)

    objects = GenerationQuerySet.as_manager()

    class Meta:
        verbose_name = _("generation")
        verbose_name_plural = _("generations")
        indexes = [
            models.Index(
                fields=["process_id"],
                name="generation_running",
                condition=models.Q(status="running"),
            ),
            models.Index(fields=["user", "-created_at"], name="generation_by_user"),
        ]

    def __str__(self) -> str:
        return str(self.id)


class Response(models.Model):
    """What a client asked for a generation in OpenAI's Responses API, beside what every one has."""

    generation = models.OneToOneField(
        Generation, on_delete=models.CASCADE, primary_key=True, related_name="response"
    )
    input = models.JSONField(_("input"), help_text=_("Items, as they were sent."))
    settings = models.JSONField(_("settings"))
    in_background = models.BooleanField(_("in the background"), default=False)
    is_deleted = models.BooleanField(
        _("deleted"), default=False, help_text=_("Others that follow it are still there.")
    )

    class Meta:
        verbose_name = _("response")
        verbose_name_plural = _("responses")

    def __str__(self) -> str:
        return str(self.pk)


class JournalSegment(models.Model):
    """Events `first_seq` … `last_seq` of a generation's journal, as they were written together.

    `events` is a JSON array of ``{"type": …, …}``; the event at index i has the number
    ``first_seq + i``.
    """

    generation = models.ForeignKey(Generation, on_delete=models.CASCADE, related_name="journal")
    first_seq = models.PositiveIntegerField()
    last_seq = models.PositiveIntegerField()
    events = models.JSONField()

    class Meta:
        verbose_name = _("journal segment")
        verbose_name_plural = _("journal segments")
        constraints = [
            models.UniqueConstraint(fields=["generation", "first_seq"], name="journal_in_order")
        ]

    def __str__(self) -> str:
        return f"{self.generation_id} {self.first_seq}–{self.last_seq}"


class ImportStatus(models.TextChoices):
    WAITING = "waiting", _("waiting")
    RUNNING = "running", _("running")
    DONE = "done", _("done")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("cancelled")


class SessionImport(models.Model):
    """A file of many conversations, taken in one after the other in the background.

    `taken` is how many have been dealt with, those too that were refused; it is written together
    with what the conversation became, so that none comes twice or is lost, whoever dies.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="imports", verbose_name=_("user"))
    status = models.CharField(
        _("status"), max_length=10, choices=ImportStatus.choices, default=ImportStatus.WAITING
    )
    file_reference = models.CharField(max_length=200, blank=True)
    total = models.PositiveIntegerField(_("conversations"))
    taken = models.PositiveIntegerField(_("dealt with"), default=0)
    session_ids = models.JSONField(_("sessions"), default=list)
    refusals = models.JSONField(_("refusals"), default=list)
    """``[{"conversation": 12, "detail": "…"}]``, by its place in the file, from 0."""
    worked_at = models.DateTimeField(_("last worked on"), default=timezone.now)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)
    ended_at = models.DateTimeField(_("ended at"), null=True)

    objects = OwnedQuerySet["SessionImport"].as_manager()

    class Meta:
        verbose_name = _("import")
        verbose_name_plural = _("imports")
        indexes = [models.Index(fields=["user", "-created_at"], name="import_by_user")]

    def __str__(self) -> str:
        return str(self.id)
