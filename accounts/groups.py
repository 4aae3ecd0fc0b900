"""Groups: who makes them, who is in them, and that each has an owner.

    owner     everything: the group's end, everybody's role
    manager   its name and description, members and invitations; nothing about owners and managers
    member    sees the group and what is shared with it, and may leave

Whatever changes who is in a group locks its row first, so that two owners who leave at once do not
leave it to nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Case, Count, OuterRef, QuerySet, Subquery, Value, When
from django.utils import timezone

from accounts import security_log
from accounts.group_models import Group, Invitation, Membership, Role
from accounts.models import EventName, User
from rini.errors import Conflict, Forbidden, NotFound
from rini.translation import gettext as _
from rini.translation import gettext_noop

_RANKS = {Role.MEMBER: 0, Role.MANAGER: 1, Role.OWNER: 2}
_BY_RANK = Case(*(When(role=role, then=Value(-rank)) for role, rank in _RANKS.items()))
LAST_OWNER = gettext_noop(
    "This is the last owner of the group %(group)s: make somebody else an owner first, or delete "
    "the group."
)


def seen_by(user: User) -> QuerySet[Group]:
    """The groups that a user is in, the newest first, each with `my_role` and `member_count`."""
    in_group = Membership.objects.filter(group=OuterRef("pk"))
    count = in_group.order_by().values("group").annotate(n=Count("pk")).values("n")
    return (
        Group.objects.visible_to(user)
        .annotate(
            my_role=Subquery(in_group.filter(user_id=user.pk).values("role")),
            member_count=Subquery(count),
        )
        .order_by("-created_at", "-pk")
    )


def members(user: User, group_id: UUID) -> QuerySet[Membership]:
    """Who is in a group, the oldest first. Raises `NotFound` for whoever is not in it."""
    _mine(user, group_id)
    found = Membership.objects.filter(group=group_id).select_related("user")
    return found.order_by("created_at", "pk")


def check(user: User, group_id: UUID, least: Role) -> Membership:
    """The user's membership. Raises `NotFound`, and `Forbidden` for a lower role than `least`."""
    mine = _mine(user, group_id)
    if _RANKS[Role(mine.role)] < _RANKS[least]:
        raise Forbidden(
            _("Only owners and managers of the group may do this.")
            if least is Role.MANAGER
            else _("Only owners of the group may do this.")
        )
    return mine


def lock(user: User, group_id: UUID, least: Role = Role.MEMBER) -> Membership:
    """`check`, and nobody else changes the group until the end of the transaction."""
    # Not its key: whoever refers to the group need not wait.
    Group.objects.select_for_update(no_key=True).filter(pk=group_id).first()
    return check(user, group_id, least)


@transaction.atomic
def create(user: User, fields: Mapping[str, Any]) -> Group:
    """A new group, which `user` owns."""
    group = Group.objects.create(**fields)
    join(group, user, Role.OWNER)
    security_log.record(EventName.GROUP_CREATED, details=_named(group))
    return group


def delete(user: User, group_id: UUID) -> None:
    """Delete a group; what was shared with it is not shared with its members any more."""
    with transaction.atomic():
        group = lock(user, group_id, Role.OWNER).group
        details = _named(group)
        group.delete()
        security_log.record(EventName.GROUP_DELETED, details=details)


@transaction.atomic
def add(user: User, group_id: UUID, person: User, role: Role) -> Membership:
    """Put `person` into a group, as one of its owners or managers. Raises `Conflict` for somebody
    who is in it."""
    mine = lock(user, group_id, Role.MANAGER)
    check_may_give(mine, role)
    check_room(mine.group)
    added = join(mine.group, person, role)
    Invitation.objects.filter(group=group_id, user=person).delete()
    return added


@transaction.atomic
def set_role(user: User, group_id: UUID, person_id: UUID, role: Role) -> Membership:
    """Give a member another role. Raises `Conflict` for a last owner."""
    mine = lock(user, group_id, Role.MANAGER)
    member = _member(group_id, person_id)
    check_may_give(mine, role)
    check_may_give(mine, Role(member.role))
    if role is not Role.OWNER:
        _check_not_last_owner(member)
    member.role = role
    member.save(update_fields=["role"])
    _tell(EventName.MEMBER_CHANGED, member, role=role.value)
    return member


@transaction.atomic
def remove(user: User, group_id: UUID, person_id: UUID) -> None:
    """Take somebody out of a group: oneself, or whom one's role may. Raises `Conflict` for a last
    owner."""
    leaves = user.pk == person_id
    mine = lock(user, group_id, Role.MEMBER if leaves else Role.MANAGER)
    member = mine if leaves else _member(group_id, person_id)
    if not leaves:
        check_may_give(mine, Role(member.role))
    _check_not_last_owner(member)
    _tell(EventName.MEMBER_REMOVED, member)
    member.delete()


def leave_all(user: User, *, hand_over: bool) -> None:
    """Take an account that is about to be deleted out of its groups, within its transaction.

    A group that nobody else is in is deleted. Of one that it alone owns, the oldest of the next
    lower role becomes the owner; without `hand_over` that raises `Conflict`.
    """
    ids = Membership.objects.visible_to(user).values("group")
    for group in Group.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk"):
        others = group.memberships.exclude(user=user)
        heir = others.order_by(_BY_RANK, "created_at", "pk").first()
        if heir is None:
            group.delete()
            continue
        if heir.role != Role.OWNER:
            if not hand_over and group.memberships.filter(user=user, role=Role.OWNER).exists():
                raise _last_owner(group)
            _inherit(group, user, heir)
        group.memberships.filter(user=user).delete()


def join(group: Group, person: User, role: Role) -> Membership:
    """Put `person` into a group whose row is locked, or new. Raises `Conflict`."""
    if Membership.objects.visible_to(person).count() >= settings.MAX_GROUPS:
        raise Conflict(
            _("An account can be in %(most)s groups at most.") % {"most": settings.MAX_GROUPS},
            code="limit_reached",
        )
    try:
        with transaction.atomic():
            added = Membership.objects.create(group=group, user=person, role=role)
    except IntegrityError:
        if not User.objects.filter(pk=person.pk).exists():
            raise Conflict(_("This account has just been deleted.")) from None
        raise Conflict(_("This account is in the group already.")) from None
    _tell(EventName.MEMBER_ADDED, added, role=role.value)
    return added


def check_may_give(mine: Membership, role: Role) -> None:
    """Raise `Forbidden` unless `mine` may give, and take away, `role`."""
    if mine.role != Role.OWNER and role is not Role.MEMBER:
        raise Forbidden(_("Only owners of the group decide about owners and managers."))


def check_room(group: Group) -> None:
    """Raise `Conflict` where no more may come, those who are invited counted."""
    invited = group.invitations.filter(expires_at__gt=timezone.now()).count()
    if group.memberships.count() + invited >= settings.MAX_GROUP_MEMBERS:
        raise Conflict(
            _("A group has %(most)s members at most, together with those who are invited.")
            % {"most": settings.MAX_GROUP_MEMBERS},
            code="limit_reached",
        )


def _mine(user: User, group_id: UUID) -> Membership:
    mine = Membership.objects.visible_to(user).filter(group=group_id).select_related("group")
    if found := mine.first():
        return found
    raise NotFound(_("Group %(id)s not found.") % {"id": group_id})


def _member(group_id: UUID, person_id: UUID) -> Membership:
    found = Membership.objects.filter(group=group_id, user=person_id)
    if member := found.select_related("group", "user").first():
        return member
    raise NotFound(_("%(id)s is not a member of the group.") % {"id": person_id})


def _check_not_last_owner(member: Membership) -> None:
    others = Membership.objects.filter(group=member.group_id, role=Role.OWNER)
    if member.role == Role.OWNER and not others.exclude(pk=member.pk).exists():
        raise _last_owner(member.group)


def _last_owner(group: Group) -> Conflict:
    return Conflict(_(LAST_OWNER) % {"group": group.name}, code="last_owner")


def _inherit(group: Group, user: User, heir: Membership) -> None:
    if group.memberships.filter(user=user, role=Role.OWNER).exists():
        heir.role = Role.OWNER
        heir.save(update_fields=["role"])
        _tell(EventName.MEMBER_CHANGED, heir, role=Role.OWNER.value)


def _tell(event: EventName, member: Membership, **details: Any) -> None:
    security_log.record(event, user_id=member.user_id, details=_named(member.group) | details)


def _named(group: Group) -> dict[str, str]:
    return {"group": str(group.pk), "name": group.name}
