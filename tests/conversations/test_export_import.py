from __future__ import annotations

import json
from typing import Any

import pytest

from conversations.models import Message, Session
from tests.conftest import User
from tests.conversations.conftest import generate, new_session
from tests.conversations.test_messages import messages, say
from tests.conversations.test_tree import add
from tests.vendors.script import Script
from tests.vendors.stage import Stage


def exported(user: User, session_id: str) -> bytes:
    answer = user.get(f"/sessions/{session_id}/export")
    assert answer.status_code == 200, answer.text
    return answer.content


def imported(user: User, document: Any) -> Any:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    headers = {"Content-Type": "application/json"}
    answer = user.post("/sessions/import", content=body, headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.json()


@pytest.fixture
def conversation(alice: User, stage: Stage) -> str:
    """A session with branches, texts in four languages and an answer that failed midway."""
    session_id = new_session(
        alice,
        alias="여행 계획 “서울”",
        system_prompt="あなたは\n旅行の専門家です。",
        tags=["旅行", "서울"],
        metadata={"z": 1, "a": [1.5, None, {"b": "c"}]},
        model="local/m",
    )
    first = say(alice, session_id, "안녕하세요?")
    say(alice, session_id, "北京呢？")
    stage.next(Script(reasoning=["思考"], pieces=["東京", "です"]))
    say(alice, session_id, "東京は？", parent_message_id=first["assistant_message"]["id"])
    add(alice, session_id, 'A note, "quoted" \\ and 👩‍👩‍👧', role="system")
    alice.patch(f"/sessions/{session_id}", json={"pinned": True})
    return session_id


def test_an_exported_session_comes_back_byte_for_byte(
    alice: User, bob: User, conversation: str
) -> None:
    file = exported(alice, conversation)
    copy = imported(bob, file)
    assert copy["id"] != conversation
    assert copy["user_id"] == bob.user_id
    assert exported(bob, copy["id"]) == file
    assert exported(alice, conversation) == file
    own = messages(alice, conversation)
    assert [m["content"] for m in messages(bob, copy["id"])] == [m["content"] for m in own]
    assert [m["cost"] for m in messages(bob, copy["id"])] == [m["cost"] for m in own]


def test_an_empty_session_comes_back_too(alice: User, session: str) -> None:
    file = exported(alice, session)
    assert exported(alice, imported(alice, file)["id"]) == file


def test_the_export_says_what_it_is_and_names_no_ids(alice: User, conversation: str) -> None:
    answer = alice.get(f"/sessions/{conversation}/export/?format=json")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-disposition"] == (
        f'attachment; filename="rini-{conversation}.json"'
    )
    document = answer.json()
    assert (document["format"], document["version"]) == ("rini.session", 1)
    assert [m["number"] for m in document["messages"]] == list(range(1, 8))
    assert [m["parent"] for m in document["messages"]] == [None, 1, 2, 3, 2, 5, 6]
    for secret in (alice.user_id, conversation):
        assert secret not in answer.text


def test_markdown_shows_the_open_path(alice: User, conversation: str) -> None:
    answer = alice.get(f"/sessions/{conversation}/export", params={"format": "markdown"})
    assert answer.headers["content-type"] == "text/markdown; charset=utf-8"
    assert answer.text.startswith("# 여행 계획 “서울”\n")
    assert "> あなたは\n> 旅行の専門家です。" in answer.text
    assert "## User\n\n東京は？\n\n## Assistant (local/m)\n\n東京です" in answer.text
    assert "北京" not in answer.text


def test_a_format_that_there_is_not_is_refused(alice: User, session: str) -> None:
    answer = alice.get(f"/sessions/{session}/export?format=pdf")
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["format"])


def test_an_answer_that_is_being_written_is_exported_as_incomplete(
    alice: User, session: str, stage: Stage
) -> None:
    stage.next(Script(hangs=True))
    begun = generate(alice, session)
    document = json.loads(exported(alice, session))
    assert document["messages"][-1]["status"] == "incomplete"
    assert imported(alice, document)["id"]
    alice.post(f"/generations/{begun['id']}/stop")


def test_an_imported_session_is_found_and_goes_on(
    alice: User, conversation: str, stage: Stage
) -> None:
    copy = imported(alice, exported(alice, conversation))["id"]
    found = alice.get("/search", params={"q": "北京呢", "session_id": copy}).json()
    assert {hit["session_id"] for hit in found} == {copy}
    said = say(alice, copy, "계속")
    assert said["user_message"]["parent_message_id"] == messages(alice, copy)[-3]["id"]


GOOD: dict[str, Any] = {
    "format": "rini.session",
    "version": 1,
    "session": {"alias": "x"},
    "messages": [
        {"number": 1, "parent": None, "role": "user", "content": "하나"},
        {"number": 2, "parent": 1, "role": "assistant", "content": "둘"},
    ],
}


def changed(**changes: Any) -> dict[str, Any]:
    """`GOOD`, but for its last message."""
    first, last = GOOD["messages"]
    return {**GOOD, "messages": [first, {**last, **changes}]}


def test_what_a_file_leaves_out_has_its_default(alice: User) -> None:
    made = imported(alice, GOOD)
    first, last = messages(alice, made["id"], all=True)
    assert (last["parent_message_id"], last["status"]) == (first["id"], "complete")
    assert last["token_count"] > 0
    assert made["active_message_id"] is None


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({**GOOD, "version": 2}, "version"),
        ({**GOOD, "format": "other"}, "format"),
        ({**GOOD, "messages": "none"}, "messages"),
        ({**GOOD, "session": {"tags": ["x" * 51]}}, "session.tags.0"),
        ({**GOOD, "session": {"active_message": 3}}, "session.active_message"),
        ({**GOOD, "session": {"active_message": 0}}, "session.active_message"),
        (changed(role="narrator"), "messages.1.role"),
        (changed(parent=2), "messages"),
        (changed(number=3), "messages"),
        (changed(status="streaming"), "messages.1.status"),
        (changed(cost="-1"), "messages.1.cost"),
        (changed(cost="1" * 30), "messages.1.cost"),
        (changed(token_count=2**31), "messages.1.token_count"),
        (changed(created_at="0001-01-01T00:00:00+14:00"), "messages.1.created_at"),
        (changed(created_at="soon"), "messages.1.created_at"),
        (changed(model_used="x" * 201), "messages.1.model_used"),
        (changed(tool_calls={}), "messages.1.tool_calls"),
        ({}, None),
        ("text", None),
        ([GOOD, 5], None),
        ({"mapping": []}, ".mapping".lstrip(".")),
        ([{"title": "x"}], "0.mapping"),
    ],
)
def test_a_wrong_file_is_refused_and_nothing_of_it_kept(
    alice: User, document: object, field: str | None
) -> None:
    answer = alice.post("/sessions/import", json=document)
    assert answer.status_code == 400, answer.text
    if field is not None:
        assert field in answer.json()["errors"]
    assert not Session.objects.exists()


def test_a_file_cannot_name_a_stored_file_or_another_user(alice: User, bob: User) -> None:
    made = imported(
        alice, changed(file_reference="secret/of/bob", user_id=bob.user_id, id=1, session_id="x")
    )
    last = messages(alice, made["id"], all=True)[-1]
    assert last["file_reference"] is None
    assert last["user_id"] == alice.user_id


def said(text: str, role: str = "user", **more: Any) -> dict[str, Any]:
    """A message as ChatGPT's export has it."""
    content = {"content_type": "text", "parts": [text]}
    return {"author": {"role": role}, "content": content, "create_time": 1_700_000_000.25, **more}


def node(parent: str | None, message: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"id": "ignored", "message": message, "parent": parent, "children": []}


CHATGPT: dict[str, Any] = {
    "title": "서울 여행",
    "create_time": 1_700_000_000.5,
    "update_time": 1_700_000_900.0,
    "current_node": "answer-2",
    "conversation_id": "abc",
    "mapping": {
        "answer-2": node("hidden", said("둘째 답", "assistant", metadata={"model_slug": "gpt-4o"})),
        "root": node(None),
        "system": node("root", said("", "system")),
        "question": node("system", said("어디로 갈까?")),
        "answer-1": node("question", said("첫째 답", "assistant")),
        "tool-call": node("question", said("search()", "assistant", recipient="browser")),
        "tool": node("tool-call", said("found", "tool")),
        "hidden": node("tool", said("x", metadata={"is_visually_hidden_from_conversation": True})),
        "picture": node(
            "answer-2",
            {
                "author": {"role": "user"},
                "content": {
                    "content_type": "multimodal_text",
                    "parts": [{"asset_pointer": "file-service://x"}, "이 사진은?"],
                },
            },
        ),
    },
}


def test_a_conversation_of_chatgpt_comes_in_with_its_branches(alice: User) -> None:
    made = imported(alice, CHATGPT)
    assert made["alias"] == "서울 여행"
    assert made["created_at"] == "2023-11-14T22:13:20.500000Z"
    assert [m["content"] for m in messages(alice, made["id"])] == ["어디로 갈까?", "둘째 답"]
    tree = alice.get(f"/sessions/{made['id']}/tree").json()
    shape = {node["preview"]: len(node["child_ids"]) for node in tree["messages"]}
    assert shape == {"어디로 갈까?": 2, "첫째 답": 0, "둘째 답": 1, "이 사진은?": 0}
    answer = messages(alice, made["id"])[-1]
    assert (answer["provider"], answer["model_used"]) == ("openai", "gpt-4o")
    assert answer["created_at"] == "2023-11-14T22:13:20.250000Z"


def test_a_whole_export_of_chatgpt_is_a_list_of_sessions(alice: User) -> None:
    made = imported(alice, [CHATGPT, {**CHATGPT, "title": None, "mapping": {}}])
    assert [session["alias"] for session in made] == ["서울 여행", ""]
    assert Message.objects.count() == 4


@pytest.mark.parametrize(
    "mapping",
    [
        {"a": node("b", said("x")), "b": node("a", said("y"))},
        {"a": node("a", said("x"))},
        {"a": 5},
        5,
    ],
)
def test_a_conversation_of_chatgpt_that_is_no_tree_is_refused(alice: User, mapping: object) -> None:
    answer = alice.post("/sessions/import", json=[CHATGPT, {**CHATGPT, "mapping": mapping}])
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == ["1.mapping"]
    assert not Session.objects.exists()


@pytest.mark.parametrize(
    "message",
    [
        {"author": 5, "content": 5, "metadata": []},
        {"author": {"role": "user"}, "content": {"content_type": "text", "parts": 5}},
        {"author": {"role": ["user"]}, "content": {"content_type": "text", "parts": ["x"]}},
        "text",
    ],
)
def test_a_message_of_chatgpt_that_makes_no_sense_is_left_out(alice: User, message: Any) -> None:
    mapping = {"a": node(None, message), "b": node("a", said("남는 말", create_time="never"))}
    made = imported(alice, {**CHATGPT, "mapping": mapping})
    assert [m["content"] for m in messages(alice, made["id"])] == ["남는 말"]


def content(kind: str, **fields: Any) -> dict[str, Any]:
    return {"content_type": kind, **fields}


SPOKEN = content(
    "multimodal_text",
    parts=[
        content("audio_transcription", text="오늘 날씨 어때?", direction="in"),
        content("real_time_user_audio_video_asset_pointer", frames_asset_pointers=[]),
    ],
)
SHOWN = content("multimodal_text", parts=[content("image_asset_pointer", asset_pointer="x://1")])
CODE = content("code", language="python", text="print('안녕')")
THOUGHT = content("thoughts", thoughts=[{"summary": "생각", "content": "곰곰이."}])


@pytest.mark.parametrize(
    ("role", "given", "content_", "reasoning"),
    [
        ("user", SPOKEN, "오늘 날씨 어때?", ""),
        ("user", SHOWN, "[an image that the export only points at]", ""),
        ("assistant", CODE, "```python\nprint('안녕')\n```", ""),
        ("assistant", {**CODE, "language": "unknown"}, "```\nprint('안녕')\n```", ""),
        ("assistant", THOUGHT, "", "생각\n곰곰이."),
    ],
)
def test_what_was_spoken_shown_coded_and_thought_comes_in(
    alice: User, role: str, given: dict[str, Any], content_: str, reasoning: str
) -> None:
    message = {"author": {"role": role}, "content": given, "recipient": "all"}
    made = imported(alice, {**CHATGPT, "mapping": {"a": node(None, message)}})
    [told] = alice.get(f"/sessions/{made['id']}/messages/").json()
    assert (told["content"], told["reasoning"]) == (content_, reasoning)


def test_what_is_left_out_is_counted(alice: User) -> None:
    hidden = {**said("몰래"), "metadata": {"is_visually_hidden_from_conversation": True}}
    tool = {"author": {"role": "tool"}, "content": content("execution_output", text="4")}
    odd = {"author": {"role": "assistant"}, "content": content("tether_quote", text="x")}
    mapping = {
        "a": node(None, said("안녕")),
        "b": node("a", hidden),
        "c": node("b", tool),
        "d": node("c", tool),
        "e": node("d", odd),
    }
    made = imported(alice, {**CHATGPT, "mapping": mapping})
    assert made["metadata"]["imported_from"] == "chatgpt"
    assert made["metadata"]["left_out"] == {"hidden": 1, "tool": 2, "tether_quote": 1}


def test_what_was_archived_and_starred_stays_so(alice: User) -> None:
    made = imported(alice, {**CHATGPT, "is_archived": True, "is_starred": True})
    assert (made["archived"], made["pinned"]) == (True, True)


def test_one_nul_somewhere_does_not_refuse_a_file(alice: User) -> None:
    mapping = {"a": node(None, said("앞\x00뒤")), "b": node("a", said("C:\\u0000 is a path"))}
    made = imported(alice, {**CHATGPT, "title": "제\x00목", "mapping": mapping})
    texts = [
        message["content"] for message in alice.get(f"/sessions/{made['id']}/messages/").json()
    ]
    assert texts == ["앞\ufffd뒤", "C:\\u0000 is a path"]
