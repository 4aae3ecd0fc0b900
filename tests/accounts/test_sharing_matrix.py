"""Nobody sees or changes what is not shared with them: every kind × everybody × every route.

A kind that is registered and has no row here fails, and so does a route of a kind that its row does
not know.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest
from django.db import connection

from accounts.sharing import kinds
from conversations.models import Message
from tests.accounts.test_groups import add, new_group
from tests.conftest import User

Route = tuple[str, str]
NewUser = Callable[..., User]
SECRET = "비밀 秘密"
"""Stands in all that is not shown to readers, and in all names."""
LATER = "나중에 한 말"
"""What was said after a session was shared."""


class May(IntEnum):
    NOTHING = 0
    READ = 1
    WRITE = 2
    OWN = 3


@dataclass(frozen=True)
class Row:
    """A kind: how a thing of it is made, the addresses that are its own, what each route needs, and
    a body that works."""

    make: Callable[[User], dict[str, str]]
    places: Mapping[str, str]
    """Where its routes are, by a pattern, and which id stands for the first argument."""
    needs: Mapping[Route, May]
    bodies: Mapping[Route, Callable[[dict[str, str]], Any]]
    is_written: bool
    hidden_from_readers: tuple[str, ...] = ()


def make_base(owner: User) -> dict[str, str]:
    base = owner.post("/knowledge-bases/", json={"name": SECRET, "embedding_model": ""}).json()
    document = owner.post(
        f"/knowledge-bases/{base['id']}/documents/", json={"name": SECRET, "text": SECRET}
    ).json()
    return {"thing": base["id"], "document": document["id"], "external_id": "a"}


def make_connection(owner: User) -> dict[str, str]:
    """Its address is one that is refused before anything is sent."""
    url = f"http://127.0.0.1:9/{quote(LATER)}"
    body = {"name": SECRET, "url": url, "headers": {"Authorization": quote(LATER)}}
    return {"thing": owner.post("/mcp-connections/", json=body).json()["id"]}


def make_session(owner: User) -> dict[str, str]:
    session = owner.post(
        "/sessions/", json={"alias": SECRET, "system_prompt": LATER, "metadata": {"a": LATER}}
    ).json()
    messages = f"/sessions/{session['id']}/messages/"
    question = owner.post(messages, json={"role": "user", "content": SECRET}).json()
    answer = owner.post(messages, json={"role": "assistant", "content": SECRET}).json()
    return {
        "thing": session["id"],
        "message": str(question["id"]),
        "answer": str(answer["id"]),
    }


def make_agent(owner: User) -> dict[str, str]:
    body = {"name": f"{SECRET} {uuid4()}", "system_prompt": SECRET, "model": "demo/demo"}
    agent = owner.post("/agents/", json=body).json()
    owner.post(f"/agents/{agent['id']}/publish/").raise_for_status()
    return {"thing": agent["id"]}


def say_more(owner: User, ids: dict[str, str]) -> None:
    """What readers of a session must not see: what came later, and other branches."""
    messages = f"/sessions/{ids['thing']}/messages/"
    owner.post(messages, json={"role": "user", "content": LATER}).raise_for_status()
    body = {"role": "assistant", "content": LATER, "parent_message_id": int(ids["message"])}
    owner.post(messages, json=body).raise_for_status()


_DEMO = {"provider": "demo", "model": "demo"}
_SHARES: dict[Route, May] = {
    ("get", "/shares/{kind}/{thing}/"): May.OWN,
    ("put", "/shares/{kind}/{thing}/"): May.OWN,
    ("delete", "/shares/{kind}/{thing}/"): May.OWN,
}
_LINKS: dict[Route, May] = {
    ("post", "/shares/{kind}/{thing}/link/"): May.OWN,
    ("delete", "/shares/{kind}/{thing}/link/"): May.OWN,
}
ROWS: dict[str, Row] = {
    "agents": Row(
        make=make_agent,
        places={r"/agents/\{\w+\}": "thing", r"/llm/text-completion/": ""},
        needs={
            ("get", "/agents/{thing}/"): May.READ,
            ("put", "/agents/{thing}/"): May.WRITE,
            ("patch", "/agents/{thing}/"): May.WRITE,
            ("delete", "/agents/{thing}/"): May.OWN,
            ("post", "/agents/{thing}/publish/"): May.WRITE,
            ("post", "/agents/{thing}/rollback/"): May.WRITE,
            ("get", "/agents/{thing}/versions/"): May.READ,
            ("get", "/agents/{thing}/compare/"): May.READ,
            ("post", "/llm/text-completion/"): May.READ,
            **_SHARES,
        },
        bodies={
            ("put", "/agents/{thing}/"): lambda _: {"name": "새 이름"},
            ("patch", "/agents/{thing}/"): lambda _: {"max_steps": 3},
            ("post", "/agents/{thing}/rollback/"): lambda _: {"version": 1},
            ("post", "/llm/text-completion/"): lambda ids: {"text": "네", "agent_id": ids["thing"]},
        },
        is_written=True,
    ),
    "knowledge-bases": Row(
        make=make_base,
        places={
            r"/knowledge-bases/\{\w+\}": "thing",
            r"/documents/\{\w+\}": "document",
            r"/knowledge/search/": "",
            r"/llm/text-completion/": "",
            r"/api/rag/(kb|doc)/": "",
            r"/api/rag/retrieve/": "",
        },
        needs={
            ("get", "/knowledge-bases/{thing}/"): May.READ,
            ("patch", "/knowledge-bases/{thing}/"): May.OWN,
            ("delete", "/knowledge-bases/{thing}/"): May.OWN,
            ("get", "/knowledge-bases/{thing}/documents/"): May.READ,
            ("post", "/knowledge-bases/{thing}/documents/"): May.WRITE,
            ("put", "/knowledge-bases/{thing}/documents/by-external-id/{external_id}/"): May.WRITE,
            ("post", "/knowledge-bases/{thing}/sync/"): May.WRITE,
            ("post", "/knowledge-bases/{thing}/search/"): May.READ,
            ("post", "/knowledge/search/"): May.READ,
            ("get", "/documents/{document}/"): May.READ,
            ("patch", "/documents/{document}/"): May.WRITE,
            ("delete", "/documents/{document}/"): May.WRITE,
            ("get", "/documents/{document}/chunks/"): May.READ,
            ("get", "/documents/{document}/text/"): May.READ,
            ("get", "/documents/{document}/file/"): May.READ,
            ("post", "/documents/{document}/reprocess/"): May.WRITE,
            ("post", "/documents/{document}/cancel/"): May.WRITE,
            ("post", "/llm/text-completion/"): May.READ,
            ("get", "/api/rag/doc/list/"): May.READ,
            ("post", "/api/rag/retrieve/"): May.READ,
            ("post", "/api/rag/doc/delete/"): May.WRITE,
            ("post", "/api/rag/kb/delete/"): May.OWN,
            **_SHARES,
        },
        bodies={
            ("post", "/llm/text-completion/"): lambda ids: {
                "text": SECRET,
                "knowledge_base_ids": [ids["thing"]],
                **_DEMO,
            },
            ("get", "/api/rag/doc/list/"): lambda ids: {"kb_id": ids["thing"]},
            ("post", "/api/rag/retrieve/"): lambda ids: {"kb_id": ids["thing"], "query": SECRET},
            ("post", "/api/rag/doc/delete/"): lambda ids: {
                "kb_id": ids["thing"],
                "doc_id": ids["document"],
            },
            ("post", "/api/rag/kb/delete/"): lambda ids: {"kb_id": ids["thing"]},
            ("patch", "/knowledge-bases/{thing}/"): lambda _: {"name": "새 이름"},
            ("post", "/knowledge-bases/{thing}/documents/"): lambda _: {"name": "a", "text": "b"},
            ("put", "/knowledge-bases/{thing}/documents/by-external-id/{external_id}/"): lambda _: {
                "name": "a",
                "text": "b",
            },
            ("post", "/knowledge-bases/{thing}/sync/"): lambda _: {"documents": []},
            ("patch", "/documents/{document}/"): lambda _: {"name": "이름"},
            ("post", "/knowledge-bases/{thing}/search/"): lambda _: {"query": SECRET},
            ("post", "/knowledge/search/"): lambda ids: {
                "query": SECRET,
                "knowledge_base_ids": [ids["thing"]],
            },
        },
        is_written=True,
    ),
    "mcp-connections": Row(
        make=make_connection,
        places={r"/mcp-connections/\{\w+\}": "thing"},
        needs={
            ("get", "/mcp-connections/{thing}/"): May.READ,
            ("put", "/mcp-connections/{thing}/"): May.WRITE,
            ("patch", "/mcp-connections/{thing}/"): May.WRITE,
            ("delete", "/mcp-connections/{thing}/"): May.OWN,
            ("get", "/mcp-connections/{thing}/tools/"): May.READ,
            ("post", "/mcp-connections/{thing}/test/"): May.READ,
            ("post", "/mcp-connections/{thing}/accept/"): May.WRITE,
            **_SHARES,
        },
        bodies={
            ("put", "/mcp-connections/{thing}/"): lambda _: {
                "name": "새 이름",
                "url": "https://mcp.example.org/mcp",
                "auth": "none",
            },
            ("patch", "/mcp-connections/{thing}/"): lambda _: {"enabled": False},
            ("post", "/mcp-connections/{thing}/accept/"): lambda _: {"tools": {"do": "0" * 64}},
        },
        is_written=True,
        hidden_from_readers=(quote(LATER),),
    ),
    "sessions": Row(
        make=make_session,
        places={
            r"/sessions/\{\w+\}": "thing",
            r"/messages/\{\w+\}": "message",
            r"/api/sessions/\{\w+\}": "thing",
            r"/llm/text-completion/": "",
            r"/api/chat/": "",
        },
        needs={
            ("get", "/sessions/{thing}/"): May.READ,
            ("put", "/sessions/{thing}/"): May.OWN,
            ("patch", "/sessions/{thing}/"): May.OWN,
            ("delete", "/sessions/{thing}/"): May.OWN,
            ("get", "/sessions/{thing}/messages/"): May.READ,
            ("post", "/sessions/{thing}/messages/"): May.OWN,
            ("get", "/sessions/{thing}/tree/"): May.OWN,
            ("get", "/sessions/{thing}/summary/"): May.OWN,
            ("get", "/sessions/{thing}/export/"): May.OWN,
            ("post", "/sessions/{thing}/fork/"): May.OWN,
            ("post", "/sessions/{thing}/title/"): May.OWN,
            ("post", "/sessions/{thing}/generations/"): May.OWN,
            ("get", "/sessions/{thing}/memory/"): May.OWN,
            ("post", "/sessions/{thing}/memory/"): May.OWN,
            ("post", "/sessions/{thing}/memory/extract/"): May.OWN,
            ("get", "/messages/{message}/"): May.READ,
            ("get", "/messages/{message}/history/"): May.OWN,
            ("get", "/messages/{message}/file/"): May.READ,
            ("post", "/messages/{message}/edit/"): May.OWN,
            ("post", "/messages/{message}/regenerate/"): May.OWN,
            ("get", "/api/sessions/{thing}/"): May.OWN,
            ("get", "/api/sessions/{thing}/messages/"): May.OWN,
            ("delete", "/api/sessions/{thing}/"): May.OWN,
            ("post", "/llm/text-completion/"): May.OWN,
            ("post", "/api/chat/"): May.OWN,
            **_SHARES,
            **_LINKS,
        },
        bodies={
            ("put", "/sessions/{thing}/"): lambda _: {"alias": "새 이름"},
            ("patch", "/sessions/{thing}/"): lambda _: {"pinned": True},
            ("post", "/sessions/{thing}/messages/"): lambda _: {"role": "user", "content": "네"},
            ("post", "/sessions/{thing}/fork/"): lambda ids: {"message_id": int(ids["message"])},
            ("post", "/sessions/{thing}/title/"): lambda _: _DEMO,
            ("post", "/sessions/{thing}/memory/"): lambda _: {"content": SECRET},
            ("post", "/sessions/{thing}/generations/"): lambda _: {"text": "네", **_DEMO},
            ("post", "/messages/{message}/edit/"): lambda _: {"content": "아니요", **_DEMO},
            ("post", "/messages/{message}/regenerate/"): lambda _: _DEMO,
            ("post", "/llm/text-completion/"): lambda ids: {
                "text": "네",
                "session_id": ids["thing"],
                **_DEMO,
            },
            ("post", "/api/chat/"): lambda ids: {"session_id": ids["thing"], "message": "네"},
            ("post", "/shares/{kind}/{thing}/link/"): lambda _: {},
        },
        is_written=False,
        hidden_from_readers=(LATER,),
    ),
}


def test_every_kind_that_can_be_shared_has_a_row() -> None:
    assert ROWS.keys() == set(kinds.names())


@pytest.mark.parametrize("kind", ROWS)
def test_every_route_of_a_kind_is_in_its_row(kind: str, client: httpx.Client) -> None:
    row = ROWS[kind]
    found = {
        (method, _normal(row, path))
        for path, methods in client.get("/openapi.json").json()["paths"].items()
        for method in methods.keys() & {"get", "post", "put", "patch", "delete"}
        if any(re.match(place, path) for place in (*row.places, r"/shares/"))
    }
    found -= _LINKS.keys() - row.needs.keys()
    # Their places are also the beginnings of routes that name no thing; and an upload waits until
    # the document can be found (`test_sharing`).
    others = re.compile(r"/api/chat/(stream|\{)|/api/rag/(kb/(create|list)|doc/upload)/")
    found = {route for route in found if not others.match(route[1])}
    assert found == row.needs.keys()


def _normal(row: Row, path: str) -> str:
    for place, name in row.places.items():
        if name and re.match(place, path):
            return re.sub(r"\{\w+\}", f"{{{name}}}", path, count=1)
    return path.replace("{id}", "{thing}")


@dataclass(frozen=True)
class Actor:
    """Somebody, and what they may do with a thing once they have been given what they are given."""

    may: May
    give: Callable[[User, User, str], None]
    """Owner, actor, and the address of the thing's shares."""
    refused: int | None = None
    """The status of all that they ask, whatever it is."""


def share(owner: User, address: str, **body: Any) -> None:
    answer = owner.put(address, json=body)
    assert answer.status_code == 200, answer.text


def nothing(owner: User, actor: User, address: str) -> None:
    pass


def to_read(owner: User, actor: User, address: str) -> None:
    share(owner, address, user_id=actor.user_id)


def to_write(owner: User, actor: User, address: str) -> None:
    access = "read" if "sessions" in address else "write"
    share(owner, address, user_id=actor.user_id, access=access)


def to_everyone(owner: User, actor: User, address: str) -> None:
    share(owner, address, everyone=True)


def to_group(owner: User, actor: User, address: str) -> None:
    group = new_group(owner)
    add(owner, group, actor)
    share(owner, address, group_id=group)


def to_former_group(owner: User, actor: User, address: str) -> None:
    group = new_group(owner)
    add(owner, group, actor)
    share(owner, address, group_id=group)
    actor.delete(f"/groups/{group}/members/{actor.user_id}").raise_for_status()


def no_longer(owner: User, actor: User, address: str) -> None:
    to_write(owner, actor, address)
    owner.delete(address, params={"user_id": actor.user_id}).raise_for_status()


def as_limited(owner: User, actor: User, address: str) -> None:
    to_read(owner, actor, address)
    if actor.headers["Authorization"].startswith("Bearer rini-"):
        return
    token = actor.post("/tokens/", json={"name": "작은", "allowed_models": ["demo/*"]}).json()
    actor.headers["Authorization"] = f"Bearer {token['token']}"


def as_limited_stranger(owner: User, actor: User, address: str) -> None:
    as_limited(owner, actor, address)
    owner.delete(address, params={"user_id": actor.user_id}).raise_for_status()


def suspended(owner: User, actor: User, address: str) -> None:
    to_write(owner, actor, address)
    _update("is_active = false", actor)


def as_staff(owner: User, actor: User, address: str) -> None:
    _update("is_staff = true, is_superuser = true", actor)


def _update(assignments: str, user: User) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE accounts_user SET {assignments} WHERE id = %s", [user.user_id])


ACTORS: dict[str, Actor] = {
    "owner": Actor(May.OWN, nothing),
    "reader": Actor(May.READ, to_read),
    "writer": Actor(May.WRITE, to_write),
    "everyone": Actor(May.READ, to_everyone),
    "member": Actor(May.READ, to_group),
    "former member": Actor(May.NOTHING, to_former_group),
    "former writer": Actor(May.NOTHING, no_longer),
    "stranger": Actor(May.NOTHING, nothing),
    "suspended": Actor(May.NOTHING, suspended, refused=401),
    "staff": Actor(May.NOTHING, as_staff),
    "restricted token of a reader": Actor(May.READ, as_limited),
    "restricted token of a stranger": Actor(May.NOTHING, as_limited_stranger),
}


@pytest.mark.parametrize("name", ACTORS)
@pytest.mark.parametrize("kind", ROWS)
def test_everybody_may_do_what_is_shared_with_them_and_no_more(
    kind: str, name: str, alice: User, new_user: NewUser
) -> None:
    row, actor = ROWS[kind], ACTORS[name]
    may = actor.may if row.is_written or actor.may is not May.WRITE else May.READ
    who, somebody = alice if actor.may is May.OWN else new_user(), new_user()
    wrong: list[Any] = []
    for route, need in row.needs.items():
        ids = {"kind": kind, **row.make(alice)}
        actor.give(alice, who, f"/shares/{kind}/{ids['thing']}/")
        if kind == "sessions" and may is not May.OWN:
            say_more(alice, ids)
        if route in {("delete", "/shares/{kind}/{thing}/link/")}:
            alice.post(f"/shares/{kind}/{ids['thing']}/link/").raise_for_status()
        answer = _ask(row, who, route, ids, somebody.user_id)
        if not _is_right(actor, may, need, answer) or _leaks(row, may, need, answer):
            wrong.append((route, need.name, answer.status_code, answer.text[:300]))
    assert not wrong


def _ask(row: Row, who: User, route: Route, ids: dict[str, str], somebody: str) -> httpx.Response:
    method, template = route
    body = row.bodies[route](ids) if route in row.bodies else None
    if route == ("put", "/shares/{kind}/{thing}/"):
        body = {"user_id": somebody}
    path = re.sub(r"\{(\w+)\}", lambda found: ids[found[1]], template)
    if method == "get":
        return who.get(path, params=body)
    return who.request(method.upper(), path, json=body)


def _is_right(actor: Actor, may: May, need: May, answer: httpx.Response) -> bool:
    status = answer.status_code
    if actor.refused:
        return status == actor.refused
    if may >= need:
        is_missing_file = status == 404 and "has no file" in answer.text
        return (status not in {401, 403, 404} and status < 500) or is_missing_file
    if may is May.NOTHING:
        # A limited token is told that it is limited, before anything is looked for.
        return status == 404 or (status == 403 and "token is limited" in answer.text)
    return status in {403, 404}


def _leaks(row: Row, may: May, need: May, answer: httpx.Response) -> bool:
    text = json.dumps(answer.text, ensure_ascii=False)
    if may < need and SECRET in text:
        return True
    is_reader = may < (May.WRITE if row.is_written else May.OWN)
    return is_reader and any(hidden in text for hidden in row.hidden_from_readers)


@pytest.mark.parametrize("kind", ROWS)
def test_lists_show_what_is_shared_and_nothing_else(
    kind: str, alice: User, bob: User, new_user: NewUser
) -> None:
    stranger, thing = new_user(), ROWS[kind].make(alice)["thing"]
    ROWS[kind].make(alice)
    share(alice, f"/shares/{kind}/{thing}/", user_id=bob.user_id)
    listed = {"shared": "true"} if kind == "sessions" else {}
    [shown] = bob.get(f"/{kind}/", params=listed).json()
    assert (shown["id"], shown["owner_id"]) == (thing, alice.user_id)
    assert shown["my_access"] == "read"
    assert stranger.get(f"/{kind}/", params=listed).json() == []
    alice.delete(f"/shares/{kind}/{thing}/").raise_for_status()
    assert bob.get(f"/{kind}/", params=listed).json() == []
    assert Message.objects.count() == (4 if kind == "sessions" else 0)
