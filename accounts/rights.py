"""What one operator may do to another: nobody gives away, or takes over, more than they have."""

from __future__ import annotations

from django.contrib.auth.models import Group, Permission
from django.db.models import Q, QuerySet

from accounts.models import User


def of(user: User) -> QuerySet[Permission]:
    """The permissions that a user has, directly or by groups, even while suspended."""
    if user.is_superuser:
        return Permission.objects.all()
    return Permission.objects.filter(Q(user=user) | Q(group__user=user)).distinct()


def grantable_groups(manager: User) -> QuerySet[Group]:
    """The groups that give nothing that `manager` lacks."""
    beyond = Permission.objects.exclude(pk__in=of(manager).values("pk"))
    return Group.objects.exclude(permissions__in=beyond)


def may_manage(manager: User, user: User) -> bool:
    """Whether `user` may do nothing that `manager` may not: a new password is a takeover."""
    if manager.is_superuser or manager.pk == user.pk:
        return True
    beyond = of(user).exclude(pk__in=of(manager).values("pk"))
    return not user.is_superuser and not beyond.exists()


def manageable(manager: User, users: QuerySet[User]) -> list[User]:
    return [user for user in users if may_manage(manager, user)]
