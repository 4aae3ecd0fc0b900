"""Sharing things and ending it, as their owners do."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from accounts import people, security_log
from accounts.group_models import Group
from accounts.models import EventName, User
from accounts.sharing.kinds import Kind
from accounts.sharing.models import Access, Share
from rini.errors import Conflict, InvalidInput, NotFound
from rini.secrets.secret import Secret
from rini.translation import gettext as _

Recipient = Mapping[str, Any]
"""The column that says with whom, and its value: ``{"user_id": …}``, ``{"group_id": …}`` or
``{"everyone": True}``."""


def of(kind: Kind, user: User, thing_id: UUID) -> list[Share]:
    """With whom a thing is shared, for its owner, the oldest share first.

    Raises as `Kind.owned`.
    """
    shares = _rows(kind, kind.owned(user, thing_id)).select_related("user", "group")
    return list(shares.order_by("created_at", "pk"))


def recipient(user: User, wanted: Mapping[str, Any]) -> Recipient:
    """Whom a request names. Raises `InvalidInput` for nobody, and for a group that `user` is not
    in."""
    if "group_id" in wanted:
        if not Group.objects.visible_to(user).filter(pk=wanted["group_id"]).exists():
            message = _("You are in no group with the id %(id)s.") % {"id": wanted["group_id"]}
            raise InvalidInput(errors={"group_id": [message]})
        return {"group_id": wanted["group_id"]}
    if "everyone" in wanted:
        return {"everyone": True}
    person = people.get(wanted)
    if person.pk == user.pk:
        [field] = wanted.keys() & set(people.NAMES)
        raise InvalidInput(errors={field: [_("This is yours: share it with somebody else.")]})
    return {"user_id": person.pk}


@transaction.atomic
def give(kind: Kind, user: User, thing_id: UUID, wanted: Mapping[str, Any]) -> None:
    """Share a thing, or change how it is shared. Raises as `Kind.owned`, `InvalidInput`, and
    `Conflict` where it is shared with too many."""
    thing = kind.owned(user, thing_id)
    access: Access = wanted["access"]
    if access not in kind.accesses:
        message = _("%(kind)s can only be shared to be read.") % {"kind": kind.name}
        raise InvalidInput(errors={"access": [message]})
    whom = recipient(user, wanted)
    columns = {"access": access, **kind.columns(thing, wanted)}
    rows = _rows(kind, thing)
    if not rows.filter(**whom).exists():
        _check_room(rows)
    rows.update_or_create(thing=thing, **whom, defaults=columns)
    _tell(EventName.SHARED, kind, thing_id, whom, access=access.value)


@transaction.atomic
def end(kind: Kind, user: User, thing_id: UUID, whom: Recipient | None) -> None:
    """End a share, or with None all of a thing's, its link too. Who a thing is shared with may end
    that too. Raises as `Kind.owned`, and `NotFound` where there is no such share."""
    is_own = whom == {"user_id": user.pk}
    rows: Any = kind.shares.objects.filter(thing_id=thing_id)
    if not is_own:
        rows = _rows(kind, kind.owned(user, thing_id))
    ended, _by_table = rows.filter(**(whom or {})).delete()
    if whom is not None and not ended:
        raise NotFound(_("It is not shared with them."))
    if ended:
        _tell(EventName.UNSHARED, kind, thing_id, whom or {"anybody": True})


@transaction.atomic
def make_link(kind: Kind, user: User, thing_id: UUID, wanted: Mapping[str, Any]) -> Secret:
    """The secret of a new link by which anybody may read a thing; an older link of it ends.

    Raises as `Kind.owned`, and `NotFound` for a kind that has no links.
    """
    thing = _with_link(kind, user, thing_id)
    columns = kind.columns(thing, wanted)
    _links(kind, thing).delete()
    _check_room(_rows(kind, thing))
    secret = secrets.token_urlsafe(32)
    kind.shares._default_manager.create(thing=thing, link_digest=digest_of(secret), **columns)
    _tell(EventName.SHARED, kind, thing_id, {"link": True})
    return Secret(secret)


@transaction.atomic
def end_link(kind: Kind, user: User, thing_id: UUID) -> None:
    """Have a thing's link work no longer. Raises `NotFound` where it has none."""
    ended, _by_table = _links(kind, _with_link(kind, user, thing_id)).delete()
    if not ended:
        raise NotFound(_("There is no link to it."))
    _tell(EventName.UNSHARED, kind, thing_id, {"link": True})


def digest_of(secret: str) -> bytes:
    """What is kept of a link's secret, which is ASCII."""
    return hashlib.sha256(secret.encode("ascii")).digest()


def _with_link(kind: Kind, user: User, thing_id: UUID) -> Any:
    if not kind.has_links:
        raise NotFound(_("%(kind)s have no links.") % {"kind": kind.name})
    return kind.owned(user, thing_id)


def _rows(kind: Kind, thing: Any) -> QuerySet[Any]:
    found: QuerySet[Any] = kind.shares._default_manager.filter(thing=thing)
    return found


def _links(kind: Kind, thing: Any) -> QuerySet[Any]:
    return _rows(kind, thing).filter(link_digest__isnull=False)


def _check_room(rows: QuerySet[Any]) -> None:
    if rows.count() >= settings.MAX_SHARES:
        raise Conflict(
            _("One thing has %(most)s shares at most: share it with a group.")
            % {"most": settings.MAX_SHARES},
            code="limit_reached",
        )


def _tell(event: EventName, kind: Kind, thing_id: UUID, whom: Recipient, **details: Any) -> None:
    [(column, value)] = whom.items()
    told = {f"with_{column.removesuffix('_id')}": value if value is True else str(value)}
    details = {"kind": kind.name, "id": str(thing_id), **told, **details}
    security_log.record(event, details=details)
