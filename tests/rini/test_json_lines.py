"""Lines of JSON stay one line for every reader, and say what was meant."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rini.web.json_lines import encoded
from tests.conftest import User
from tests.conversations.conftest import new_session
from tests.conversations.windows import Window, text_in
from tests.rini_server import RiniServer
from tests.vendors.script import Script
from tests.vendors.stage import Stage

ODD = "줄\u2028과\u2029줄\u0085끝"
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(values)
def test_a_value_is_one_line_and_reads_back_as_it_was(value: Any) -> None:
    line = encoded(value)
    assert len(line.decode().splitlines()) <= 1
    assert json.loads(line) == value


def test_halves_of_characters_are_mended_and_no_error() -> None:
    assert json.loads(encoded({"a": ["\ud83d\udc4b", "\ud83d"]})) == {"a": ["👋", "\ufffd"]}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/llm/text-completion/", {"text": ODD, "provider": "local", "model": "played"}),
        ("/v1/chat/completions", {"model": "local/played"}),
        ("/chat/stream", {"message": ODD, "model": "local/played"}),
    ],
)
def test_pythons_readers_of_lines_get_whole_events(
    alice: User, stage: Stage, path: str, body: dict[str, Any]
) -> None:
    stage.next(Script(pieces=[ODD, ODD]))
    if path == "/v1/chat/completions":
        body = {**body, "messages": [{"role": "user", "content": ODD}]}
    if path == "/chat/stream":
        begun = alice.post(path, json=body).json()["stream_id"]
        events = alice.get(f"{path}/{begun}")
    else:
        events = alice.post(path, json={**body, "stream": True})
    data = [line for line in httpx_lines(events) if line.startswith("data: {")]
    assert len(data) >= 3
    parsed = [json.loads(line.removeprefix("data: ")) for line in data]
    assert any(ODD in text for event in parsed for text in _texts(event))


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.values() for text in _texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    return [value] if isinstance(value, str) else []


def httpx_lines(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return list(answer.iter_lines())


def test_a_window_gets_the_text_as_it_was(alice: User, server: RiniServer, stage: Stage) -> None:
    stage.next(Script(pieces=[ODD]))
    with Window(alice, server, new_session(alice)) as window:
        window.ready().generate(ODD)
        assert text_in(window.until_end()) == ODD
