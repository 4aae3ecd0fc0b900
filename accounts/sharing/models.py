"""Who else may see a thing, and who may change it: the one rule for every kind of thing.

A kind that can be shared has a table of its own that inherits `Share`, and a query set that
inherits `SharedQuerySet`:

    class NoteShare(Share):
        thing = models.ForeignKey(Note, models.CASCADE, related_name="shares")

so the database sees to it that no share outlives its thing. `accounts.sharing.kinds` makes a kind
known to the API.
"""

from __future__ import annotations

import uuid
from typing import Any, Self, TypeVar

from django.conf import settings
from django.db import models
from django.db.models import Case, Exists, OuterRef, Q, QuerySet, Value, When
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.group_models import Group, Membership
from rini.storage.database import OwnedQuerySet

M_co = TypeVar("M_co", bound=models.Model, covariant=True)


class Access(models.TextChoices):
    READ = "read", _("read")
    WRITE = "write", _("read and write")


class ShareQuerySet(OwnedQuerySet[Any]):
    """Shares. Those that name a user belong to it in so far as it may end them."""

    def counting_for(self, user: models.Model) -> Self:
        """The shares by which `user` sees things, in whichever way."""
        groups = Membership.objects.visible_to(user).values("group")
        return self.filter(Q(user=user.pk) | Q(everyone=True) | Q(group__in=groups))


class Share(models.Model):
    """That somebody may see or change a thing: a user, the members of a group, everybody with an
    account, or whoever has a link, of whose secret the digest is kept."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        null=True,
        db_index=False,  # the constraint below is one
        related_name="+",
        verbose_name=_("user"),
    )
    group = models.ForeignKey(
        Group,
        models.CASCADE,
        null=True,
        db_index=False,
        related_name="+",
        verbose_name=_("group of users"),
    )
    everyone = models.BooleanField(_("everyone"), default=False)
    link_digest = models.BinaryField(null=True, unique=True, editable=False)
    access = models.CharField(
        _("access"), max_length=5, choices=Access.choices, default=Access.READ
    )
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)

    objects = ShareQuerySet.as_manager()

    class Meta:
        abstract = True
        constraints = [
            models.UniqueConstraint(fields=["user", "thing"], name="%(class)s_of_user"),
            models.UniqueConstraint(fields=["group", "thing"], name="%(class)s_of_group"),
            models.UniqueConstraint(
                fields=["thing"], condition=Q(everyone=True), name="%(class)s_of_all"
            ),
            models.CheckConstraint(
                condition=(Q(user=None) & Q(group=None) & Q(everyone=True) & Q(link_digest=None))
                | (Q(user=None) & Q(group=None) & Q(everyone=False) & ~Q(link_digest=None))
                | (Q(user=None) & ~Q(group=None) & Q(everyone=False) & Q(link_digest=None))
                | (~Q(user=None) & Q(group=None) & Q(everyone=False) & Q(link_digest=None)),
                name="%(class)s_to_one",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk} ({self.access})"


class SharedQuerySet(OwnedQuerySet[M_co]):
    """Rows that belong to a user, who may have shared them. Without a share nobody but the owner
    sees or changes a row, whatever rights an operator has."""

    @classmethod
    def shares(cls) -> type[Share]:
        """The kind's table of shares, which is declared below what it refers to."""
        raise NotImplementedError

    def owned_by(self, user: models.Model) -> Self:
        return self.filter(user_id=user.pk)

    def visible_to(self, user: models.Model) -> Self:
        """The rows that `user` owns or that are shared with it, in whichever way."""
        return self._of(user, self._shares(user))

    def changeable_by(self, user: models.Model) -> Self:
        """The rows that `user` owns, or that are shared with it to write."""
        return self._of(user, self._shares(user, access=Access.WRITE))

    def with_access(self, user: models.Model) -> Self:
        """Each row with what `user` may do with it, as `my_access`."""
        mine = Q(user_id=user.pk)
        writable = [
            When(Exists(shares.filter(thing=OuterRef("pk"))), then=Value(Access.WRITE.value))
            for shares in self._shares(user, access=Access.WRITE)
        ]
        return self.annotate(
            my_access=Case(
                When(mine, then=Value(Access.WRITE.value)),
                *writable,
                default=Value(Access.READ.value),
            )
        )

    def _of(self, user: models.Model, shares: list[QuerySet[Any]]) -> Self:
        # One list of ids, each part of which has its index: of an `OR` over the tables PostgreSQL
        # would make a walk through all rows.
        owned = self.model._default_manager.filter(user_id=user.pk).order_by().values("pk")
        return self.filter(
            pk__in=owned.union(*(found.values("thing_id") for found in shares), all=True)
        )

    def _shares(self, user: models.Model, **filters: Any) -> list[QuerySet[Any]]:
        """The shares that count for `user`, in one query set for each way."""
        rows = self.shares()._default_manager.filter(**filters).order_by()
        groups = Membership.objects.visible_to(user).values("group")
        return [
            rows.filter(user_id=user.pk),
            rows.filter(group__in=groups),
            rows.filter(everyone=True),
        ]
