"""What /openapi.json says of files and vector stores. Their format is at
platform.openai.com/docs."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema

from rini.dialects.openai.schema import JSON, described, failing
from rini.dialects.vector_stores import asked, shown

_TEXT: dict[str, Any] = {"type": "string"}
_NUMBER = {"type": "integer"}
_FLAG = {"type": "boolean"}
_OBJECTS = {"type": "array", "items": {"type": "object", "additionalProperties": True}}
_STATUS = {"enum": list(shown.STATUSES)}
_FILE = described(
    "A file.",
    id=_TEXT,
    object={"enum": ["file"]},
    bytes=_NUMBER,
    created_at=_NUMBER,
    filename=_TEXT,
    purpose=_TEXT,
)
_COUNTS = described("", **dict.fromkeys((*shown.STATUSES, "total"), _NUMBER))
_STORE = described(
    "A vector store.",
    id=_TEXT,
    object={"enum": ["vector_store"]},
    name=_TEXT,
    status={"enum": ["in_progress", "completed"]},
    file_counts=_COUNTS,
    usage_bytes=_NUMBER,
    metadata=described(),
)
_STORE_FILE = described(
    "A file of a vector store.",
    id=_TEXT,
    object={"enum": ["vector_store.file"]},
    status=_STATUS,
    attributes=described(),
)
_BATCH = described(
    "Files that were put into a vector store together.",
    id=_TEXT,
    object={"enum": ["vector_store.files_batch"]},
    status=_STATUS,
    file_counts=_COUNTS,
)
_DELETED = described("", id=_TEXT, deleted=_FLAG)
_LIST = described("", object={"enum": ["list"]}, data=_OBJECTS, has_more=_FLAG)
_WHOLE = described("", data=_OBJECTS, has_more=_FLAG)
_UPLOAD = {
    "type": "object",
    "required": ["file", "purpose"],
    "properties": {
        "file": {"type": "string", "format": "binary"},
        "purpose": {"enum": list(asked.PURPOSES)},
    },
}
_STORE_ID = OpenApiParameter("vector_store_id", str, OpenApiParameter.PATH)
_FILE_ID = OpenApiParameter("file_id", str, OpenApiParameter.PATH)
_BATCH_ID = OpenApiParameter("batch_id", str, OpenApiParameter.PATH)
_OF_STATUS = OpenApiParameter(
    "filter", str, enum=shown.STATUSES, description="Only files of this status."
)
_FINDING = failing(400, 404)
_CHANGING = failing(400, 403, 404)


def _page(most: int, usual: int) -> list[OpenApiParameter]:
    return [
        OpenApiParameter("limit", int, description=f"1 to {most}.", default=usual),
        OpenApiParameter("order", str, enum=["asc", "desc"], default="desc"),
        OpenApiParameter("after", str, description="Go on after this one."),
        OpenApiParameter("before", str, description="What comes before this one."),
    ]


def _answers(shape: dict[str, Any]) -> dict[tuple[int, str], OpenApiResponse]:
    return {(200, JSON): OpenApiResponse(shape)}


create_file = extend_schema(
    operation_id="openai_create_file",
    summary="Upload a file (OpenAI)",
    request={"multipart/form-data": _UPLOAD},
    responses={**_answers(_FILE), **failing(400, 403)},
)
list_files = extend_schema(
    operation_id="openai_files",
    summary="List files (OpenAI)",
    parameters=[OpenApiParameter("purpose", str), *_page(10_000, 10_000)],
    responses={**_answers(_LIST), **failing(400)},
)
one_file = extend_schema(
    operation_id="openai_file",
    summary="Show a file (OpenAI)",
    parameters=[_FILE_ID],
    responses={**_answers(_FILE), **_FINDING},
)
delete_file = extend_schema(
    operation_id="openai_delete_file",
    summary="Delete a file (OpenAI)",
    parameters=[_FILE_ID],
    responses={**_answers(_DELETED), **_CHANGING},
)
file_content = extend_schema(
    operation_id="openai_file_content",
    summary="Download a file (OpenAI)",
    parameters=[_FILE_ID],
    responses={
        (200, "application/octet-stream"): OpenApiTypes.BINARY,
        **_FINDING,
    },
)
create_store = extend_schema(
    operation_id="openai_create_vector_store",
    summary="Create a vector store (OpenAI)",
    request={JSON: asked.NewVectorStore},
    responses={**_answers(_STORE), **failing(400, 402, 403, 404)},
)
list_stores = extend_schema(
    operation_id="openai_vector_stores",
    summary="List vector stores (OpenAI)",
    parameters=_page(100, 20),
    responses={**_answers(_LIST), **failing(400)},
)
one_store = extend_schema(
    operation_id="openai_vector_store",
    summary="Show a vector store (OpenAI)",
    parameters=[_STORE_ID],
    responses={**_answers(_STORE), **_FINDING},
)
change_store = extend_schema(
    operation_id="openai_change_vector_store",
    summary="Change a vector store (OpenAI)",
    parameters=[_STORE_ID],
    request={JSON: asked.VectorStoreChange},
    responses={**_answers(_STORE), **_CHANGING},
)
delete_store = extend_schema(
    operation_id="openai_delete_vector_store",
    summary="Delete a vector store (OpenAI)",
    parameters=[_STORE_ID],
    responses={**_answers(_DELETED), **_CHANGING},
)
search_store = extend_schema(
    operation_id="openai_search_vector_store",
    summary="Search a vector store (OpenAI)",
    parameters=[_STORE_ID],
    request={JSON: asked.StoreSearch},
    responses={**_answers(_WHOLE), **failing(400, 402, 403, 404, 502, 504)},
)
add_store_file = extend_schema(
    operation_id="openai_add_vector_store_file",
    summary="Put a file into a vector store (OpenAI)",
    parameters=[_STORE_ID],
    request={JSON: asked.NewStoreFile},
    responses={**_answers(_STORE_FILE), **_CHANGING},
)
list_store_files = extend_schema(
    operation_id="openai_vector_store_files",
    summary="List the files of a vector store (OpenAI)",
    parameters=[_STORE_ID, _OF_STATUS, *_page(100, 20)],
    responses={**_answers(_LIST), **_FINDING},
)
one_store_file = extend_schema(
    operation_id="openai_vector_store_file",
    summary="Show a file of a vector store (OpenAI)",
    parameters=[_STORE_ID, _FILE_ID],
    responses={**_answers(_STORE_FILE), **_FINDING},
)
change_store_file = extend_schema(
    operation_id="openai_change_vector_store_file",
    summary="Change the attributes of a file (OpenAI)",
    parameters=[_STORE_ID, _FILE_ID],
    request={JSON: asked.StoreFileChange},
    responses={**_answers(_STORE_FILE), **_CHANGING},
)
delete_store_file = extend_schema(
    operation_id="openai_delete_vector_store_file",
    summary="Take a file out of a vector store (OpenAI)",
    parameters=[_STORE_ID, _FILE_ID],
    responses={**_answers(_DELETED), **_CHANGING},
)
store_file_content = extend_schema(
    operation_id="openai_vector_store_file_content",
    summary="Read the text of a file (OpenAI)",
    parameters=[_STORE_ID, _FILE_ID],
    responses={**_answers(_WHOLE), **_FINDING},
)
create_batch = extend_schema(
    operation_id="openai_create_file_batch",
    summary="Put several files into a vector store (OpenAI)",
    parameters=[_STORE_ID],
    request={JSON: asked.NewFileBatch},
    responses={**_answers(_BATCH), **_CHANGING},
)
one_batch = extend_schema(
    operation_id="openai_file_batch",
    summary="Show a batch of files (OpenAI)",
    parameters=[_STORE_ID, _BATCH_ID],
    responses={**_answers(_BATCH), **_FINDING},
)
cancel_batch = extend_schema(
    operation_id="openai_cancel_file_batch",
    summary="Cancel a batch of files (OpenAI)",
    parameters=[_STORE_ID, _BATCH_ID],
    request=None,
    responses={**_answers(_BATCH), **_CHANGING},
)
list_batch_files = extend_schema(
    operation_id="openai_file_batch_files",
    summary="List the files of a batch (OpenAI)",
    parameters=[_STORE_ID, _BATCH_ID, _OF_STATUS, *_page(100, 20)],
    responses={**_answers(_LIST), **_FINDING},
)
