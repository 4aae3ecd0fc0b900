"""Whom a request names: an account, by its id, its name or its e-mail address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Value
from django.db.models.functions import Lower
from django.db.models.lookups import Exact
from rest_framework import serializers

from accounts.models import User
from accounts.serializers import UserName
from rini.errors import InvalidInput
from rini.translation import gettext as _

NAMES = ("user_id", "username", "email")


class PersonFields(serializers.Serializer[Any]):
    """An account, by one of these."""

    user_id = serializers.UUIDField(required=False)
    username = UserName(required=False)
    email = serializers.EmailField(required=False, max_length=254)


def check_is_one(attrs: Mapping[str, Any], *names: str) -> None:
    """Raise DRF's `ValidationError` unless exactly one of `names` is given."""
    if sum(name in attrs for name in names) != 1:
        message = _("Give exactly one of these: %(names)s.") % {"names": ", ".join(names)}
        raise serializers.ValidationError({names[0]: [message]})


def find(named: Mapping[str, Any]) -> User | None:
    """The account that `named` has one of `NAMES` of; names and addresses in any case."""
    if "user_id" in named:
        return User.objects.filter(pk=named["user_id"]).first()
    [field] = named.keys() & {"username", "email"}
    return User.objects.filter(Exact(Lower(field), Lower(Value(named[field])))).first()


def get(named: Mapping[str, Any]) -> User:
    """As `find`; raises `InvalidInput` on the field where there is no such account."""
    if user := find(named):
        return user
    [field] = named.keys() & set(NAMES)
    raise InvalidInput(
        errors={field: [_("There is no account %(named)s.") % {"named": named[field]}]}
    )
