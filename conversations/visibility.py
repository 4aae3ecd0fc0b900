"""Who may see which rows of conversations: their owners, until they run out, and of sessions those
with whom they are shared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models.functions import Now

from accounts.sharing.models import SharedQuerySet
from rini.storage.database import OwnedQuerySet

if TYPE_CHECKING:
    # They are made with these query sets.
    from conversations.models import (  # noqa: F401  # mypy reads the names in quotes
        Generation,
        Message,
        SearchEntry,
        Session,
        SessionShare,
    )


def unexpired(prefix: str = "") -> models.Q:
    """Rows whose session, at `prefix`, has not run out: one that has counts as deleted."""
    lasting = models.Q(**{f"{prefix}expires_after": None})
    used_since = Now() - models.F(f"{prefix}expires_after")
    return lasting | models.Q(**{f"{prefix}last_accessed__gt": used_since})


class SessionQuerySet(SharedQuerySet["Session"]):
    """Others see of a session only the path that was shared: `conversations.shared` reads it for
    them, and everything else goes through `owned_by`."""

    @classmethod
    def shares(cls) -> type[SessionShare]:
        from conversations.models import SessionShare

        return SessionShare

    def owned_by(self, user: models.Model) -> Self:
        return super().owned_by(user).filter(unexpired(), hidden=False)

    def visible_to(self, user: models.Model) -> Self:
        return super().visible_to(user).filter(unexpired(), hidden=False)

    def changeable_by(self, user: models.Model) -> Self:
        return self.owned_by(user)


class MessageQuerySet(OwnedQuerySet["Message"]):
    def visible_to(self, user: models.Model) -> Self:
        return super().visible_to(user).filter(unexpired("session__"), session__hidden=False)


class GenerationQuerySet(OwnedQuerySet["Generation"]):
    def visible_to(self, user: models.Model) -> Self:
        """Those of hidden sessions too: whoever knows an answer's id may read and stop it."""
        return super().visible_to(user).filter(unexpired("session__"))


class SearchEntryQuerySet(OwnedQuerySet["SearchEntry"]):
    def visible_to(self, user: models.Model) -> Self:
        return super().visible_to(user).filter(unexpired("session__"), session__hidden=False)
