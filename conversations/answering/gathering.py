"""What an answer is made from. It is gathered when the turn is stored and no transaction is open.

    opening.open_turn ─► gather: history, images, … ─► prompt.assemble ─► rounds

What is gathered is gathered together, each with a deadline of its own. For something more: an async
function from the turn to it, a line in `gather`, and a field of `Gathered` in the same place.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TypeVar

from conversations import tree
from conversations.answering import context, images, passages
from conversations.answering.context import History
from conversations.answering.images import Images
from conversations.answering.passages import Passages
from conversations.answering.tools import toolbox
from conversations.answering.tools.found import Numbered
from conversations.answering.tools.toolbox import Toolbox
from conversations.answering.turn import Turn
from rini.errors import Unavailable
from rini.storage.database import in_database
from rini.translation import gettext as _

T = TypeVar("T")
HISTORY_SECONDS = 15.0
IMAGES_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Gathered:
    """All that a prompt is assembled from."""

    history: History
    images: Images
    passages: Passages | None
    numbered: Numbered
    toolbox: Toolbox | None


async def gather(turn: Turn) -> Gathered:
    """What the model gets for a turn. Raises `Unavailable` for what does not arrive in time."""
    history = asyncio.ensure_future(_history(turn))
    gathered = await asyncio.gather(
        _in_time(asyncio.shield(history), HISTORY_SECONDS, _("The conversation")),
        _in_time(_images(turn, history), IMAGES_SECONDS, _("The images of the conversation")),
        _passages(turn, history),
    )
    numbered = Numbered(found.citations if (found := gathered[2]) else ())
    return Gathered(*gathered, numbered, await toolbox.of(turn, numbered))


def read_history(turn: Turn) -> History:
    """What was said, as far as it fits, with a summary of what does not. Needs the database."""
    session, question = turn.generation.session, turn.generation.user_message
    path = tree.path_turns(session.id, question.parent_message_id)
    instructions = turn.choice.instructions(session.system_prompt)
    return context.of(instructions, path, question, turn.route, turn.choice)


async def _history(turn: Turn) -> History:
    return await in_database(read_history, turn) if turn.history is None else turn.history


async def _images(turn: Turn, history: Awaitable[History]) -> Images:
    """The bytes of the images in the history, of which some are not shown."""
    return await images.of(await history, turn.route)


async def _passages(turn: Turn, history: Awaitable[History]) -> Passages | None:
    """What the user's documents say. Its own deadline ends it, and the answer is made without."""
    told = (await history).turns
    return await passages.of(turn, [one.content for one in told if one.role == "user"])


async def _in_time(work: Awaitable[T], seconds: float, name: str) -> T:
    try:
        async with asyncio.timeout(seconds):
            return await work
    except TimeoutError:
        raise Unavailable(
            _("%(name)s could not be read in %(seconds)g seconds. Ask again.")
            % {"name": name, "seconds": seconds}
        ) from None
