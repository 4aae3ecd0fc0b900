"""What a request of the Responses API asks for. Pure.

Format: https://platform.openai.com/docs/api-reference/responses/create. What is not served is
refused by its name; what changes no answer here is taken and told back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from providers.fallback_names import fallback_names
from rini.dialects.responses import file_search, items, tools
from rini.dialects.responses.wrong import invalid, one_of, text_or_none
from rini.errors import InvalidInput
from rini.translation import gettext as _

Json = dict[str, Any]
_ID = re.compile(r"(resp|conv)_([0-9a-f]{32})")
_USUAL: Mapping[str, Any] = {
    "instructions": None,
    "tools": [],
    "tool_choice": "auto",
    "parallel_tool_calls": True,
    "text": {"format": {"type": "text"}},
    "reasoning": {"effort": None, "summary": None},
    "temperature": None,
    "top_p": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "top_logprobs": 0,
    "truncation": "disabled",
    "metadata": {},
    "service_tier": "auto",
    "user": None,
    "safety_identifier": None,
    "prompt_cache_key": None,
    "prompt_cache_retention": None,
}
"""What every response tells of its request, and what it tells where the request said nothing."""
_TAKEN = frozenset((
    *("model", "input", "stream", "stream_options", "store", "background"),
    *("previous_response_id", "conversation", "include", "client_metadata", "fallbacks", *_USUAL),
))  # fmt: skip
_NOT_TO_COMPACT = frozenset(("stream", "stream_options", "store", "background", "conversation"))
_INCLUDED = frozenset(
    (
        "reasoning.encrypted_content",
        "message.input_image.image_url",
        "computer_call_output.output.image_url",
        "file_search_call.results",
        "web_search_call.results",
        "web_search_call.action.sources",
        "code_interpreter_call.outputs",
    )
)
KEEPSAKES = "reasoning.encrypted_content"
_MOST_METADATA = 16


@dataclass(frozen=True, slots=True)
class Asked:
    """A ``POST /v1/responses``."""

    model: str
    items: list[Json]
    settings: Json
    """What the response tells of its request."""
    stream: bool = False
    store: bool = True
    background: bool = False
    previous: UUID | None = None
    conversation: UUID | None = None
    fallbacks: list[str] | None = None
    """The models to ask where this one does not answer; None: the operator's."""
    results: bool = False
    """Whether the answer shows the passages that were found."""
    keepsakes: bool = False
    """Whether the answer shows what the vendor wants back with it."""

    @property
    def shows_keepsakes(self) -> bool:
        """A client that keeps the conversation needs them whether it knows or not."""
        return self.keepsakes or not self.store


def asked(body: Any) -> Asked:
    """Raises `InvalidInput` with a message on the field that is wrong."""
    fields = _fields(body)
    return _asked(fields, items.given(fields.get("input"), "input"))


def to_compact(body: Any) -> Asked:
    """A ``POST /v1/responses/compact``: a conversation that ends with `previous_response_id`, with
    `input`, or with both. Raises as `asked`."""
    fields = _fields(body)
    for name in _NOT_TO_COMPACT & fields.keys():
        raise invalid(name, _("This field is not served here."))
    follows = fields.get("previous_response_id") is not None
    given = [] if follows and not fields.get("input") else items.given(fields.get("input"), "input")
    wanted = _asked({**fields, "store": False}, given)
    # It is to be told in words, without an act of its own.
    settings = {**wanted.settings, "text": {"format": {"type": "text"}}}
    settings["tool_choice"] = "none" if settings["tools"] else "auto"
    return replace(wanted, settings=settings)


def _asked(fields: Json, given: list[Json]) -> Asked:
    model = fields.get("model")
    if not isinstance(model, str) or not model:
        raise invalid("model", _("Name a model, “provider/model” for instance."))
    if fields.get("previous_response_id") and fields.get("conversation"):
        raise invalid(
            "conversation", _("Give either a conversation or a previous response, not both.")
        )
    store = _flag(fields, "store", usual=True)
    background = _flag(fields, "background", usual=False)
    if background and not store:
        raise invalid("background", _("What runs in the background has to be stored."))
    settings = _settings(fields)
    if not store and file_search.chosen(settings):
        raise invalid("store", _("Files are searched for responses that are stored."))
    included = _included(fields.get("include"))
    return Asked(
        model=model,
        items=given,
        settings=settings,
        stream=_flag(fields, "stream", usual=False),
        store=store,
        background=background,
        previous=_previous(fields.get("previous_response_id")),
        conversation=_conversation(fields.get("conversation")),
        fallbacks=fallback_names(fields.get("fallbacks")),
        keepsakes=KEEPSAKES in included,
        results=file_search.RESULTS in included,
    )


def id_of(kind: str, value: object, field: str) -> UUID:
    """The id in ``resp_…`` or ``conv_…``. Raises `InvalidInput`."""
    match = _ID.fullmatch(value) if isinstance(value, str) else None
    if match is None or match[1] != kind:
        raise invalid(field, _("Give an id that begins with %(kind)s_.") % {"kind": kind})
    return UUID(match[2])


def metadata(value: object, field: str = "metadata") -> Json:
    """At most 16 texts by names. Raises `InvalidInput`."""
    if value is None:
        return {}
    is_right = isinstance(value, dict) and len(value) <= _MOST_METADATA
    if not is_right or not isinstance(value, dict):
        raise invalid(field, _("Give an object of at most %(most)s texts.") % {"most": 16})
    for name, text in value.items():
        if not isinstance(text, str) or len(text) > 512 or len(name) > 64:
            raise invalid(f"{field}.{name}", _("Give a text of at most 512 characters."))
    return value


def _fields(body: Any) -> Json:
    if not isinstance(body, dict):
        raise InvalidInput(_("The body must be a JSON object."))
    fields = {name: value for name, value in body.items() if value is not None}
    for name in fields:
        if name not in _TAKEN:
            raise invalid(name, _("This field is not served here."))
    return fields


def _settings(fields: Json) -> Json:
    settings = {name: fields.get(name, usual) for name, usual in _USUAL.items()}
    for name in ("instructions", "service_tier", "user", "safety_identifier"):
        text_or_none(settings[name], name)
    for name in ("prompt_cache_key", "prompt_cache_retention"):
        text_or_none(settings[name], name)
    for name in ("temperature", "top_p"):
        if settings[name] is not None and type(settings[name]) not in {int, float}:
            raise invalid(name, _("Give a number."))
    tools.check(settings["tools"], settings["tool_choice"])
    if settings["top_logprobs"] != 0:
        raise invalid("top_logprobs", _("Only 0 is served here."))
    one_of(settings["truncation"], "truncation", ("auto", "disabled"))
    for name in ("text", "reasoning"):
        if not isinstance(settings[name], dict):
            raise invalid(name, _("Give an object."))
        settings[name] = {n: value for n, value in settings[name].items() if value is not None}
    _check_format(settings["text"].get("format", {}))
    if "verbosity" in settings["text"]:
        one_of(settings["text"]["verbosity"], "text.verbosity", ("low", "medium", "high"))
    text_or_none(settings["reasoning"].get("effort"), "reasoning.effort")
    for name in ("max_output_tokens", "max_tool_calls"):
        value = settings[name]
        if value is not None and (type(value) is not int or value < 1):
            raise invalid(name, _("Give a whole number of at least 1."))
    if not isinstance(settings["parallel_tool_calls"], bool):
        raise invalid("parallel_tool_calls", _("Give true or false."))
    settings["metadata"] = metadata(settings["metadata"])
    settings["text"] = {"format": {"type": "text"}, **settings["text"]}
    settings["reasoning"] = {"effort": None, "summary": None, **settings["reasoning"]}
    return settings


def _check_format(told: object) -> None:
    kind = told.get("type", "text") if isinstance(told, Mapping) else None
    one_of(kind, "text.format.type", ("text", "json_object", "json_schema"))
    if isinstance(told, Mapping) and kind == "json_schema":
        if not isinstance(told.get("name"), str):
            raise invalid("text.format.name", _("Give a text."))
        if not isinstance(told.get("schema"), Mapping):
            raise invalid("text.format.schema", _("Give an object."))


def _flag(fields: Json, name: str, *, usual: bool) -> bool:
    value = fields.get(name, usual)
    if not isinstance(value, bool):
        raise invalid(name, _("Give true or false."))
    return value


def _previous(value: object) -> UUID | None:
    return None if value is None else id_of("resp", value, "previous_response_id")


def _conversation(value: object) -> UUID | None:
    value = value.get("id") if isinstance(value, Mapping) else value
    return None if value is None else id_of("conv", value, "conversation")


def _included(value: object) -> frozenset[str]:
    names = [] if value is None else value
    if not isinstance(names, list):
        raise invalid("include", _("Give a list of names."))
    for name in names:
        one_of(name, "include", _INCLUDED)
    return frozenset(names)
