"""Invitations to groups: each for one account or one e-mail address, with a link that expires.

The link alone opens nothing: whoever follows it must be the invited account, or have the invited
address. An address alone opens nothing either: without a check by mail anybody could claim it.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts import groups, security_log
from accounts.group_models import Invitation, Membership, Role
from accounts.models import EventName, User
from rini.errors import Conflict, NotFound
from rini.secrets.secret import Secret
from rini.translation import gettext as _

PATTERN = "[A-Za-z0-9_-]{43}"
"""A link's secret: 256 random bits."""


@transaction.atomic
def invite(
    user: User, group_id: UUID, role: Role, *, person: User | None = None, email: str = ""
) -> tuple[Invitation, Secret]:
    """Invite an account, or whoever has an address; and the secret of the link.

    A new invitation of the same person takes the place of an older one. Raises `Forbidden`, and
    `Conflict` for a member.
    """
    mine = groups.lock(user, group_id, Role.MANAGER)
    groups.check_may_give(mine, role)
    if person and mine.group.memberships.filter(user=person).exists():
        raise Conflict(_("This account is in the group already."))
    former = Invitation.objects.filter(group=group_id)
    former.filter(user=person, email__iexact=email).delete()
    groups.check_room(mine.group)
    secret = secrets.token_urlsafe(32)
    invitation = Invitation.objects.create(
        group=mine.group,
        user=person,
        email=email,
        role=role,
        digest=_digest(secret),
        expires_at=timezone.now() + timedelta(days=settings.INVITATION_DAYS),
    )
    _tell(EventName.INVITATION_CREATED, invitation)
    return invitation, Secret(secret)


def open_of(user: User, group_id: UUID) -> QuerySet[Invitation]:
    """The invitations of a group that nobody has accepted yet, for its owners and managers."""
    groups.check(user, group_id, Role.MANAGER)
    unexpired = _unexpired().filter(group=group_id).select_related("group", "user")
    return unexpired.order_by("-created_at", "-pk")


@transaction.atomic
def take_back(user: User, group_id: UUID, invitation_id: UUID) -> None:
    """Raises `NotFound`, and `Forbidden` for one to a role that `user` may not give."""
    mine = groups.lock(user, group_id, Role.MANAGER)
    found = Invitation.objects.filter(group=group_id, pk=invitation_id).first()
    if found is None:
        raise NotFound(_("Invitation %(id)s not found.") % {"id": invitation_id})
    groups.check_may_give(mine, Role(found.role))
    _end(found)


def to(user: User) -> QuerySet[Invitation]:
    """The invitations of an account, the newest first; not those of its address, which anybody
    could claim to see who is invited where."""
    mine = _unexpired().filter(user=user).select_related("group", "user")
    return mine.order_by("-created_at", "-pk")


def find(user: User, secret: str) -> Invitation:
    """The invitation of a link. Raises `NotFound`, also for somebody else's."""
    addressed = _unexpired().filter(_addressed(user)).select_related("group", "user")
    if found := addressed.filter(digest=_digest(secret)).first():
        return found
    raise NotFound(
        _(
            "There is no such invitation for this account: it has expired, was taken back, or is "
            "for somebody else."
        )
    )


@transaction.atomic
def accept(user: User, secret: str) -> Membership:
    """Join the group of a link. Raises `NotFound`, and `Conflict` for a member."""
    group = find(user, secret).group
    # Locked as for all that changes who is in it; then it must still be open.
    type(group).objects.select_for_update(no_key=True).filter(pk=group.pk).first()
    invitation = find(user, secret)
    _tell(EventName.INVITATION_ACCEPTED, invitation)
    invitation.delete()
    return groups.join(group, user, Role(invitation.role))


def decline(user: User, secret: str) -> None:
    """Raises `NotFound`."""
    _end(find(user, secret))


def forget() -> int:
    """Delete the invitations that have expired; how many."""
    return Invitation.objects.filter(expires_at__lte=timezone.now()).delete()[0]


def _unexpired() -> QuerySet[Invitation]:
    return Invitation.objects.filter(expires_at__gt=timezone.now())


def _addressed(user: User) -> Q:
    return Q(user=user) | Q(email__iexact=user.email) if user.email else Q(user=user)


def _end(invitation: Invitation) -> None:
    _tell(EventName.INVITATION_ENDED, invitation)
    invitation.delete()


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("ascii")).digest()


def _tell(event: EventName, invitation: Invitation) -> None:
    group = {"group": str(invitation.group_id), "name": invitation.group.name}
    details = {**group, "role": invitation.role, "email": invitation.email}
    security_log.record(event, user_id=invitation.user_id, details=details)
