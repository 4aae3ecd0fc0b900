"""What is known of a user: entries, the messages that they stem from, and what became of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from rini.storage.database import OwnedQuerySet


class Scope(models.TextChoices):
    SESSION = "Session", _("one session")
    SHARED = "Shared", _("all sessions")


class MemoryType(models.TextChoices):
    FACT = "Fact", _("fact")
    RULE = "Rule", _("rule")
    USER_INSTRUCTION = "User Instruction", _("instruction of the user")
    SUMMARY = "Summary", _("summary")
    MODEL_REFLECTION = "Model Reflection", _("reflection of the model")
    TASK = "Task", _("task")
    USER_STATE = "User State", _("state of the user")
    MODEL_STATE = "Model State", _("state of the model")
    SYSTEM_CONFIG = "System Config", _("configuration")


ALWAYS_TOLD = (MemoryType.RULE, MemoryType.USER_INSTRUCTION, MemoryType.SYSTEM_CONFIG)
"""What holds whatever is asked, so that nobody has to look for it."""
LASTING = {
    MemoryType.USER_STATE: timedelta(days=7),
    MemoryType.MODEL_STATE: timedelta(days=7),
}
"""How long entries of these types hold, unless somebody says otherwise; others hold for good."""


class Status(models.TextChoices):
    ACTIVE = "active", _("active")
    PENDING = "pending", _("waiting for the user's yes")
    SUPERSEDED = "superseded", _("superseded")
    EXPIRED = "expired", _("expired")


class Origin(models.TextChoices):
    MANUAL = "manual", _("written by the user")
    EXTRACTED = "extracted", _("found in a conversation")
    TOOL = "tool", _("written by a model's tool")


class MemoryQuerySet(OwnedQuerySet["Memory"]):
    def unexpired(self) -> Self:
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()))

    def told_in(self, session_id: object) -> Self:
        """What a model may be told in a session: its own entries and the shared ones that hold."""
        return self.unexpired().filter(
            Q(session_id=session_id) | Q(scope=Scope.SHARED), status=Status.ACTIVE
        )

    def of_status(self, status: str) -> Self:
        """Entries as `Memory.current_status` has them."""
        if status == Status.EXPIRED:
            return self.filter(
                expires_at__lte=timezone.now(), status__in=[Status.ACTIVE, Status.PENDING]
            )
        found = self.filter(status=status)
        return found if status == Status.SUPERSEDED else found.unexpired()


class Memory(models.Model):
    """Something that is known of a user. What it says never changes into something else: a newer
    entry supersedes it, and both stay."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memories")
    # No foreign key: conversations are above. A trigger of theirs takes away what goes with them.
    session_id = models.UUIDField(_("session"), null=True, blank=True)
    memory_type = models.CharField(_("type"), max_length=16, choices=MemoryType.choices)
    scope = models.CharField(_("scope"), max_length=7, choices=Scope.choices)
    content = models.TextField(_("content"))
    keywords = ArrayField(models.CharField(max_length=100), default=list, blank=True)
    importance = models.FloatField(_("importance"), default=0.5, help_text=_("From 0 to 1."))
    status = models.CharField(
        _("status"), max_length=10, choices=Status.choices, default=Status.ACTIVE
    )
    origin = models.CharField(
        _("origin"), max_length=9, choices=Origin.choices, default=Origin.MANUAL
    )
    valid_from = models.DateTimeField(_("valid from"), default=timezone.now)
    valid_until = models.DateTimeField(_("valid until"), null=True, blank=True)
    expires_at = models.DateTimeField(_("expires at"), null=True, blank=True)
    timestamp = models.DateTimeField(_("made at"), default=timezone.now, editable=False)
    updated_at = models.DateTimeField(_("updated at"), default=timezone.now, editable=False)
    superseded_by = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="supersedes"
    )

    objects = MemoryQuerySet.as_manager()

    class Meta:
        verbose_name = _("memory")
        verbose_name_plural = _("memories")
        indexes = [
            models.Index(fields=["user", "timestamp", "id"], name="memory_by_user"),
            models.Index(fields=["session_id"], name="memory_by_session"),
        ]

    def __str__(self) -> str:
        return self.content[:80]

    @property
    def current_status(self) -> str:
        """`status`, but for an entry whose time is over: ``expired``."""
        over = self.expires_at is not None and self.expires_at <= timezone.now()
        return Status.EXPIRED if over and self.status != Status.SUPERSEDED else self.status


class Evidence(models.Model):
    """That an entry stems from a message. An entry that has lost all of its evidence goes."""

    memory = models.ForeignKey(Memory, models.CASCADE, related_name="evidence")
    message_id = models.BigIntegerField(_("message"), db_index=True)

    class Meta:
        verbose_name = _("evidence")
        verbose_name_plural = _("evidence")
        constraints = [
            models.UniqueConstraint(fields=["memory", "message_id"], name="evidence_once")
        ]

    def __str__(self) -> str:
        return f"{self.memory_id} {self.message_id}"


class ChangeKind(models.TextChoices):
    CREATED = "created", _("created")
    EDITED = "edited", _("edited")
    CONFIRMED = "confirmed", _("confirmed")
    SUPERSEDED = "superseded", _("superseded")
    RESTORED = "restored", _("restored")


class Change(models.Model):
    """Something that became of an entry, so that it can be shown and undone."""

    memory = models.ForeignKey(Memory, models.CASCADE, related_name="changes")
    kind = models.CharField(_("change"), max_length=10, choices=ChangeKind.choices)
    origin = models.CharField(_("origin"), max_length=9, choices=Origin.choices)
    before = models.JSONField(_("before"), default=dict)
    """The fields that were changed, as they were before."""
    undone = models.BooleanField(_("undone"), default=False)
    at = models.DateTimeField(_("at"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("change of a memory")
        verbose_name_plural = _("changes of memories")

    def __str__(self) -> str:
        return f"{self.memory_id} {self.kind}"


class Trace(models.Model):
    """What recall searches: an entry, or a message that was said, by its terms."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    memory = models.OneToOneField(Memory, models.CASCADE, null=True, related_name="trace")
    message_id = models.BigIntegerField(null=True, unique=True)
    session_id = models.UUIDField(null=True, db_index=True)
    said_at = models.DateTimeField(default=timezone.now)
    terms = SearchVectorField()

    objects = OwnedQuerySet["Trace"].as_manager()

    class Meta:
        verbose_name = _("trace")
        verbose_name_plural = _("traces")
        indexes = [GinIndex(fields=["terms"], name="trace_terms", fastupdate=False)]

    def __str__(self) -> str:
        return f"{self.user_id} {self.memory_id or ''} {self.message_id or ''}"


class Vocabulary(models.Model):
    """How many traces a user has, and how many there were when the common terms were counted."""

    user = models.OneToOneField(User, models.CASCADE, primary_key=True, related_name="+")
    traces = models.PositiveIntegerField(default=0)
    counted = models.PositiveIntegerField(default=0)

    objects = OwnedQuerySet["Vocabulary"].as_manager()

    class Meta:
        verbose_name = _("vocabulary")
        verbose_name_plural = _("vocabularies")

    def __str__(self) -> str:
        return f"{self.user_id} {self.traces}"


class CommonTerm(models.Model):
    """A term that many traces of a user have, behind the user's scope, and how many
    (`rini.keyword_search`)."""

    lexeme = models.TextField(primary_key=True)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    documents = models.PositiveIntegerField()

    objects = OwnedQuerySet["CommonTerm"].as_manager()

    class Meta:
        verbose_name = _("common term")
        verbose_name_plural = _("common terms")

    def __str__(self) -> str:
        return self.lexeme


class Block(models.Model):
    """What models are told at the top of a session's prompts: kept as it was told, so that the
    beginning of the prompts stays the same until one of its entries changes."""

    session_id = models.UUIDField(primary_key=True)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    entries = models.JSONField(default=dict)
    """When each entry in it was last changed, by its id, in the order of the text."""
    text = models.TextField()
    made_at = models.DateTimeField(default=timezone.now)

    objects = OwnedQuerySet["Block"].as_manager()

    class Meta:
        verbose_name = _("block of memories")
        verbose_name_plural = _("blocks of memories")

    def __str__(self) -> str:
        return str(self.session_id)

    def stamps(self) -> dict[int, datetime]:
        return {int(id_): datetime.fromisoformat(at) for id_, at in self.entries.items()}


class Forgotten(models.Model):
    """An entry that its user deleted, as a digest: extraction does not make it again."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    digest = models.CharField(max_length=64)
    at = models.DateTimeField(default=timezone.now)

    objects = OwnedQuerySet["Forgotten"].as_manager()

    class Meta:
        verbose_name = _("forgotten memory")
        verbose_name_plural = _("forgotten memories")
        constraints = [
            models.UniqueConstraint(fields=["user", "digest"], name="forgotten_once"),
        ]

    def __str__(self) -> str:
        return self.digest


class Extraction(models.Model):
    """That an exchange was looked through for what is worth keeping, by its answer. It is never
    done twice by itself."""

    message_id = models.BigIntegerField(primary_key=True)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    session_id = models.UUIDField(db_index=True)
    at = models.DateTimeField(default=timezone.now)

    objects = OwnedQuerySet["Extraction"].as_manager()

    class Meta:
        verbose_name = _("extraction")
        verbose_name_plural = _("extractions")

    def __str__(self) -> str:
        return str(self.message_id)
