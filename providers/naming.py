"""From the names that callers give to a row of the catalogue.

A model is named ``provider`` + ``model``, ``provider/model`` in one, or by its own name alone where
that leaves no doubt. Names may hold slashes and colons themselves (``openai/gpt-oss-20b`` at Groq,
``qwen3:8b`` at Ollama), so a slash is read both ways, as the provider's first.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from operator import or_

from django.conf import settings
from django.db.models import Q

from accounts.authentication import Caller
from providers import access
from providers.models import Model, Provider
from providers.vendors import vendor_of_model
from rini.errors import InvalidInput
from rini.storage.remembered import Remembered
from rini.translation import gettext as _

NEAR_NAMES = 5
_LONGEST = 200
"""Characters of a model's name, as the catalogue and the ledger keep it."""
_Reading = tuple[str | None, str]
"""A provider's slug (None: any) and a model's name."""


def find_model(caller: Caller, provider: str | None, model: str, kind: str) -> Model:
    """The model that is meant, with its provider; it may be disabled, or of another kind.

    A model that is in no table is its provider's, by its prefix or by what vendors' models are
    named like, if that takes any, or the caller has a key for it. Raises `InvalidInput`.
    """
    if len(model) > _LONGEST:
        raise _nowhere(model, kind)
    readings = list(_readings(provider, model))
    rows = _rows(tuple(readings))
    for slug, name in readings:
        found = [row for row in rows if row.name == name and slug in {None, row.provider_id}]
        if found:
            return _choose(caller, found, model, kind)
    if provider:
        return _unlisted(caller, provider, model, kind)
    return _unlisted_or_bare(caller, model, kind)


def find_model_of_key(caller: Caller, provider: str | None, model: str, kind: str) -> Model:
    """The model that a key comes with. A key goes to the provider that it was given for, and to
    nobody else: `provider`, else the one that the name begins with, else the only one whose models
    of that name the catalogue lists. That some server lists one says nothing of the key.

    Raises `InvalidInput`.
    """
    head, __, tail = model.partition("/")
    slug = provider or (head if tail and _provider(head) is not None else None)
    if slug:
        return find_model(caller, slug, model, kind)
    found = [row for row in _rows(((None, model),)) if row.kind == kind]
    if not found:
        raise _nowhere(model, kind)
    if len(found) > 1:
        raise _ambiguous(model, found)
    return found[0]


def find_provider(slug: str, field: str = "provider") -> Provider:
    """An enabled provider. Raises `InvalidInput` with a message on `field`."""
    row = _provider(slug)
    if row is None:
        near = _near(slug, Provider.objects.values_list("slug", flat=True))
        message = _("There is no provider %(name)s.") % {"name": _quoted(slug)} + near
        raise invalid(field, "provider_not_found", message)
    if not row.enabled:
        raise invalid(
            field,
            "provider_disabled",
            _("The operator has disabled %(provider)s.") % {"provider": slug},
        )
    return row


def wrong_with_provider(slug: str) -> str:
    """What is wrong with a provider's name; empty if nothing is, though it may be disabled."""
    if _provider(slug) is not None:
        return ""
    near = _near(slug, Provider.objects.values_list("slug", flat=True))
    return _("There is no provider %(name)s.") % {"name": _quoted(slug)} + near


def _ask_rows(readings: Sequence[_Reading]) -> list[Model]:
    named = reduce(or_, (Q(**_where(reading)) for reading in readings))
    return list(Model.objects.select_related("provider").filter(named))


def _ask_provider(slug: str) -> Provider | None:
    return Provider.objects.filter(slug=slug).first()


# Every call of a model asks for these; what an operator changes is seen a moment later.
_rows = Remembered(_ask_rows, seconds=settings.CATALOGUE_REMEMBERED_SECONDS)
_provider = Remembered(_ask_provider, seconds=settings.CATALOGUE_REMEMBERED_SECONDS)


def invalid(field: str, code: str, message: str) -> InvalidInput:
    return InvalidInput(message, code=code, errors={field: [message]})


def _readings(provider: str | None, model: str) -> Iterator[_Reading]:
    """What the names may mean, the likeliest first."""
    if provider:
        yield provider, model
        if model.startswith(f"{provider}/"):
            yield provider, model.removeprefix(f"{provider}/")
        return
    head, _, tail = model.partition("/")
    if tail:
        yield head, tail
    yield None, model


def _where(reading: _Reading) -> dict[str, str]:
    slug, name = reading
    return {"name": name} if slug is None else {"provider_id": slug, "name": name}


def _choose(caller: Caller, rows: Sequence[Model], model: str, kind: str) -> Model:
    """Of several providers' models of the name, the only one that will do, or is usable."""
    if len(rows) == 1:
        return rows[0]
    fitting = [row for row in rows if row.kind == kind and row.enabled and row.provider.enabled]
    slugs = access.usable_providers(caller, [row.provider for row in fitting])
    usable = [row for row in fitting if row.provider_id in slugs and access.allows(caller, row)]
    for only in (fitting, usable):
        if len(only) == 1:
            return only[0]
    raise _ambiguous(model, usable or fitting or rows)


def _ambiguous(model: str, rows: Iterable[Model]) -> InvalidInput:
    message = _("Several providers have %(model)s. Name one: %(names)s.") % {
        "model": _quoted(model),
        "names": ", ".join(map(str, rows)),
    }
    return invalid("model", "model_ambiguous", message)


def _unlisted(caller: Caller, slug: str, name: str, kind: str) -> Model:
    """A model that the catalogue does not list, at a provider that is open to it."""
    provider = find_provider(slug)
    if access.takes_unlisted(caller, provider):
        name = name.removeprefix(f"{slug}/")
        return access.unlisted(provider, access.served_name(provider, name) or name, kind)
    names = provider.models.filter(kind=kind, enabled=True).values_list("name", flat=True)
    raise _not_found(
        _("%(provider)s has no %(kind)s model %(name)s.%(near)s")
        % {"provider": slug, "kind": kind, "name": _quoted(name), "near": _near(name, names)}
    )


def _unlisted_or_bare(caller: Caller, model: str, kind: str) -> Model:
    head, __, tail = model.partition("/")
    if tail and _provider(head) is not None:
        return _unlisted(caller, head, tail, kind)
    for provider in Provider.objects.filter(enabled=True, any_model=True, needs_key=False):
        if name := access.served_name(provider, model):
            return access.unlisted(provider, name, kind)
    maker = _provider(vendor_of_model(model) or "")
    if maker is not None and access.takes_unlisted(caller, maker):
        return access.unlisted(maker, model, kind)
    raise _nowhere(model, kind)


def _nowhere(model: str, kind: str) -> InvalidInput:
    known = Model.objects.filter(kind=kind, enabled=True, provider__enabled=True)
    by_either_name = {name: str(row) for row in known for name in (row.name, str(row))}
    near = _listed(by_either_name[name] for name in _close(model, by_either_name))
    return _not_found(
        _("There is no %(kind)s model %(model)s.%(near)s")
        % {"kind": kind, "model": _quoted(model), "near": near}
    )


def _not_found(message: str) -> InvalidInput:
    return invalid(
        "model",
        "model_not_found",
        _("%(message)s GET /llm/models lists yours.") % {"message": message},
    )


def _near(name: str, names: Iterable[str]) -> str:
    return _listed(_close(name, names))


def _close(name: str, names: Iterable[str]) -> list[str]:
    return difflib.get_close_matches(name[:200], list(names), NEAR_NAMES, cutoff=0.5)


def _listed(names: Iterable[str]) -> str:
    found = ", ".join(dict.fromkeys(names))
    return " " + _("Similar names: %(names)s.") % {"names": found} if found else ""


def _quoted(name: str) -> str:
    return f"“{name[:100]}”"
