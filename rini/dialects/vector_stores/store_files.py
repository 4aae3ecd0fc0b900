"""``/v1/vector_stores/{id}/files`` and ``…/file_batches``: documents of a knowledge base."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from django.db.models import QuerySet
from starlette.requests import Request
from starlette.responses import Response

from accounts.authentication import Caller, caller_of
from knowledge import bases, documents, uploads
from knowledge.models import Document, KnowledgeBase
from knowledge.uploads import Attachment
from rini.dialects.openai.endpoint import OpenAIEndpoint
from rini.dialects.vector_stores import asked, finding, ids, schema, shown
from rini.dialects.vector_stores.pages import page_of
from rini.storage.database import in_database
from rini.web import query
from rini.web.http import json_response, route, valid_body

Json = dict[str, Any]


class StoreFiles(OpenAIEndpoint):
    """``GET`` and ``POST /v1/vector_stores/{id}/files``"""

    @schema.add_store_file
    async def post(self, request: Request) -> Response:
        """Put a file into a vector store. It is read in the background: `status` says how far."""
        caller = await caller_of(request.headers)
        base_id = finding.id_in(request, ids.STORE)
        body = await valid_body(asked.NewStoreFile, request)

        def add() -> Json:
            base = bases.changeable(caller.user, base_id)
            asked.check_sizes(base, body)
            wanted = Attachment(body["file_id"], body.get("attributes", {}))
            [document] = uploads.attach(caller.user, base, [wanted])
            return _shown(document, base)

        return json_response(await in_database(add))

    @schema.list_store_files
    async def get(self, request: Request) -> Response:
        """The files of a vector store, also those that were added by the native API."""
        caller = await caller_of(request.headers)
        base_id = finding.id_in(request, ids.STORE)

        def listed() -> Json:
            base = finding.store(caller.user, base_id)
            return _page(base.documents.all(), base, request)

        return json_response(await in_database(listed))


class OneStoreFile(OpenAIEndpoint):
    """``GET``, ``POST`` and ``DELETE /v1/vector_stores/{id}/files/{file_id}``"""

    @schema.one_store_file
    async def get(self, request: Request) -> Response:
        """A file of a vector store, and how far it has got."""
        caller = await caller_of(request.headers)
        base_id, file_id = _ids(request)

        def find() -> Json:
            base = finding.store(caller.user, base_id)
            return _shown(finding.store_file(base, file_id), base)

        return json_response(await in_database(find))

    @schema.change_store_file
    async def post(self, request: Request) -> Response:
        """Give a file of a vector store other attributes."""
        caller = await caller_of(request.headers)
        base_id, file_id = _ids(request)
        body = await valid_body(asked.StoreFileChange, request)

        def change() -> Json:
            base, document = _changeable(caller, base_id, file_id)
            document.attributes = body["attributes"] or {}
            document.save(update_fields=["attributes"])
            return _shown(document, base)

        return json_response(await in_database(change))

    @schema.delete_store_file
    async def delete(self, request: Request) -> Response:
        """Take a file out of a vector store. The file itself stays, if it was uploaded."""
        caller = await caller_of(request.headers)
        base_id, file_id = _ids(request)
        await in_database(lambda: documents.delete(_changeable(caller, base_id, file_id)[1]))
        told = shown.deleted("vector_store.file.deleted", ids.named(ids.FILE, file_id))
        return json_response(told)


class StoreFileContent(OpenAIEndpoint):
    """``GET /v1/vector_stores/{id}/files/{file_id}/content``"""

    @schema.store_file_content
    async def get(self, request: Request) -> Response:
        """The text that was read of a file; none until it is ready."""
        caller = await caller_of(request.headers)
        base_id, file_id = _ids(request)

        def read() -> Json:
            document = finding.store_file(finding.store(caller.user, base_id), file_id)
            parts = [{"type": "text", "text": document.text}] if document.text else []
            told = {"filename": document.name, "attributes": document.attributes}
            return shown.content(parts, "file_content", **told)

        return json_response(await in_database(read))


class FileBatches(OpenAIEndpoint):
    """``POST /v1/vector_stores/{id}/file_batches``"""

    @schema.create_batch
    async def post(self, request: Request) -> Response:
        """Put several files into a vector store together; or none, if one of them is not there."""
        caller = await caller_of(request.headers)
        base_id = finding.id_in(request, ids.STORE)
        body = await valid_body(asked.NewFileBatch, request)

        def add() -> Json:
            base = bases.changeable(caller.user, base_id)
            asked.check_sizes(base, body)
            batch_id = uuid4()
            uploads.attach(caller.user, base, asked.attachments(body), batch_id)
            return _batch(base, batch_id)

        return json_response(await in_database(add))


class OneFileBatch(OpenAIEndpoint):
    """``GET /v1/vector_stores/{id}/file_batches/{batch_id}``"""

    @schema.one_batch
    async def get(self, request: Request) -> Response:
        """How far the files of a batch have got."""
        caller = await caller_of(request.headers)
        base_id, batch_id = _ids(request, ids.BATCH)
        return json_response(
            await in_database(lambda: _batch(finding.store(caller.user, base_id), batch_id))
        )


class CancelBatch(OpenAIEndpoint):
    """``POST /v1/vector_stores/{id}/file_batches/{batch_id}/cancel``"""

    @schema.cancel_batch
    async def post(self, request: Request) -> Response:
        """Stop the work on the files of a batch. Those that are ready stay."""
        caller = await caller_of(request.headers)
        base_id, batch_id = _ids(request, ids.BATCH)

        def cancel() -> Json:
            base = bases.changeable(caller.user, base_id)
            for document in finding.batch(base, batch_id):
                documents.cancel(document)
            return _batch(base, batch_id)

        return json_response(await in_database(cancel))


class BatchFiles(OpenAIEndpoint):
    """``GET /v1/vector_stores/{id}/file_batches/{batch_id}/files``"""

    @schema.list_batch_files
    async def get(self, request: Request) -> Response:
        """The files of a batch."""
        caller = await caller_of(request.headers)
        base_id, batch_id = _ids(request, ids.BATCH)

        def listed() -> Json:
            base = finding.store(caller.user, base_id)
            return _page(finding.batch(base, batch_id), base, request)

        return json_response(await in_database(listed))


_STORE = r"^v1/vector_stores/(?P<vector_store_id>[^/]+)"
_FILE = rf"{_STORE}/files/(?P<file_id>[^/]+)"
_BATCH = rf"{_STORE}/file_batches/(?P<batch_id>[^/]+)"
http_routes = [
    route(rf"{_STORE}/files/?$", StoreFiles()),
    route(rf"{_FILE}/?$", OneStoreFile()),
    route(rf"{_FILE}/content/?$", StoreFileContent()),
    route(rf"{_STORE}/file_batches/?$", FileBatches()),
    route(rf"{_BATCH}/?$", OneFileBatch()),
    route(rf"{_BATCH}/cancel/?$", CancelBatch()),
    route(rf"{_BATCH}/files/?$", BatchFiles()),
]


def _ids(request: Request, kind: str = ids.FILE) -> tuple[UUID, UUID]:
    """The ids of the store in the path, and of what is in it."""
    return finding.id_in(request, ids.STORE), finding.id_in(request, kind)


def _changeable(caller: Caller, base_id: UUID, file_id: UUID) -> tuple[KnowledgeBase, Document]:
    base = bases.changeable(caller.user, base_id)
    return base, finding.store_file(base, file_id)


def _shown(document: Document, base: KnowledgeBase) -> Json:
    [told] = shown.store_files([document], base)
    return told


def _batch(base: KnowledgeBase, batch_id: UUID) -> Json:
    tally = shown.tallies(finding.batch(base, batch_id))[base.id]
    return shown.batch(batch_id, base, tally)


def _page(rows: QuerySet[Document], base: KnowledgeBase, request: Request) -> Json:
    wanted = shown.with_status(rows.defer("text"), query.choice(request, "filter", shown.STATUSES))
    return page_of(
        wanted,
        request,
        lambda page: shown.store_files(page, base),
        kind=ids.FILE,
        found_by=uploads.of_file,
    )
