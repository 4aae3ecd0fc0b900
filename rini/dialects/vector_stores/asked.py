"""The bodies of OpenAI's requests about files and vector stores."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from knowledge.models import KnowledgeBase
from knowledge.serializers import AttributesField
from knowledge.uploads import Attachment
from rini.dialects.vector_stores import ids
from rini.errors import InvalidInput
from rini.text import storable_value
from rini.translation import gettext as _
from rini.web.fields import ShortListField

Json = dict[str, Any]
PURPOSES = ("assistants", "user_data")
MOST_FILES = 500
_MOST_QUERIES = 10
_MOST_METADATA = 16


class FileIdField(serializers.CharField):
    """``file-…`` as the id in it."""

    def to_internal_value(self, data: Any) -> Any:
        found = ids.read(ids.FILE, super().to_internal_value(data))
        if found is None:
            raise serializers.ValidationError(_("Give the id of a file, which begins with file-."))
        return found


class MetadataField(serializers.DictField):
    """At most 16 texts by names."""

    def to_internal_value(self, data: Any) -> Json:
        found: Json = storable_value(super().to_internal_value(data))
        if len(found) > _MOST_METADATA or any(
            not isinstance(text, str) or len(text) > 512 or len(name) > 64
            for name, text in found.items()
        ):
            raise serializers.ValidationError(
                _(
                    "Give at most 16 texts of at most 512 characters, by names of at most 64 "
                    "characters."
                )
            )
        return found


@extend_schema_field(
    {
        "oneOf": [
            {"type": "string", "minLength": 1},
            {
                "type": "array",
                "items": {"type": "string", "minLength": 1},
                "minItems": 1,
                "maxItems": _MOST_QUERIES,
            },
        ]
    }
)
class QueriesField(serializers.Field[Any, Any, Any, Any]):
    """A text, or several, as a list."""

    def to_internal_value(self, data: Any) -> list[str]:
        texts = data if isinstance(data, list) else [data]
        if not 0 < len(texts) <= _MOST_QUERIES or not all(map(_is_query, texts)):
            raise serializers.ValidationError(
                _("Give a text, or a list of at most %(most)s texts.") % {"most": _MOST_QUERIES}
            )
        return texts


def _is_query(text: object) -> bool:
    if not isinstance(text, str):
        return False
    return bool(text.strip()) and len(text) <= settings.MAX_TEXT_CHARACTERS


class StaticChunking(serializers.Serializer[Any]):
    max_chunk_size_tokens = serializers.IntegerField(min_value=32, max_value=2000)
    chunk_overlap_tokens = serializers.IntegerField(min_value=0, max_value=1000)


class ChunkingStrategy(serializers.Serializer[Any]):
    """`auto`, or `static` with its sizes."""

    type = serializers.ChoiceField(["auto", "static"])
    static = StaticChunking(required=False)

    def validate(self, attrs: Json) -> Json:
        sizes = attrs.get("static")
        if (attrs["type"] == "static") != (sizes is not None):
            raise serializers.ValidationError({"static": _("It belongs to the type `static`.")})
        if sizes and sizes["chunk_overlap_tokens"] > sizes["max_chunk_size_tokens"] // 2:
            raise serializers.ValidationError(
                {"static": _("Passages share at most half of their size.")}
            )
        return attrs


class NewVectorStore(serializers.Serializer[Any]):
    name = serializers.CharField(required=False, allow_blank=True, max_length=200)
    description = serializers.CharField(required=False, allow_blank=True, max_length=10_000)
    metadata = MetadataField(required=False)
    chunking_strategy = ChunkingStrategy(required=False)
    file_ids = ShortListField(child=FileIdField(), required=False, max_length=MOST_FILES)


class VectorStoreChange(serializers.Serializer[Any]):
    name = serializers.CharField(required=False, allow_blank=True, max_length=200)
    description = serializers.CharField(required=False, allow_blank=True, max_length=10_000)
    metadata = MetadataField(required=False)


class NewStoreFile(serializers.Serializer[Any]):
    """A file of the caller's. The whole vector store has one way of cutting passages."""

    file_id = FileIdField()
    attributes = AttributesField(required=False)
    chunking_strategy = ChunkingStrategy(required=False)


class StoreFileChange(serializers.Serializer[Any]):
    attributes = AttributesField(allow_null=True)


class NewFileBatch(serializers.Serializer[Any]):
    """`file_ids`, which `attributes` are given to all of; or `files`, each with its own."""

    file_ids = ShortListField(
        child=FileIdField(), required=False, min_length=1, max_length=MOST_FILES
    )
    files = NewStoreFile(many=True, required=False)
    attributes = AttributesField(required=False)
    chunking_strategy = ChunkingStrategy(required=False)

    def validate_files(self, value: list[Json]) -> list[Json]:
        if not 0 < len(value) <= MOST_FILES:
            raise serializers.ValidationError(_("Give 1 to %(most)s files.") % {"most": MOST_FILES})
        return value

    def validate(self, attrs: Json) -> Json:
        if ("file_ids" in attrs) == ("files" in attrs):
            raise serializers.ValidationError({"file_ids": _("Give either `file_ids` or `files`.")})
        if "files" in attrs and ("attributes" in attrs or "chunking_strategy" in attrs):
            raise serializers.ValidationError(
                {"files": _("Each of them has its own `attributes` and `chunking_strategy`.")}
            )
        return attrs


class RankingOptions(serializers.Serializer[Any]):
    """Every ranker is the same here."""

    ranker = serializers.ChoiceField(["auto", "none", "default-2024-11-15"], required=False)
    score_threshold = serializers.FloatField(required=False, min_value=0, max_value=1, default=0.0)


class StoreSearch(serializers.Serializer[Any]):
    """`filters` are `{"type": "eq", "key": "year", "value": 2026}`, and `and`/`or` with
    `filters`. Queries are not rewritten."""

    query = QueriesField()
    filters = serializers.DictField(required=False)
    max_num_results = serializers.IntegerField(
        required=False, min_value=1, max_value=50, default=10
    )
    ranking_options = RankingOptions(required=False)
    rewrite_query = serializers.BooleanField(required=False, default=False)

    def validate_rewrite_query(self, value: bool) -> bool:
        if value:
            raise serializers.ValidationError(_("Queries are searched as they are: give false."))
        return value


def sizes(strategy: Json | None) -> Json:
    """The sizes of passages as a base has them; empty for its usual ones."""
    if strategy is None or strategy["type"] == "auto":
        return {}
    static = strategy["static"]
    return {
        "chunk_size": static["max_chunk_size_tokens"],
        "chunk_overlap": static["chunk_overlap_tokens"],
    }


def attachments(body: Json) -> list[Attachment]:
    """What a batch puts into its store, each file once."""
    shared = body.get("attributes", {})
    told = body.get("files") or [
        {"file_id": file_id, "attributes": shared} for file_id in body["file_ids"]
    ]
    by_id: dict[UUID, Json] = {one["file_id"]: one.get("attributes", {}) for one in told}
    return [Attachment(file_id, attributes) for file_id, attributes in by_id.items()]


def check_sizes(base: KnowledgeBase, body: Json) -> None:
    """Raise `InvalidInput` where a file is to be cut in another way than its store."""
    for one in (body, *body.get("files", ())):
        wanted = sizes(one.get("chunking_strategy"))
        if any(getattr(base, name) != size for name, size in wanted.items()):
            raise InvalidInput(
                errors={
                    "chunking_strategy": [
                        _(
                            "A vector store cuts all its files in one way, which is chosen when it "
                            "is created."
                        )
                    ]
                }
            )
