"""What the floor itself keeps: which processes live, which periodic work has run, and answers for
retries of requests."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from rini.secrets.sealed import SealedField


class Process(models.Model):
    """A process that has calls under way; it says every second that it lives."""

    id = models.UUIDField(primary_key=True)
    started_at = models.DateTimeField(_("started at"))
    beat_at = models.DateTimeField(_("alive at"))

    class Meta:
        verbose_name = _("process")
        verbose_name_plural = _("processes")

    def __str__(self) -> str:
        return str(self.id)


class PeriodicTask(models.Model):
    """A task of the clock, and when it last ran."""

    name = models.CharField(_("task"), max_length=100, primary_key=True)
    succeeded_at = models.DateTimeField(_("last succeeded at"), null=True)
    failed_at = models.DateTimeField(_("last failed at"), null=True)
    runs = models.PositiveBigIntegerField(_("runs"), default=0)

    class Meta:
        verbose_name = _("periodic task")
        verbose_name_plural = _("periodic tasks")

    def __str__(self) -> str:
        return self.name


class IdempotentRequest(models.Model):
    """A request with an ``Idempotency-Key``: being done by a process, or answered.

    `id` and `body` are keyed digests (see `rini.web.idempotency`); without an `owner` its caller
    had no token. No `answer`: it was not kept.
    """

    id = models.UUIDField(primary_key=True)
    owner = models.UUIDField(_("user"), null=True)
    body = models.BinaryField()
    process_id = models.UUIDField(_("process"))
    created_at = models.DateTimeField(_("created at"), default=timezone.now, db_index=True)
    answered_at = models.DateTimeField(_("answered at"), null=True)
    answer = SealedField(owner="owner", null=True)

    class Meta:
        verbose_name = _("idempotent request")
        verbose_name_plural = _("idempotent requests")
        indexes = [models.Index(fields=["owner"], name="idempotent_by_owner")]

    def __str__(self) -> str:
        return str(self.id)
