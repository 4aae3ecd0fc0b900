"""Conversations that are known by a number, with a model and maybe a key of their own."""

from __future__ import annotations

from django.db import transaction
from django.db.models import QuerySet

from accounts.authentication import Caller
from accounts.models import User
from accounts.permissions import refuse_limited_token
from conversations import search
from conversations.models import MemoryMode, Session, SessionNumber
from providers import keys, naming, own_server
from providers.models import Model, ModelKind
from rini.errors import InvalidInput, NotFound
from rini.secrets.secret import Secret
from rini.translation import gettext as _

LARGEST = 2**63 - 1


@transaction.atomic
def create(
    caller: Caller, *, title: str, model: str, provider: str | None, key: Secret | None = None
) -> Session:
    """A conversation with a model, which is looked for at `provider` first; the key is its own.

    Raises `InvalidInput` for a model that is nowhere, and `Forbidden` where the caller's token may
    not store a key.
    """
    if key is None:
        found = _find_model(caller, provider, model)
    else:
        found = naming.find_model_of_key(caller, provider, model, ModelKind.CHAT)
    session = Session.objects.create(
        user=caller.user,
        alias=title,
        model=str(found),
        memory_mode=MemoryMode.DISABLED,
    )
    SessionNumber.objects.create(session=session)
    search.index_title(session)
    if key is not None:
        refuse_limited_token(caller)
        keys.store(caller.user, found.provider, key, session_id=session.id)
    return session


def find(user: User, number: int) -> Session:
    """The user's conversation of that number. Raises `NotFound`, also for somebody else's."""
    found = numbered(user).filter(number=number).first() if number <= LARGEST else None
    if found is None:
        raise NotFound(_("Conversation %(number)s not found.") % {"number": number})
    return found


def numbered(user: User) -> QuerySet[Session]:
    """The user's numbered conversations, newest first."""
    mine = Session.objects.owned_by(user).filter(number__isnull=False)
    return mine.select_related("number").order_by("-number")


def _find_model(caller: Caller, provider: str | None, model: str) -> Model:
    """The model at `provider`, else at whoever has it, else at the operator's own server."""
    attempts: list[str | None] = [provider, None] if provider else [None]
    attempts += [own_server.SLUG] if own_server.has_address() else []
    refusals: list[InvalidInput] = []
    for slug in attempts:
        try:
            found = naming.find_model(caller, slug, model, ModelKind.CHAT)
        except InvalidInput as refusal:
            if refusal.code != "model_not_found":
                raise
            refusals.append(refusal)
        else:
            if found.pk or slug != provider or slug is None:  # a server of one's own may list it
                return found
    raise refusals[0]
