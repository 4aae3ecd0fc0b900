"""The HTTP API of documents."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.authentication import caller_in
from knowledge import bases, documents, serializers, syncing
from knowledge.models import Document, DocumentStatus, KnowledgeBase
from rini.errors import InvalidInput, NotFound
from rini.storage import files
from rini.translation import gettext as _
from rini.web import query
from rini.web.api import SkipLimitPagination
from rini.web.api_schema import problems
from rini.web.http import validated
from rini.web.multipart import harmless
from rini.web.parsing import JSONParser
from rini.web.routes import Resource

_DOCUMENT = serializers.DocumentSerializer
_UPLOAD = {
    "application/json": serializers.NewDocument,
    "multipart/form-data": serializers.NewDocument,
}


class BaseDocumentViewSet(ListModelMixin, Resource[Document]):
    """The documents of a base."""

    tags = ["knowledge"]
    serializer_class = _DOCUMENT
    parser_classes = [JSONParser, MultiPartParser]
    queryset = Document.objects.none()

    def get_queryset(self) -> QuerySet[Document]:
        found = self._base().documents.defer("text").order_by("-created_at", "-id")
        status = query.choice(self.request, "status", DocumentStatus.values)
        name = query.text(self.request, "q")
        attributes = query.text(self.request, "attributes", most=4000)
        found = found.filter(status=status) if status else found
        found = found.filter(name__icontains=name) if name else found
        if attributes is None:
            return found
        wanted = validated(serializers.WithAttributes, {"attributes": attributes})
        return found.filter(attributes__contains=wanted["attributes"])

    @extend_schema(
        summary="List the documents of a base",
        parameters=[
            OpenApiParameter("status", str, description="Only documents of this status."),
            OpenApiParameter("q", str, description="Only documents with this in their name."),
            OpenApiParameter(
                "attributes",
                str,
                description='Only documents with all of these attributes: `{"year": 2026}`.',
            ),
        ],
        responses={200: _DOCUMENT(many=True), **problems(400, 401, 404)},
    )
    def list(self, request: Request, base_id: str) -> Response:
        """Documents, newest first."""
        return super().list(request)

    @extend_schema(
        summary="Add a document",
        request=_UPLOAD,
        responses={202: _DOCUMENT, **problems(400, 401, 403, 404, 409, 413, 415)},
    )
    def create(self, request: Request, base_id: str) -> Response:
        """Store a document, which is read in the background: its `status` says how far it is."""
        base = bases.changeable(caller_in(request).user, UUID(base_id))
        document = documents.add(base, **_uploaded(request.data))
        return Response(_DOCUMENT(document).data, 202)

    @extend_schema(
        summary="Put a document in its place",
        request=_UPLOAD,
        responses={202: _DOCUMENT, **problems(400, 401, 403, 404, 409, 413, 415)},
    )
    @action(
        detail=False,
        methods=["put"],
        url_path="by-external-id/(?P<external_id>.+?)",
        url_name="put",
    )
    def put_in_place(self, request: Request, base_id: str, external_id: str) -> Response:
        """Store the document that is called so where it comes from, in place of what the base has
        under this id. With the same bytes it is not read again; of changed ones, passages that the
        base has are not embedded again. Searches find the former ones until the new are ready."""
        base = bases.changeable(caller_in(request).user, UUID(base_id))
        told = _uploaded(request.data, external_id)
        if told["fields"]["external_id"] != external_id:
            raise InvalidInput(errors={"external_id": [_("The address names another one.")]})
        return Response(_DOCUMENT(syncing.put(base, **told)).data, 202)

    def _base(self) -> KnowledgeBase:
        mine = KnowledgeBase.objects.visible_to(caller_in(self.request).user)
        return get_object_or_404(mine, id=self.kwargs["base_id"])


def _uploaded(data: Any, external_id: str | None = None) -> dict[str, Any]:
    """The name, the bytes (None for an address) and the other fields of a body or a form.

    Raises `InvalidInput`.
    """
    is_form = hasattr(data, "dict")
    told = data.dict() if is_form else data
    if external_id is not None and isinstance(told, dict):
        told = {"external_id": external_id, **told}
    fields = validated(serializers.NewDocument, told, is_form=is_form)
    file, text = fields.pop("file", None), fields.pop("text", None)
    if file is not None:
        content, usual_name = file.read(), file.name
    elif text is not None:
        content, usual_name = text.encode(), ""
    else:
        content, usual_name = None, _last_part(fields["url"])
    name = harmless(fields.pop("name", None) or usual_name) or "document"
    return {"name": name, "data": content, "fields": fields}


def _last_part(url: str) -> str:
    """What a document at this address is called: its last part, or else the host."""
    address = urlsplit(url)
    return (unquote(address.path).rstrip("/").rpartition("/")[2] or address.netloc)[:255]


@extend_schema_view(
    retrieve=extend_schema(
        summary="Show a document", responses={200: _DOCUMENT, **problems(401, 404)}
    ),
)
class DocumentViewSet(RetrieveModelMixin, Resource[Document]):
    """A document of any of the caller's bases, or of one that is shared with the caller."""

    tags = ["knowledge"]
    serializer_class = _DOCUMENT
    queryset = Document.objects.none()

    def get_queryset(self) -> QuerySet[Document]:
        mine = Document.objects.visible_to(caller_in(self.request).user)
        return mine if self.action == "text" else mine.defer("text")

    @extend_schema(
        summary="Change a document",
        request=serializers.DocumentChange,
        responses={200: _DOCUMENT, **problems(400, 401, 403, 404, 409)},
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change its name, its ids or its attributes, which filters see at once. Passages stay as
        they are; a new name counts in them when the document is read again."""
        fields = validated(serializers.DocumentChange, request.data)
        documents.change(self._changeable(), fields)
        return Response(_DOCUMENT(self.get_object()).data)

    @extend_schema(summary="Delete a document", responses={204: None, **problems(401, 403, 404)})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete a document with its passages and its file, whatever is being done with it."""
        documents.delete(self._changeable())
        return Response(status=204)

    @extend_schema(
        summary="List the passages of a document",
        responses={200: serializers.ChunkSerializer(many=True), **problems(400, 401, 404)},
    )
    @action(detail=True)
    def chunks(self, request: Request, pk: str) -> Response:
        """The passages that searches find, in their order."""
        live = self.get_object().chunks.filter(live=True).defer("embedding", "terms")
        page: list[Any] = SkipLimitPagination().paginate_queryset(
            live.order_by("ordinal"), request, self
        )
        return Response(serializers.ChunkSerializer(page, many=True).data)

    @extend_schema(
        summary="Read the text of a document",
        responses={200: serializers.DocumentText, **problems(401, 404)},
    )
    @action(detail=True)
    def text(self, request: Request, pk: str) -> Response:
        """The text that was read of a document; empty until it is ready."""
        document = self.get_object()
        return Response({"document_id": document.id, "text": document.text})

    @extend_schema(
        summary="Download a document",
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY, **problems(401, 404)},
    )
    @action(detail=True)
    def file(self, request: Request, pk: str) -> HttpResponse:
        """The document as it was uploaded."""
        document = self.get_object()
        if not document.file:
            raise NotFound(_("The document has not been fetched yet."))
        data = files.read(document.file)
        if data is None:
            raise NotFound(_("The file is not in the storage any more."))
        return HttpResponse(
            data,
            content_type="application/octet-stream",
            headers={"Content-Disposition": "attachment", "X-Content-Type-Options": "nosniff"},
        )

    @extend_schema(
        summary="Read a document anew",
        request=None,
        responses={200: _DOCUMENT, **problems(401, 403, 404)},
    )
    @action(detail=True, methods=["post"])
    def reprocess(self, request: Request, pk: str) -> Response:
        """Read a document again. Until that is done searches find what it was."""
        documents.reprocess(self._changeable())
        return Response(_DOCUMENT(self.get_object()).data)

    @extend_schema(
        summary="Stop reading a document",
        request=None,
        responses={200: _DOCUMENT, **problems(401, 403, 404)},
    )
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Stop the work on a document. One that is ready stays as it is."""
        documents.cancel(self._changeable())
        return Response(_DOCUMENT(self.get_object()).data)

    def _changeable(self) -> Document:
        """The document, if the caller may change it. Raises `Forbidden` if only to read it."""
        document = self.get_object()
        bases.changeable(caller_in(self.request).user, document.base_id)
        return document
