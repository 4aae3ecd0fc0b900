"""Users in the lists of the administration: by their names, as links to their pages."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from rini.storage.remembered import Remembered

USER = _("user")
_REMEMBERED_SECONDS = 10.0


def user_link(user_id: UUID | None) -> str:
    """A user's name as a link; for one that was deleted, the id."""
    if user_id is None:
        return "–"
    if (name := _names(user_id)) is None:
        return str(user_id)
    address = reverse("admin:accounts_user_change", args=[user_id])
    return format_html('<a href="{}">{}</a>', address, name)


def user_column(name: str = "user_id", label: Any = USER) -> Any:
    """A column of a list that shows the user whose id stands in the attribute `name`."""

    @admin.display(description=label, ordering=name)
    def column(_admin: Any, row: Any) -> str:
        return user_link(getattr(row, name))

    return column


def _ask_name(user_id: UUID) -> str | None:
    user = User.objects.filter(pk=user_id).first()
    return None if user is None else str(user)


# The rows of a list name the same few users over and over.
_names = Remembered(_ask_name, seconds=_REMEMBERED_SECONDS)
