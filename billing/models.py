"""Prices, holds and the ledger.

Money is in integer nano-dollars (10⁻⁹ US dollars). Rates are in nano-dollars per million tokens,
so that $0.0375 a million is the integer 37,500,000 and no price is rounded. A ledger row names its
subjects by their ids and has no foreign keys: it outlives what it speaks of.
"""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from billing.usage import Usage


class Price(models.Model):
    """What a model costs from `effective_from` on, until a later row. Never edited."""

    provider = models.CharField(_("provider"), max_length=50)
    model = models.CharField(_("model"), max_length=200)
    effective_from = models.DateTimeField(_("effective from"), default=timezone.now)
    above_input_tokens = models.PositiveIntegerField(
        _("above input tokens"),
        default=0,
        help_text=_("The rates hold for calls with more input tokens than this."),
    )
    input_rate = models.BigIntegerField(_("input"), help_text=_("Nano-dollars per million tokens"))
    cached_input_rate = models.BigIntegerField(_("cached input"), null=True, blank=True)
    cache_write_rate = models.BigIntegerField(_("cache write"), null=True, blank=True)
    output_rate = models.BigIntegerField(_("output"))
    source = models.CharField(_("source"), max_length=50, default="operator")
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("price")
        verbose_name_plural = _("prices")
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "model", "effective_from", "above_input_tokens"],
                name="price_once_a_moment",
            )
        ]

    def __str__(self) -> str:
        return f"{self.provider}/{self.model} {self.effective_from:%Y-%m-%d}"


class Attempt(models.Model):
    """Who asks which model for what: what a hold and its later ledger row have in common."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    request_id = models.CharField(_("request"), max_length=64, blank=True)
    user_id = models.UUIDField(_("user"))
    token_id = models.UUIDField(_("API token"), null=True)
    purpose = models.CharField(_("purpose"), max_length=30)
    session_id = models.UUIDField(_("session"), null=True)
    message_id = models.BigIntegerField(_("message"), null=True)
    provider = models.CharField(_("provider"), max_length=50)
    model = models.CharField(_("model"), max_length=200)

    class Meta:
        abstract = True


class Hold(Attempt):
    """A call that is under way. It becomes exactly one ledger row, whatever ends it."""

    process_id = models.UUIDField(_("process"), db_index=True)
    estimated_input_tokens = models.PositiveIntegerField(_("estimated input tokens"), default=0)

    class Meta:
        verbose_name = _("hold")
        verbose_name_plural = _("holds")

    def __str__(self) -> str:
        return f"{self.provider}/{self.model} {self.id}"


class UsageStatus(models.TextChoices):
    COMPLETED = "completed", _("completed")
    STOPPED = "stopped", _("stopped")
    INCOMPLETE = "incomplete", _("incomplete")
    INTERRUPTED = "interrupted", _("interrupted")
    FAILED = "failed", _("failed")


class UsageSource(models.TextChoices):
    VENDOR = "vendor", _("vendor")
    ESTIMATED = "estimated", _("estimated")


class UsageRecord(Attempt):
    """The ledger: one row for each attempt against a vendor, appended and never changed.

    Partitioned by the month of `created_at`; the database refuses updates and single deletes.
    """

    model_answered = models.CharField(_("model answered"), max_length=200, blank=True)
    input_tokens = models.BigIntegerField(_("input tokens"), null=True)
    cached_input_tokens = models.BigIntegerField(_("cached input tokens"), null=True)
    cache_write_tokens = models.BigIntegerField(_("cache write tokens"), null=True)
    output_tokens = models.BigIntegerField(_("output tokens"), null=True)
    reasoning_tokens = models.BigIntegerField(_("reasoning tokens"), null=True)
    input_audio_tokens = models.BigIntegerField(_("audio input tokens"), null=True)
    output_audio_tokens = models.BigIntegerField(_("audio output tokens"), null=True)
    usage_source = models.CharField(_("usage by"), max_length=10, choices=UsageSource.choices)
    cost_nano = models.BigIntegerField(_("cost"), null=True)
    price_id = models.BigIntegerField(_("price"), null=True)
    status = models.CharField(_("status"), max_length=12, choices=UsageStatus.choices)
    time_to_first_token_ms = models.PositiveIntegerField(_("time to first token"), null=True)
    duration_ms = models.PositiveIntegerField(_("duration"), null=True)

    class Meta:
        verbose_name = _("usage record")
        verbose_name_plural = _("usage records")
        indexes = [
            models.Index(fields=["user_id", "-created_at"], name="usage_by_user"),
            models.Index(fields=["session_id"], name="usage_by_session"),
            models.Index(fields=["message_id"], name="usage_by_message"),
            models.Index(fields=["-created_at", "-id"], name="usage_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.created_at:%Y-%m-%d %H:%M:%S} {self.provider}/{self.model}"

    @property
    def usage(self) -> Usage:
        return Usage(**{name: getattr(self, name) for name in Usage.__dataclass_fields__})
