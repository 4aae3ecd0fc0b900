"""Groups of users, who is in them, and who has been invited."""

from __future__ import annotations

import uuid
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models.functions import Upper
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from rini.storage.database import OwnedQuerySet


class Role(models.TextChoices):
    OWNER = "owner", _("owner")
    MANAGER = "manager", _("manager")
    MEMBER = "member", _("member")


class GroupQuerySet(models.QuerySet["Group"]):
    def visible_to(self, user: models.Model) -> Self:
        """The groups that `user` is in."""
        return self.filter(pk__in=Membership.objects.visible_to(user).values("group"))


class Group(models.Model):
    """Users who share things. (What gives operators their rights is Django's own `Group`.)"""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=100)
    description = models.TextField(_("description"), blank=True, max_length=2000)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)

    objects = GroupQuerySet.as_manager()

    class Meta:
        verbose_name = _("group of users")
        verbose_name_plural = _("groups of users")

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """That a user is in a group, and as what."""

    group = models.ForeignKey(Group, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships", verbose_name=_("user")
    )
    role = models.CharField(_("role"), max_length=7, choices=Role.choices, default=Role.MEMBER)
    created_at = models.DateTimeField(_("since"), default=timezone.now, editable=False)

    objects = OwnedQuerySet["Membership"].as_manager()

    class Meta:
        verbose_name = _("member")
        verbose_name_plural = _("members")
        constraints = [models.UniqueConstraint(fields=["group", "user"], name="member_once")]
        indexes = [models.Index(fields=["group", "created_at"], name="member_oldest")]

    def __str__(self) -> str:
        return f"{self.user} ({self.get_role_display()})"


class Invitation(models.Model):
    """An offer to join a group, to an account or to an e-mail address. Its link works for nobody
    else; only the digest of the secret in it is kept."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    group = models.ForeignKey(Group, models.CASCADE, related_name="invitations")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="invitations"
    )
    email = models.EmailField(_("e-mail address"), blank=True)
    role = models.CharField(_("role"), max_length=7, choices=Role.choices, default=Role.MEMBER)
    digest = models.BinaryField(unique=True, editable=False)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)
    expires_at = models.DateTimeField(_("expires at"))

    objects = OwnedQuerySet["Invitation"].as_manager()

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(user=None) ^ models.Q(email=""), name="invitation_to_somebody"
            ),
        ]
        indexes = [
            models.Index(fields=["group", "-created_at"], name="invitation_newest"),
            models.Index(Upper("email"), name="invitation_by_email"),
        ]

    def __str__(self) -> str:
        return str(self.user or self.email)
