"""``/v1/files``: files that can be put into vector stores."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from accounts.authentication import caller_of
from accounts.models import User
from knowledge import uploads
from knowledge.models import UploadedFile
from rini.dialects.openai.endpoint import OpenAIEndpoint
from rini.dialects.vector_stores import finding, ids, schema, shown
from rini.dialects.vector_stores.asked import PURPOSES
from rini.dialects.vector_stores.pages import page_of
from rini.errors import Forbidden, InvalidInput, NotFound
from rini.storage import files
from rini.storage.database import in_database
from rini.translation import gettext as _
from rini.web import query
from rini.web.http import json_response, route
from rini.web.multipart import Form, form_body

Json = dict[str, Any]
_MOST = 10_000


class Files(OpenAIEndpoint):
    """``GET`` and ``POST /v1/files``"""

    @schema.create_file
    async def post(self, request: Request) -> Response:
        """Upload a file, for vector stores."""
        caller = await caller_of(request.headers)
        form = await form_body(request)
        purpose = _purpose(form)
        upload = form.files.get("file")
        if upload is None:
            raise InvalidInput(errors={"file": [_("Send a file in this field.")]})
        name = upload.name or "file"
        kept = await in_database(uploads.keep, caller.user, name, upload.data, purpose)
        [told] = shown.files([kept])
        return json_response(told)

    @schema.list_files
    async def get(self, request: Request) -> Response:
        """The files that the caller has uploaded."""
        caller = await caller_of(request.headers)
        return json_response(await in_database(_listed, caller.user, request))


class OneFile(OpenAIEndpoint):
    """``GET`` and ``DELETE /v1/files/{id}``"""

    @schema.one_file
    async def get(self, request: Request) -> Response:
        """A file: one of the caller's, or of a vector store that the caller may search."""
        caller = await caller_of(request.headers)
        file_id = finding.id_in(request, ids.FILE)
        [told] = shown.files([await in_database(uploads.readable, caller.user, file_id)])
        return json_response(told)

    @schema.delete_file
    async def delete(self, request: Request) -> Response:
        """Delete a file, and take it out of every vector store."""
        caller = await caller_of(request.headers)
        file_id = finding.id_in(request, ids.FILE)

        def delete() -> None:
            found = uploads.readable(caller.user, file_id)
            if not isinstance(found, UploadedFile):
                raise Forbidden(_("This file is not yours: take it out of its vector store."))
            uploads.delete(found)

        await in_database(delete)
        return json_response(shown.deleted("file", ids.named(ids.FILE, file_id)))


class FileContent(OpenAIEndpoint):
    """``GET /v1/files/{id}/content``"""

    @schema.file_content
    async def get(self, request: Request) -> Response:
        """The bytes of a file."""
        caller = await caller_of(request.headers)
        file_id = finding.id_in(request, ids.FILE)
        stored = await in_database(uploads.readable, caller.user, file_id)
        data = await in_database(files.read, stored.file)
        if data is None:
            raise NotFound(_("The file is not in the storage any more."))
        headers = {"Content-Disposition": "attachment", "X-Content-Type-Options": "nosniff"}
        return Response(data, 200, headers, "application/octet-stream")


_ONE = r"^v1/files/(?P<file_id>[^/]+)"
http_routes = [
    route(r"^v1/files/?$", Files()),
    route(rf"{_ONE}/?$", OneFile()),
    route(rf"{_ONE}/content/?$", FileContent()),
]


def _purpose(form: Form) -> str:
    """Raises `InvalidInput`, also for what else a form may ask for."""
    for name in form.fields:
        if name != "purpose":
            raise InvalidInput(errors={name: [_("This field is not served here.")]})
    purpose = form.fields.get("purpose")
    if purpose not in PURPOSES:
        told = _("Give one of %(known)s.") % {"known": ", ".join(PURPOSES)}
        raise InvalidInput(errors={"purpose": [told]})
    return purpose


def _listed(user: User, request: Request) -> Json:
    rows = UploadedFile.objects.visible_to(user)
    if purpose := query.text(request, "purpose"):
        rows = rows.filter(purpose=purpose)
    return page_of(rows, request, shown.files, kind=ids.FILE, most=_MOST, usual=_MOST)
