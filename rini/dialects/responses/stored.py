"""Responses as they are stored: each is a generation, and two messages of a session's tree. Sync.

A conversation is a session. What a model gets is what stands on the path down to the question, so
that a response may follow any message, also one that came by another API.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from django.db import transaction

from accounts.authentication import Caller
from accounts.models import User
from billing.models import UsageRecord
from billing.usage import Usage
from conversations import models, room, tree
from conversations.answering import opening, stopping, transcript
from conversations.answering.choice import Choice
from conversations.answering.turn import Turn
from conversations.models import Generation, GenerationStatus, MemoryMode, Message, Role, Session
from conversations.visibility import GenerationQuerySet
from providers.gateway import check_size
from providers.types import Keepsake
from rini.dialects.responses import file_search, items, output, request, sources
from rini.dialects.responses.asked import Asked
from rini.dialects.responses.response import RUNNING, Response, status_of
from rini.dialects.responses.tools import names_of
from rini.dialects.responses.wrong import invalid
from rini.errors import Forbidden, NotFound
from rini.text import storable_value
from rini.translation import gettext as _

Json = dict[str, Any]
_ERRORS = {"rate_limited": "rate_limit_exceeded", "provider_rate_limited": "rate_limit_exceeded"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a response is to stand: its session, if there is one, and the message above it."""

    session: Session | None
    parent_id: int | None


def place_of(user: User, asked: Asked, *, locked: bool = False) -> Place:
    """The place of a response; if it is `locked`, nobody else changes its session's tree until the
    end of the transaction.

    Raises `InvalidInput` for a response, or a conversation, that is not the user's, and for a
    response that is still being written.
    """
    if asked.previous:
        return _below(user, asked.previous, locked=locked)
    if asked.conversation is None:
        return Place(None, None)
    session = _session(user, asked.conversation, locked=locked)
    if session is None:
        told = _("Conversation conv_%(id)s not found.") % {"id": asked.conversation.hex}
        raise invalid("conversation", told)
    return Place(session, session.active_message_id)


def _below(user: User, response_id: UUID, *, locked: bool) -> Place:
    generation = _previous(user, response_id)
    if generation and locked:  # it may have been deleted meanwhile, and its session too
        session = _session(user, generation.session_id, locked=True)
        generation = _previous(user, response_id) if session else None
    if generation is None:
        told = _("Previous response with id “resp_%(id)s” not found.") % {"id": response_id.hex}
        error = invalid("previous_response_id", told)
        error.code = "previous_response_not_found"
        raise error
    if generation.status == GenerationStatus.RUNNING:
        told = _("The previous response is still being written: wait for it, or cancel it.")
        raise invalid("previous_response_id", told)
    return Place(generation.session, generation.assistant_message_id)


def _previous(user: User, response_id: UUID) -> Generation | None:
    found = _generations(user).filter(id=response_id, response__is_deleted=False)
    return found.select_related("session").first()


def _session(user: User, session_id: UUID, *, locked: bool) -> Session | None:
    try:
        find_session = transcript.locked_session if locked else transcript.session_of
        return find_session(user, session_id)
    except (NotFound, Forbidden):
        return None


def context(place: Place) -> list[Json]:
    """The items above a response, the oldest first."""
    if place.session is None or place.parent_id is None:
        return []
    return items_of(tree.messages_of(tree.path_ids(place.session.id, place.parent_id)))


def items_of(path: Sequence[Message]) -> list[Json]:
    """The items that messages are, those with all that vendors want back."""
    ids = [message.pk for message in path]
    asked = models.Response.objects.filter(generation__assistant_message__in=ids)
    by_answer = {
        row.generation.assistant_message_id: row for row in asked.select_related("generation")
    }
    by_question = {row.generation.user_message_id: row for row in by_answer.values()}
    found: list[Json] = []
    for message in path:
        if row := by_question.get(message.pk):
            found += items.numbered(row.input, row.generation_id.hex)
        elif row := by_answer.get(message.pk):
            found += answer_items(message, row.generation, row.settings, shows_keepsakes=True)
        elif message.content:
            found.append(_plain(message))
    return found


def open_response(caller: Caller, asked: Asked) -> Turn:
    """Store a response that is to be written. Raises as `opening.open_turn`, and `place_of`."""
    given = storable_value(asked.items)
    shown, size = items.shown(given), len(orjson.dumps(given))
    with transaction.atomic():
        place = place_of(caller.user, asked, locked=True)
        session_id = place.session.id if place.session else None
        room.take(caller.user.pk, shown, session_id=session_id, messages=2, size=size)
        session = place.session or Session.objects.create(
            user=caller.user, memory_mode=MemoryMode.DISABLED
        )
        route = transcript.route(caller, None, asked.model, fallbacks=asked.fallbacks)
        chat = request.chat_request(route.target, asked.settings, [*context(place), *given])
        check_size(chat)
        question = transcript.new_question(session, place.parent_id, shown)
        question.role = items.role(given)
        searched = file_search.chosen(asked.settings)
        choice = Choice(model=asked.model, params=dict(chat.params), **searched)
        turn = opening.open_told_answer(caller, question, route, choice, told=chat.messages)
        models.Response.objects.create(
            generation=turn.generation,
            input=given,
            settings={**storable_value(asked.settings), **_further(asked)},
            in_background=asked.background,
        )
    return turn


def _model(generation: Generation, asked: str) -> str:
    """The model as it was `asked` for, or the fallback that has answered in its place."""
    message = generation.assistant_message
    answered = message.model_used or ""
    if message.provider == generation.provider and answered.startswith(generation.model):
        return asked
    return f"{message.provider}/{answered}"


def find(user: User, response_id: UUID) -> Generation:
    """The generation of a response, with it and both messages. Raises `NotFound`."""
    found = _generations(user).filter(id=response_id, response__is_deleted=False)
    generation = found.select_related("response", "user_message", "assistant_message").first()
    if generation is None:
        raise NotFound(_("Response resp_%(id)s not found.") % {"id": response_id.hex})
    return generation


def response_of(generation: Generation, *, shows_keepsakes: bool | None = None) -> Json:
    """A response as it is now."""
    row, message = generation.response, generation.assistant_message
    settings = dict(row.settings)
    further = settings.pop(_FURTHER)
    shows = further["shows_keepsakes"] if shows_keepsakes is None else shows_keepsakes
    is_running = generation.status == GenerationStatus.RUNNING
    status, incomplete = (RUNNING, None) if is_running else _status(generation)
    answered = [] if is_running else answer_items(message, generation, row.settings, shows)
    previous, conversation = further["previous"], further["conversation"]
    return Response(
        id=generation.id,
        created_at=generation.created_at.timestamp(),
        model=_model(generation, further["model"]),
        settings=settings,
        status=status,
        output=answered,
        usage=None if is_running else _usage(message),
        error=_error(generation) if status == "failed" else None,
        incomplete=incomplete,
        background=row.in_background,
        previous=UUID(previous) if previous else None,
        conversation=UUID(conversation) if conversation else None,
        ended_at=generation.finished_at.timestamp() if generation.finished_at else None,
    ).json()


def search_item(generation: Generation, told: Mapping[str, Any]) -> Json:
    """The item of what was searched for an answer, as the event of it or its generation says."""
    further = generation.response.settings[_FURTHER]
    found = told.get("citations", generation.assistant_message.citations)
    return file_search.item(
        generation.id.hex,
        told,
        sources.of(found),
        shows_results=further.get("shows_results", False),
    )


def answer_items(
    message: Message, generation: Generation, settings: Mapping[str, Any], shows_keepsakes: bool
) -> list[Json]:
    """The items of an answer that has ended."""
    whose = generation.id.hex
    retrieval = generation.retrieval
    cited = file_search.citing(message.content, sources.of(message.citations or ()))
    calls = [
        {**call, "id": call["id"] or f"call_{whose}{i:02x}"}
        for i, call in enumerate(message.tool_calls)
    ]
    is_whole = message.status == models.MessageStatus.COMPLETE and message.finish_reason != "length"
    return output.of_answer(
        whose,
        thought=message.reasoning,
        said=message.content,
        calls=calls,
        kept=[Keepsake(**kept) for kept in message.keepsakes or ()],
        names=names_of(settings["tools"]),
        shows_keepsakes=shows_keepsakes,
        status=output.COMPLETED if is_whole else output.INCOMPLETE,
        search=search_item(generation, retrieval) if retrieval else None,
        cited=list(cited),
    )


@transaction.atomic
def delete(user: User, response_id: UUID) -> None:
    """Delete a response. What others stand on goes with the last of them. Raises `NotFound`."""
    generation = find(user, response_id)
    transcript.locked_session(user, generation.session_id)
    stopping.take_away(Generation.objects.filter(id=response_id))
    models.Response.objects.filter(pk=response_id).update(is_deleted=True)
    _prune(generation)


def _prune(generation: Generation) -> None:
    """Delete what is deleted and stood on by nothing, upwards."""
    session_id, message = generation.session_id, generation.assistant_message
    while not Message.objects.filter(parent_message=message).exists():
        question = generation.user_message
        above = question.parent_message_id
        message.delete()
        Session.objects.filter(id=session_id, active_message=None).update(active_message=above)
        if not Message.objects.filter(parent_message=question).exists():
            question.delete()
        rest = Generation.objects.filter(assistant_message=above, response__is_deleted=True)
        found = rest.select_related("user_message", "assistant_message").first()
        if found is None:
            break
        generation, message = found, found.assistant_message
    if not Message.objects.filter(session_id=session_id).exists():
        Session.objects.filter(id=session_id, alias="", metadata={}).delete()


# -------------------------------------------------------------------------------------------------

_FURTHER = "_further"
"""What is stored with the settings and not told with them."""


def _further(asked: Asked) -> Json:
    further = {
        "model": asked.model,
        "previous": asked.previous.hex if asked.previous else None,
        "conversation": asked.conversation.hex if asked.conversation else None,
        "shows_keepsakes": asked.shows_keepsakes,
        "shows_results": asked.results,
    }
    return {_FURTHER: further}


def _generations(user: User) -> GenerationQuerySet:
    return Generation.objects.visible_to(user).filter(response__isnull=False)


def _plain(message: Message) -> Json:
    """A message that came by another API."""
    kind = "output_text" if message.role == Role.ASSISTANT else "input_text"
    role = message.role if message.role in items.ROLES else "user"
    part = {"type": kind, "text": message.content}
    return {
        "id": f"msg_{message.pk:032x}",
        "type": "message",
        "status": "completed",
        "role": role,
        "content": [part],
    }


def _status(generation: Generation) -> tuple[str, str | None]:
    match generation.status:
        case GenerationStatus.COMPLETED:
            return status_of(generation.assistant_message.finish_reason)
        case GenerationStatus.STOPPED:
            return "cancelled", None
        case _:
            return "failed", None


def _error(generation: Generation) -> Json:
    problem = generation.problem or {}
    code = str(problem.get("code") or "server_error")
    told = problem.get("detail") or _("The answer was broken off.")
    return {"code": _ERRORS.get(code, code), "message": told}


def _usage(message: Message) -> Usage:
    used = [row.usage for row in UsageRecord.objects.filter(message_id=message.pk)]
    return Usage(
        input_tokens=message.prompt_tokens,
        output_tokens=message.completion_tokens,
        cached_input_tokens=_sum(usage.cached_input_tokens for usage in used),
        reasoning_tokens=_sum(usage.reasoning_tokens for usage in used),
    )


def _sum(counts: Iterable[int | None]) -> int:
    return sum(count or 0 for count in counts)
