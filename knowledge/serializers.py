"""Knowledge bases, documents, passages and searches, as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.sharing.models import Access
from knowledge import expansion
from knowledge.models import Chunk, Document, KnowledgeBase
from knowledge.retrieval import Found, Mode
from rini.translation import gettext as _
from rini.web.fields import ShortListField

MAX_ATTRIBUTES = 16
MAX_SYNCED = 10_000
"""Documents of a source that are compared at once."""


class KnowledgeBaseSerializer(serializers.ModelSerializer[KnowledgeBase]):
    """Documents that are searched together. Without an `embedding_model` (empty) they are searched
    by keywords; how passages are cut and embedded cannot be changed afterwards."""

    description = serializers.CharField(required=False, allow_blank=True, max_length=10_000)
    embedding_model = serializers.CharField(required=False, allow_blank=True, max_length=251)
    chunk_size = serializers.IntegerField(required=False, min_value=32, max_value=2000)
    chunk_overlap = serializers.IntegerField(required=False, min_value=0, max_value=1000)
    keyword_weight = serializers.FloatField(required=False, min_value=0, max_value=1)
    document_count = serializers.IntegerField(read_only=True)
    chunk_count = serializers.IntegerField(read_only=True)
    owner_id = serializers.UUIDField(source="user_id", read_only=True)
    my_access = serializers.ChoiceField(
        choices=Access.choices,
        read_only=True,
        help_text="`read`: search it, open its documents. `write`: add and delete documents too.",
    )

    class Meta:
        model = KnowledgeBase
        fields = (
            *("id", "name", "description", "embedding_model", "chunk_size", "chunk_overlap"),
            *("keyword_weight", "document_count", "chunk_count", "owner_id", "my_access"),
            "created_at",
        )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        size, overlap = attrs.get("chunk_size", 256), attrs.get("chunk_overlap", 0)
        if overlap > size // 2:
            raise serializers.ValidationError({"chunk_overlap": _("At most half of `chunk_size`.")})
        return attrs


class KnowledgeBaseChange(serializers.Serializer[Any]):
    """What may change of a base."""

    name = serializers.CharField(required=False, max_length=200)
    description = serializers.CharField(required=False, allow_blank=True, max_length=10_000)
    keyword_weight = serializers.FloatField(required=False, min_value=0, max_value=1)


class AttributesField(serializers.DictField):
    """At most 16 texts, numbers and switches by name; in a form as JSON."""

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if isinstance(data, str):
            try:
                data = orjson.loads(data)
            except orjson.JSONDecodeError:
                raise serializers.ValidationError(_("Give a JSON object.")) from None
        return super().run_validation(data)

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        found: dict[str, Any] = super().to_internal_value(data)
        if len(found) > MAX_ATTRIBUTES:
            raise serializers.ValidationError(
                _("At most %(most)s attributes.") % {"most": MAX_ATTRIBUTES}
            )
        for name, value in found.items():
            if not isinstance(value, str | int | float | bool) or len(str(value)) > 512:
                raise serializers.ValidationError(
                    _(
                        "%(name)r is neither a text of at most 512 characters, nor a number, nor "
                        "true or false."
                    )
                    % {"name": name[:64]}
                )
            if len(name) > 64 or "\x00" in f"{name}{value}":
                raise serializers.ValidationError(
                    _("A name has at most 64 characters, none of them NUL.")
                )
        return found


class NewDocument(serializers.Serializer[Any]):
    """A text with its name, or the `url` of a document that is fetched in the background; in a form
    (`multipart/form-data`) a `file` instead."""

    name = serializers.CharField(required=False, max_length=255)
    text = serializers.CharField(required=False, trim_whitespace=False)
    file = serializers.FileField(required=False, allow_empty_file=True, max_length=255)
    url = serializers.URLField(required=False, max_length=2000)
    external_id = serializers.CharField(required=False, max_length=255)
    source = serializers.CharField(  # type: ignore[assignment]  # DRF keeps fields off the class
        required=False, max_length=2000
    )
    attributes = AttributesField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if sum(kind in attrs for kind in ("file", "text", "url")) != 1:
            raise serializers.ValidationError(
                {"file": _("Send a file in a form, or a text, or a URL.")}
            )
        if "text" in attrs and "name" not in attrs:
            raise serializers.ValidationError({"name": _("Name the text.")})
        return attrs


class DocumentChange(serializers.Serializer[Any]):
    """What may change of a document; `attributes` take the place of all that it has."""

    name = serializers.CharField(required=False, max_length=255)
    external_id = serializers.CharField(required=False, max_length=255)
    source = serializers.CharField(  # type: ignore[assignment]  # DRF keeps fields off the class
        required=False, allow_blank=True, max_length=2000
    )
    attributes = AttributesField(required=False)


class WithAttributes(serializers.Serializer[Any]):
    attributes = AttributesField()


class SyncedDocument(serializers.Serializer[Any]):
    """A document of the source, and the SHA-256 of its bytes in hexadecimal digits."""

    external_id = serializers.CharField(max_length=255)
    hash = serializers.RegexField("^[0-9a-fA-F]{64}$")


class Sync(serializers.Serializer[Any]):
    """All documents that the source of a base has."""

    documents = ShortListField(child=SyncedDocument(), max_length=MAX_SYNCED)
    delete_missing = serializers.BooleanField(required=False, default=False)

    def validate_documents(self, listed: list[dict[str, str]]) -> list[dict[str, str]]:
        if len({document["external_id"] for document in listed}) < len(listed):
            raise serializers.ValidationError(_("Give each external id once."))
        return listed


class SyncAnswer(serializers.Serializer[Any]):
    """External ids: those to `upload`, and those that the source has no more."""

    upload = serializers.ListField(child=serializers.CharField())
    unchanged = serializers.IntegerField()
    would_delete = serializers.ListField(child=serializers.CharField(), required=False)
    deleted = serializers.ListField(child=serializers.CharField(), required=False)


class DocumentSerializer(serializers.ModelSerializer[Document]):
    """A document, and how far it has got. `error` says why it `failed`, is tried again, or which
    pages could not be read."""

    knowledge_base_id = serializers.UUIDField(source="base_id", read_only=True)

    class Meta:
        model = Document
        fields = (
            *("id", "knowledge_base_id", "name", "file_type", "size", "status", "progress"),
            *("page_count", "chunk_count", "external_id", "source", "attributes", "error"),
            *("url", "content_hash", "created_at"),
        )
        read_only_fields = fields


class ChunkSerializer(serializers.ModelSerializer[Chunk]):
    """A passage: from character `start` to before `end` of the document's text."""

    chunk_id = serializers.IntegerField(source="id", read_only=True)

    class Meta:
        model = Chunk
        fields = ("chunk_id", "ordinal", "content", "start", "end", "page", "headings")
        read_only_fields = fields


class DocumentText(serializers.Serializer[Any]):
    document_id = serializers.UUIDField()
    text = serializers.CharField()


class SearchRequest(serializers.Serializer[Any]):
    """`mode` is `hybrid` where the base has an embedding model, else `keyword`. `filters` are
    OpenAI's: `{"type": "eq", "key": "year", "value": 2026}`, and `and`/`or` with `filters`.
    `expand` shows each passage with what stands around it in its section, so many tokens in all."""

    query = serializers.CharField(max_length=settings.MAX_TEXT_CHARACTERS)
    top_k = serializers.IntegerField(required=False, min_value=1, max_value=100, default=5)
    mode = serializers.ChoiceField([mode.value for mode in Mode], required=False)
    min_score = serializers.FloatField(required=False, min_value=0, max_value=1, default=0.0)
    filters = serializers.DictField(required=False, allow_null=True)
    expand = serializers.IntegerField(
        required=False, min_value=0, max_value=expansion.MAX_TOKENS, default=0
    )


class SeveralBases(SearchRequest):
    knowledge_base_ids = ShortListField(child=serializers.UUIDField(), min_length=1, max_length=100)


class Scores(serializers.Serializer[Any]):
    keyword = serializers.FloatField(allow_null=True)
    vector = serializers.FloatField(allow_null=True)


class SearchResult(serializers.Serializer[Any]):
    """A passage with its score, from 0 to 1. `scores` are those of the two halves, null where one
    did not find it."""

    content = serializers.CharField(source="shown.content")
    score = serializers.FloatField()
    document_id = serializers.UUIDField(source="chunk.document_id")
    document_name = serializers.CharField(source="chunk.document.name")
    knowledge_base_id = serializers.UUIDField(source="chunk.base_id")
    chunk_id = serializers.IntegerField(source="chunk.id")
    page = serializers.IntegerField(source="chunk.page", allow_null=True)
    headings = serializers.ListField(child=serializers.CharField(), source="chunk.headings")
    start = serializers.IntegerField(source="shown.start")
    end = serializers.IntegerField(source="shown.end")
    scores = serializers.SerializerMethodField()

    @extend_schema_field(Scores)
    def get_scores(self, found: Found) -> Mapping[str, float | None]:
        return {"keyword": found.keyword, "vector": found.vector}


class SearchAnswer(serializers.Serializer[Any]):
    results = SearchResult(many=True)
    mode = serializers.ChoiceField(
        [mode.value for mode in Mode],
        help_text="How it was searched: `keyword` where there is no embedding model.",
    )
    took_ms = serializers.IntegerField()
