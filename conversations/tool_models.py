"""Calls of tools in answers: a row before they are made, so that none is made twice."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from rini.storage.database import OwnedQuerySet


class ToolCallState(models.TextChoices):
    REQUESTED = "requested", _("requested")
    APPROVED = "approved", _("approved")
    DENIED = "denied", _("denied")
    RUNNING = "running", _("running")
    DONE = "done", _("done")
    FAILED = "failed", _("failed")
    UNKNOWN = "unknown", _("unknown")


UNDECIDED = (ToolCallState.REQUESTED, ToolCallState.APPROVED)


class ToolCall(models.Model):
    """A call that a model has asked for. It goes from `requested` through `running` to an end once,
    whoever dies: one that was running then is `unknown`, as it may have been done."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    generation = models.ForeignKey(
        "conversations.Generation", on_delete=models.CASCADE, related_name="tool_calls"
    )
    step = models.PositiveIntegerField(_("step"))
    name = models.CharField(_("tool"), max_length=64)
    arguments = models.JSONField(_("arguments"))
    state = models.CharField(
        _("state"),
        max_length=9,
        choices=ToolCallState.choices,
        default=ToolCallState.REQUESTED,
    )
    waits = models.BooleanField(
        _("waits for approval"), default=False, help_text=_("Its user has to say yes first.")
    )
    result = models.TextField(_("result"), blank=True)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)
    started_at = models.DateTimeField(_("started at"), null=True)
    ended_at = models.DateTimeField(_("ended at"), null=True)

    objects = OwnedQuerySet["ToolCall"].as_manager()

    class Meta:
        verbose_name = _("call of a tool")
        verbose_name_plural = _("calls of tools")

    def __str__(self) -> str:
        return f"{self.name} {self.id}"
