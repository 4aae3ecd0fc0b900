"""The tool ``file_search``: what it asks for, its item, and what an answer cites. Pure.

Passages are looked for before the model is asked, whatever its vendor, and told with the question.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from knowledge import filters
from rini.dialects.responses.wrong import invalid, one_of
from rini.dialects.vector_stores import ids
from rini.errors import InvalidInput
from rini.translation import gettext as _

Json = dict[str, Any]
TOOL, ITEM = "file_search", "file_search_call"
RESULTS = "file_search_call.results"
_TAKEN = ("type", "vector_store_ids", "filters", "max_num_results", "ranking_options")
_MOST_STORES, _MOST_RESULTS = 100, 50
_CITED = re.compile(r"[\[【]\s*(\d+(?:\s*[,、，]\s*\d+)*)\s*[\]】]")


def check(tool: Mapping[str, Any], where: str) -> None:
    """Raise `InvalidInput` with a message on the field that is wrong."""
    _only(tool, where, _TAKEN)
    stores = tool.get("vector_store_ids")
    if not isinstance(stores, list) or not 0 < len(stores) <= _MOST_STORES:
        raise invalid(f"{where}.vector_store_ids", _("Give a list of vector stores."))
    for i, name in enumerate(stores):
        if ids.read(ids.STORE, name) is None:
            place = f"{where}.vector_store_ids[{i}]"
            raise invalid(place, _("Give the id of a vector store, which begins with vs_."))
    most = tool.get("max_num_results")
    if most is not None and (type(most) is not int or not 0 < most <= _MOST_RESULTS):
        raise invalid(f"{where}.max_num_results", _("Give a whole number from 1 to 50."))
    if tool.get("filters") is not None:
        try:
            filters.condition(tool["filters"])
        except InvalidInput as error:
            raise invalid(f"{where}.filters", error.detail) from None
    _check_ranking(tool.get("ranking_options"), f"{where}.ranking_options")


def _check_ranking(options: object, where: str) -> None:
    if options is None:
        return
    if not isinstance(options, Mapping):
        raise invalid(where, _("Give an object."))
    _only(options, where, ("ranker", "score_threshold"))
    if options.get("ranker") is not None:
        one_of(options["ranker"], f"{where}.ranker", ("auto", "default-2024-11-15"))
    score = options.get("score_threshold")
    if score is not None and (type(score) not in {int, float} or not 0 <= score <= 1):
        raise invalid(f"{where}.score_threshold", _("Give a number from 0 to 1."))


def _only(given: Mapping[str, Any], where: str, taken: Sequence[str]) -> None:
    for name, value in given.items():
        if name not in taken and value is not None:
            raise invalid(f"{where}.{name}", _("This field is not served here."))


def chosen(settings: Mapping[str, Any]) -> Json:
    """What a request's tool means for its answer, as fields of `Choice`; empty where there is none,
    or the model may not use it."""
    tool = next((one for one in settings["tools"] if one["type"] == TOOL), None)
    if tool is None or not _may_be_used(settings["tool_choice"]):
        return {}
    found = (ids.read(ids.STORE, name) for name in tool["vector_store_ids"])
    return {
        "knowledge_base_ids": [str(id_) for id_ in found],
        "passages": tool.get("max_num_results"),
        "filters": tool.get("filters"),
        "min_score": (tool.get("ranking_options") or {}).get("score_threshold") or 0.0,
    }


def _may_be_used(choice: object) -> bool:
    if not isinstance(choice, Mapping):
        return choice != "none"
    named = choice["tools"] if choice["type"] == "allowed_tools" else [choice]
    return any(one["type"] == TOOL for one in named)


def item(
    whose: str, told: Mapping[str, Any], sources: Sequence[Json], *, shows_results: bool
) -> Json:
    """The item of a search. `told` is what a generation keeps of it: its query, and its error."""
    results = [
        {name: one[name] for name in ("attributes", "file_id", "filename", "score", "text")}
        for one in sources
    ]
    return {
        "id": f"fs_{whose}",
        "type": ITEM,
        "status": "failed" if told["error"] else "completed",
        "queries": [told["query"]],
        "results": results if shows_results else None,
    }


def citing(text: str, sources: Sequence[Json]) -> Iterator[Json]:
    """Which file each number in an answer's `text` cites; `index` is where it stands."""
    by_number = {one["number"]: one for one in sources if one["cited"]}
    for found in _CITED.finditer(text):
        for number in re.findall(r"\d+", found[1]):
            if source := by_number.get(int(number)):
                yield {
                    "type": "file_citation",
                    "index": found.start(),
                    "file_id": source["file_id"],
                    "filename": source["filename"],
                }
