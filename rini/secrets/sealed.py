"""Columns that hold sealed secrets, and their way to a new master key.

    class ApiKey(models.Model):
        sealed = SealedField(owner="user_id")

    sealed.put(key, "sealed", Secret("sk-…"))     # then save
    sealed.take(key, "sealed")                    # a Secret, or None for an empty column

The row's primary key is part of what is sealed, so it must be known before.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.db import models
from django.db.models.functions import Substr

from rini.secrets import crypto
from rini.secrets.crypto import Place
from rini.secrets.secret import Secret

OPERATOR = "operator"


class SealedField(models.BinaryField[bytes | memoryview | None, bytes | None]):
    """Bytes of `crypto`. `owner` names the attribute with the owner; without: the operator."""

    def __init__(self, *args: Any, owner: str = "", **options: Any) -> None:
        options["editable"] = False
        super().__init__(*args, **options)
        self.owner = owner

    def deconstruct(self) -> Any:
        name, path, arguments, options = super().deconstruct()
        return name, path, arguments, {**options, "owner": self.owner}

    def place_in(self, row: models.Model) -> Place:
        return Place(
            table=self.model._meta.db_table,
            column=self.attname,
            row=str(row.pk),
            owner=str(getattr(row, self.owner)) if self.owner else OPERATOR,
        )


def put(row: models.Model, column: str, secret: Secret) -> None:
    """Seal `secret` into the column; the caller saves."""
    setattr(row, column, crypto.seal(secret, **_field(row, column).place_in(row)))


def take(row: models.Model, column: str) -> Secret | None:
    """The secret in the column, None where it is empty. Raises `crypto.SealBroken`."""
    stored = getattr(row, column)
    if stored is None:
        return None
    return crypto.unseal(bytes(stored), **_field(row, column).place_in(row))


def fields() -> list[SealedField]:
    """Every sealed column of every app."""
    return [
        field
        for model in apps.get_models()
        for field in model._meta.local_concrete_fields
        if isinstance(field, SealedField)
    ]


def under_other_keys(field: SealedField) -> models.QuerySet[models.Model]:
    """The rows whose secret is not under the newest master key, by primary key."""
    key_id = Substr(
        field.name,
        crypto.KEY_ID.start + 1,
        crypto.KEY_ID.stop - crypto.KEY_ID.start,
        output_field=models.BinaryField(),
    )
    return (
        field.model._base_manager.annotate(key_id=key_id)
        .filter(**{f"{field.name}__isnull": False})
        .exclude(key_id=crypto.newest_key_id())
        .order_by("pk")
    )


def rewrap(field: SealedField, row: models.Model) -> bool:
    """Put one row under the newest master key; False if it has been changed or deleted meanwhile.

    Raises `crypto.SealBroken`.
    """
    old = bytes(getattr(row, field.attname))
    new = crypto.rewrap(old, **field.place_in(row))
    unchanged = field.model._base_manager.filter(pk=row.pk, **{field.name: old})
    return unchanged.update(**{field.name: new}) == 1


def batches(rows: models.QuerySet[models.Model], size: int) -> Iterator[list[models.Model]]:
    """`rows`, ordered by primary key, a batch a query: no lock, no cursor kept open."""
    batch = list(rows[:size])
    while batch:
        yield batch
        batch = list(rows.filter(pk__gt=batch[-1].pk)[:size])


def _field(row: models.Model, column: str) -> SealedField:
    field = row._meta.get_field(column)
    if not isinstance(field, SealedField):
        raise TypeError(f"{row._meta.label}.{column} is not a SealedField")
    return field
