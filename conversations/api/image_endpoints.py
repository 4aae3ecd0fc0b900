"""Images: a question about one, and the file of a message."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils.http import content_disposition_header
from drf_spectacular.utils import extend_schema
from starlette.requests import Request
from starlette.responses import Response

from accounts.authentication import Caller, caller_of
from conversations import shared
from conversations.answering import opening, stateless, transcript
from conversations.answering.images import data_url
from conversations.answering.turn import Turn
from conversations.api.described import ANSWER
from conversations.api.endpoints import Answering, answer_to, choice_of, wants_events
from conversations.api.serializers import ImageCompletionRequest
from conversations.files import attachments, pictures
from conversations.files.attachments import Attachment
from conversations.files.pictures import Picture
from providers import vision
from providers.types import ChatMessage
from rini.errors import InvalidInput, NotFound
from rini.storage import files
from rini.storage.database import in_database
from rini.translation import gettext as _
from rini.web.api_schema import problems
from rini.web.http import Endpoint, EventStream, json_response, unless_disconnected, validated
from rini.web.multipart import form_body

_FILE = {
    # It is looked at and nothing else: no script, no guessing of another type, nobody else's cache.
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cache-Control": "private, no-cache",
}


class ImageCompletion(Answering):
    """``POST /llm/image-completion/``: an image and a question, as a turn of a session or alone."""

    tags = ["llm"]

    @extend_schema(
        summary="Ask about an image",
        request={"multipart/form-data": ImageCompletionRequest},
        responses=ANSWER,
    )
    async def post(self, request: Request) -> Response:
        """Ask a model that sees images. In a session the image is kept with the question."""
        caller = await caller_of(request.headers)
        form = await form_body(request)
        upload = form.files.get("image_file")
        if upload is None:
            raise InvalidInput(errors={"image_file": [_("Send a file in this field.")]})
        file = SimpleUploadedFile("image", upload.data)
        body = validated(ImageCompletionRequest, {**form.fields, "image_file": file}, is_form=True)
        picture = await asyncio.to_thread(pictures.checked, upload.data)
        body["model"] = await in_database(_model, caller, body)
        if body.get("session_id"):
            turn = await _open_turn(caller, body, picture, upload.name)
            return await answer_to(turn, events=wants_events(request, body))
        return await _alone(request, caller, body, picture)


class MessageFile(Endpoint):
    """``GET /messages/{id}/file``: the stored attachment, for its owner, and for those with whom
    the session is shared."""

    tags = ["messages"]

    @extend_schema(
        summary="Open the file of a message",
        responses={
            **{(200, mime_type): bytes for mime_type in pictures.EXTENSIONS},
            **problems(401, 404, 429, 503),
        },
    )
    async def get(self, request: Request) -> Response:
        """The image that was sent with a message, under the name that it had."""
        caller = await caller_of(request.headers)
        message_id = int(request.path_params["message_id"])
        message = await in_database(shared.find_message, caller.user, message_id)
        reference = message.file_reference
        data = await asyncio.to_thread(files.read, reference) if reference else None
        if data is None:
            raise NotFound(_("Message %(message_id)s has no file.") % {"message_id": message_id})
        name = message.original_filename or "image"
        shown = content_disposition_header(as_attachment=False, filename=name) or "inline"
        return Response(
            data, headers={**_FILE, "Content-Disposition": shown}, media_type=message.mime_type
        )


def _model(caller: Caller, body: dict[str, Any]) -> str | None:
    """The model's name; None: the session's. Raises `InvalidInput` for one that sees no images."""
    provider, model = body.get("provider"), body.get("model")
    session_id: UUID | None = body.get("session_id")
    session = transcript.session_of(caller.user, session_id) if session_id else None
    if provider and not model:
        model = vision.usual_model(caller, provider)
    vision.check(transcript.route(caller, provider, model, session))
    return model


async def _open_turn(caller: Caller, body: dict[str, Any], picture: Picture, name: str) -> Turn:
    """Store the image, and then the turn; without the turn the image is not kept.

    Cancelled in between, the turn may be stored all the same: then the daily sweep decides.
    """
    stored = await asyncio.to_thread(attachments.save, picture, name)
    try:
        return await in_database(_stored_turn, caller, body, stored)
    except Exception:
        await asyncio.to_thread(attachments.discard, stored)
        raise


def _stored_turn(caller: Caller, body: dict[str, Any], stored: Attachment) -> Turn:
    return opening.open_turn(
        caller,
        body["session_id"],
        choice_of(body),
        text=body["prompt"],
        parent_message_id=body.get("parent_message_id"),
        attachment=stored,
    )


async def _alone(
    request: Request, caller: Caller, body: dict[str, Any], picture: Picture
) -> Response:
    messages = [_question(body["prompt"], picture)]
    attempts = await in_database(stateless.prepare, caller, messages, choice_of(body))
    if wants_events(request, body):
        return EventStream(stateless.frames(attempts))
    answer = await unless_disconnected(request, stateless.answer(attempts))
    nothing = {"session_id": None, "user_message": None, "assistant_message": None}
    return json_response(answer | nothing, headers=attempts.headers)


def _question(text: str, picture: Picture) -> ChatMessage:
    image = {"type": "image_url", "image_url": {"url": data_url(picture.mime_type, picture.data)}}
    return {"role": "user", "content": [*([{"type": "text", "text": text}] if text else []), image]}
