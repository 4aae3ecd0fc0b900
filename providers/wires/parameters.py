"""What a client's parameters mean to a vendor that has its own: for wires that translate them.

A client sends OpenAI's parameters, and often all of them with their defaults. What changes nothing
is left out; what the vendor has no word for is refused by name, never dropped in silence.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Set
from typing import Any

from providers.errors import ProviderRefused
from providers.refusals import scrubbed
from rini.translation import gettext as _

Params = Mapping[str, Any]

_CHANGE_NOTHING: Mapping[str, tuple[object, ...]] = {
    "frequency_penalty": (0,),
    "function_call": ("none", "auto"),
    "functions": ([],),
    "logit_bias": ({},),
    "logprobs": (False,),
    "modalities": (["text"], []),
    "n": (1,),
    "presence_penalty": (0,),
    "response_format": ({"type": "text"},),
    "stop": ([],),
    "store": (False,),
    "tools": ([],),
    "top_logprobs": (0,),
    "verbosity": ("medium",),
}
"""Values that say what is so without them."""
_NOT_FOR_VENDORS = frozenset(("metadata", "prompt_cache_key", "prompt_cache_retention"))
"""Labels for what OpenAI stores, and hints to OpenAI's caches: no answer depends on them."""
_THE_WIRES_OWN = frozenset(("encoding_format", "stream", "stream_options"))


def refused(provider: str, what: str, param: str) -> ProviderRefused:
    """The error for a request that never reaches the vendor: `what` is wrong with its `param`.

    `what` may quote the client: the message is one line of a sensible length."""
    message = scrubbed(
        _("%(provider)s %(refusal)s") % {"provider": provider, "refusal": what}, None
    )
    return ProviderRefused(message, errors={param: [message]})


def unknown_role(role: object) -> str:
    """What `refused` says of a message of a role that the vendor has not."""
    if not role:
        return _("takes no message without a role.")
    return _("takes no message of role %(role)s.") % {"role": str(role)[:40]}


def meaningful(params: Params, keep: Collection[str] = ()) -> dict[str, Any]:
    """`params` without nulls and what else changes nothing; names in `keep` may be labels that
    this vendor takes."""
    ignored = (_NOT_FOR_VENDORS | _THE_WIRES_OWN).difference(keep)
    return {
        name: value
        for name, value in params.items()
        if value is not None and name not in ignored and not _changes_nothing(name, value)
    }


def check_known(params: Params, known: Set[str], provider: str) -> None:
    """Raise ProviderRefused with the names of all parameters that are not in `known`."""
    unknown = sorted(params.keys() - known)
    if unknown:
        told = ", ".join(map(_described, unknown))
        raise refused(provider, _("takes no parameter %(names)s.") % {"names": told}, unknown[0])


def output_limit(params: Params, provider: str) -> int | None:
    """The most tokens to answer: of ``max_tokens`` and ``max_completion_tokens`` the smaller."""
    limits = (count(params, name, provider) for name in ("max_tokens", "max_completion_tokens"))
    return min((limit for limit in limits if limit is not None), default=None)


def count(params: Params, name: str, provider: str) -> int | None:
    """A whole number above zero. Raises ProviderRefused for anything else but a missing one."""
    value = params.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise refused(
            provider, _("takes %(name)s as a whole number from 1 on.") % {"name": name}, name
        )
    return value


def stop_sequences(params: Params, provider: str) -> list[str]:
    """``stop``: a text or several. Raises ProviderRefused for anything else."""
    stop = params.get("stop")
    stops = [] if stop is None else [stop] if isinstance(stop, str) else stop
    if not isinstance(stops, list) or not all(isinstance(text, str) for text in stops):
        raise refused(provider, _("takes stop as a text or a list of texts."), "stop")
    return stops


def choice_of(params: Params, name: str, choices: Collection[str], provider: str) -> str | None:
    """One of some words. Raises ProviderRefused for anything else but a missing one."""
    value = params.get(name)
    if value is None or (isinstance(value, str) and value in choices):
        return value
    raise refused(
        provider,
        _("takes %(name)s as one of %(choices)s.") % {"name": name, "choices": ", ".join(choices)},
        name,
    )


def _changes_nothing(name: str, value: object) -> bool:
    return any(_is_same(value, one) for one in _CHANGE_NOTHING.get(name, ()))


def _is_same(value: object, other: object) -> bool:
    """Whether they are equal; True and 1 are not."""
    return value == other and isinstance(value, bool) == isinstance(other, bool)


def _described(name: str) -> str:
    """A parameter's name, and what it may be if the vendor knows no other."""
    allowed = [value for value in _CHANGE_NOTHING.get(name, ()) if value not in ([], {})]
    if not allowed:
        return name
    return _("%(name)s (other than %(value)s)") % {"name": name, "value": allowed[0]}
