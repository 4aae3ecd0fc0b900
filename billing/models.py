"""Prices, holds, the ledger with its rollups, and budgets with their counters.

Money is in integer nano-dollars (10⁻⁹ US dollars). Rates are in nano-dollars per million tokens,
so that $0.0375 a million is the integer 37,500,000 and no price is rounded. A ledger row names its
subjects by their ids and has no foreign keys: it outlives what it speaks of.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Self

from django.db import models
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from billing.usage import Usage


class Price(models.Model):
    """What a model costs from `effective_from` on, until a later row.

    Rows are added and never edited: the database refuses it. A missing rate is that of what the
    part belongs to (see `billing.pricing`).
    """

    provider = models.CharField(_("provider"), max_length=50)
    model = models.CharField(_("model"), max_length=200)
    effective_from = models.DateTimeField(_("effective from"), default=now)
    service_tier = models.CharField(
        _("service tier"),
        max_length=30,
        blank=True,
        help_text=_("As the vendor calls it: “flex”, “priority”. Empty: the standard one."),
    )
    above_input_tokens = models.PositiveIntegerField(
        _("above input tokens"),
        default=0,
        help_text=_("The rates hold for calls with more input tokens than this."),
    )
    input_rate = models.BigIntegerField(_("input"), help_text=_("Nano-dollars per million tokens"))
    cached_input_rate = models.BigIntegerField(_("cached input"), null=True, blank=True)
    cache_write_rate = models.BigIntegerField(_("cache write"), null=True, blank=True)
    cache_write_1h_rate = models.BigIntegerField(_("cache write, 1 hour"), null=True, blank=True)
    output_rate = models.BigIntegerField(_("output"))
    input_audio_rate = models.BigIntegerField(_("audio input"), null=True, blank=True)
    cached_audio_rate = models.BigIntegerField(_("cached audio input"), null=True, blank=True)
    output_audio_rate = models.BigIntegerField(_("audio output"), null=True, blank=True)
    input_image_rate = models.BigIntegerField(_("image input"), null=True, blank=True)
    output_image_rate = models.BigIntegerField(_("image output"), null=True, blank=True)
    web_search_rate = models.BigIntegerField(
        _("web search"), null=True, blank=True, help_text=_("Nano-dollars per million searches")
    )
    source = models.CharField(_("source"), max_length=50, default="operator")
    created_at = models.DateTimeField(_("created at"), default=now, editable=False)

    class Meta:
        verbose_name = _("price")
        verbose_name_plural = _("prices")
        indexes = [models.Index(fields=["provider", "model"], name="price_by_model")]

    def __str__(self) -> str:
        return f"{self.provider}/{self.model} {self.effective_from:%Y-%m-%d}"


class LedgerQuerySet(models.QuerySet["UsageRecord"]):
    """Ledger rows."""

    def visible_to(self, user: models.Model) -> Self:
        """The rows that `user` may see: those that it has paid."""
        return self.filter(user_id=user.pk)

    def newest_first(self) -> Self:
        return self.order_by("-created_at", "-id")

    def following(self, created_at: datetime, record_id: uuid.UUID) -> Self:
        """Those that come after a row, newest first."""
        return self.filter(created_at__lte=created_at).exclude(
            created_at=created_at, id__gte=record_id
        )


class Attempt(models.Model):
    """Who asks which model for what: what a hold and its later ledger row have in common."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    created_at = models.DateTimeField(_("created at"), default=now)
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
    max_output_tokens = models.PositiveIntegerField(_("output limit"), null=True)
    amount_nano = models.BigIntegerField(_("amount"), default=0)

    class Meta:
        verbose_name = _("hold")
        verbose_name_plural = _("holds")
        indexes = [models.Index(fields=["message_id"], name="hold_by_message")]

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

    A row with `corrects_id` is no attempt: it adds to, or takes from, the cost of that row, under
    the same `created_at`, and counts no tokens. `charged_nano` is what counts against budgets: the
    cost, or where that is unknown what was assumed (see `billing.pricing.assumed`).

    Partitioned by the month of `created_at`; the database refuses updates and single deletes.
    """

    model_answered = models.CharField(_("model answered"), max_length=200, blank=True)
    service_tier = models.CharField(_("service tier"), max_length=30, blank=True)
    input_tokens = models.BigIntegerField(_("input tokens"), null=True)
    cached_input_tokens = models.BigIntegerField(_("cached input tokens"), null=True)
    cache_write_tokens = models.BigIntegerField(_("cache write tokens"), null=True)
    cache_write_1h_tokens = models.BigIntegerField(_("cache write tokens, 1 hour"), null=True)
    output_tokens = models.BigIntegerField(_("output tokens"), null=True)
    reasoning_tokens = models.BigIntegerField(_("reasoning tokens"), null=True)
    input_audio_tokens = models.BigIntegerField(_("audio input tokens"), null=True)
    cached_audio_tokens = models.BigIntegerField(_("cached audio input tokens"), null=True)
    output_audio_tokens = models.BigIntegerField(_("audio output tokens"), null=True)
    input_image_tokens = models.BigIntegerField(_("image input tokens"), null=True)
    output_image_tokens = models.BigIntegerField(_("image output tokens"), null=True)
    web_searches = models.BigIntegerField(_("web searches"), null=True)
    usage_source = models.CharField(_("usage by"), max_length=10, choices=UsageSource.choices)
    cost_nano = models.BigIntegerField(_("cost"), null=True)
    charged_nano = models.BigIntegerField(_("charged to budgets"), default=0)
    price_id = models.BigIntegerField(_("price"), null=True)
    corrects_id = models.UUIDField(_("corrects"), null=True)
    recorded_at = models.DateTimeField(_("recorded at"), default=now)
    status = models.CharField(_("status"), max_length=12, choices=UsageStatus.choices)
    time_to_first_token_ms = models.PositiveIntegerField(_("time to first token"), null=True)
    duration_ms = models.PositiveIntegerField(_("duration"), null=True)

    objects = LedgerQuerySet.as_manager()

    class Meta:
        verbose_name = _("usage record")
        verbose_name_plural = _("usage records")
        indexes = [
            models.Index(fields=["user_id", "-created_at", "-id"], name="usage_by_user"),
            models.Index(fields=["session_id"], name="usage_by_session"),
            models.Index(fields=["message_id"], name="usage_by_message"),
            models.Index(fields=["request_id"], name="usage_by_request"),
            models.Index(fields=["-created_at", "-id"], name="usage_newest"),
            models.Index(
                fields=["-created_at"],
                name="usage_without_price",
                condition=models.Q(cost_nano__isnull=True),
            ),
            models.Index(
                fields=["-created_at"],
                name="usage_not_completed",
                condition=~models.Q(status="completed"),
            ),
            models.Index(
                fields=["corrects_id"],
                name="usage_corrections",
                condition=models.Q(corrects_id__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.created_at:%Y-%m-%d %H:%M:%S} {self.provider}/{self.model}"

    @property
    def usage(self) -> Usage:
        return Usage(**{name: getattr(self, name) for name in Usage.__dataclass_fields__})


class Rollup(models.Model):
    """The sums of the ledger rows of a quarter of an hour that agree in everything named here.

    Written in the transaction that writes the rows. Every time zone of today is a multiple of a
    quarter of an hour from UTC, so that days and hours of all of them are sums of these.
    """

    bucket = models.DateTimeField(_("quarter of an hour"))
    user_id = models.UUIDField(_("user"))
    token_id = models.UUIDField(_("API token"), null=True)
    session_id = models.UUIDField(_("session"), null=True)
    provider = models.CharField(_("provider"), max_length=50)
    model = models.CharField(_("model"), max_length=200)
    purpose = models.CharField(_("purpose"), max_length=30)
    calls = models.BigIntegerField(_("calls"), default=0)
    input_tokens = models.BigIntegerField(_("input tokens"), default=0)
    cached_input_tokens = models.BigIntegerField(_("cached input tokens"), default=0)
    output_tokens = models.BigIntegerField(_("output tokens"), default=0)
    cost_nano = models.BigIntegerField(_("cost"), default=0)
    charged_nano = models.BigIntegerField(_("charged to budgets"), default=0)
    unpriced_calls = models.BigIntegerField(_("calls without a price"), default=0)

    class Meta:
        verbose_name = _("rollup")
        verbose_name_plural = _("rollups")
        constraints = [
            models.UniqueConstraint(
                fields=[
                    *("user_id", "bucket", "provider", "model"),
                    *("purpose", "token_id", "session_id"),
                ],
                nulls_distinct=False,
                name="rollup_once",
            )
        ]
        indexes = [
            models.Index(fields=["bucket"], name="rollup_by_time"),
            models.Index(fields=["token_id", "bucket"], name="rollup_by_token"),
            models.Index(fields=["session_id", "bucket"], name="rollup_by_session"),
        ]

    def __str__(self) -> str:
        return f"{self.bucket:%Y-%m-%d %H:%M} {self.provider}/{self.model}"


class Scope(models.TextChoices):
    USER = "user", _("user")
    TOKEN = "token", _("API token")
    SESSION = "session", _("session")
    INSTALLATION = "installation", _("installation")


class Period(models.TextChoices):
    """From the shortest to the longest."""

    DAY = "day", _("day")
    WEEK = "week", _("week")
    MONTH = "month", _("month")
    TOTAL = "total", _("total")


class Budget(models.Model):
    """What a subject may spend in each window of time. Change it through `billing.budgets`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    scope = models.CharField(_("scope"), max_length=12, choices=Scope.choices)
    subject_id = models.UUIDField(
        _("whose"), null=True, blank=True, help_text=_("Empty for the whole installation.")
    )
    limit_nano = models.BigIntegerField(_("limit"))
    period = models.CharField(_("period"), max_length=5, choices=Period.choices)
    timezone = models.CharField(_("time zone"), max_length=64, default="UTC")
    hard = models.BooleanField(
        _("hard"), default=True, help_text=_("Refuses calls. Otherwise it only warns.")
    )
    created_at = models.DateTimeField(_("created at"), default=now, editable=False)

    class Meta:
        verbose_name = _("budget")
        verbose_name_plural = _("budgets")
        constraints = [
            models.UniqueConstraint(
                fields=["subject_id", "scope", "period"], nulls_distinct=False, name="budget_once"
            ),
            models.CheckConstraint(
                condition=models.Q(scope="installation", subject_id__isnull=True)
                | (~models.Q(scope="installation") & models.Q(subject_id__isnull=False)),
                name="budget_has_its_subject",
            ),
            models.CheckConstraint(
                condition=models.Q(limit_nano__gte=0), name="budget_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.scope} {self.subject_id or ''} {self.period}"


class BudgetWindow(models.Model):
    """What has been spent of a budget, and is held of it, in the window that begins then."""

    budget = models.ForeignKey(Budget, on_delete=models.CASCADE, related_name="windows")
    starts_at = models.DateTimeField(_("starts at"))
    spent_nano = models.BigIntegerField(_("spent"), default=0)
    held_nano = models.BigIntegerField(_("held"), default=0)

    class Meta:
        verbose_name = _("budget window")
        verbose_name_plural = _("budget windows")
        constraints = [
            models.UniqueConstraint(fields=["budget", "starts_at"], name="budget_window_once")
        ]

    def __str__(self) -> str:
        return f"{self.budget_id} {self.starts_at:%Y-%m-%d %H:%M}"
