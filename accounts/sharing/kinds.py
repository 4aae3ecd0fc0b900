"""The kinds of things that can be shared, by their names in ``/shares/{kind}/{id}``.

Accounts does not know what is shared: an app registers its kinds when it is ready, so that sharing
is one thing everywhere, and the arrows between the apps still point down.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from accounts.models import User
from accounts.sharing.models import Access, SharedQuerySet
from rini.errors import Forbidden, InvalidInput, NotFound
from rini.translation import gettext as _


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of thing. Those with a `message_id` are shown as they are at that message."""

    name: str
    shares: Any
    """Its subclass of `Share`."""
    accesses: tuple[Access, ...] = (Access.READ, Access.WRITE)
    has_links: bool = False

    def things(self) -> SharedQuerySet[Any]:
        rows: Any = self.shares._meta.get_field("thing").related_model
        found: SharedQuerySet[Any] = rows._default_manager.all()
        return found

    def columns(self, thing: Any, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """What else a share of `thing` keeps of a request's fields. Raises `InvalidInput`."""
        if "message_id" in wanted:
            raise InvalidInput(errors={"message_id": [_("This is for sessions only.")]})
        return {}

    def owned(self, user: User, thing_id: UUID) -> Any:
        """The thing, of which `user` decides who sees it. Raises `NotFound`, and `Forbidden` where
        it is only shared with `user`."""
        if thing := self.things().owned_by(user).filter(pk=thing_id).first():
            return thing
        if self.things().visible_to(user).filter(pk=thing_id).exists():
            raise Forbidden(_("Only its owner decides with whom this is shared."))
        raise NotFound(
            _("There is nothing with the id %(id)s among your %(kind)s.")
            % {"id": thing_id, "kind": self.name}
        )


_kinds: dict[str, Kind] = {}


def register(kind: Kind) -> None:
    """Have the API share things of a kind."""
    _kinds[kind.name] = kind


def names() -> list[str]:
    return sorted(_kinds)


def get(name: str) -> Kind:
    """Raises `NotFound`."""
    if kind := _kinds.get(name):
        return kind
    raise NotFound(
        _("“%(kind)s” is nothing that can be shared, but these are: %(kinds)s.")
        % {"kind": name, "kinds": ", ".join(names())}
    )
