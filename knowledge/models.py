"""Knowledge bases, their documents, and the passages that are searched."""

from __future__ import annotations

import uuid
from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from pgvector.django import HalfVectorField

from accounts.models import User
from accounts.sharing.models import Share, SharedQuerySet
from rini.ranking import KEYWORD_WEIGHT
from rini.storage.database import OwnedQuerySet


class KnowledgeBaseQuerySet(SharedQuerySet["KnowledgeBase"]):
    @classmethod
    def shares(cls) -> type[KnowledgeBaseShare]:
        return KnowledgeBaseShare


class DocumentQuerySet(models.QuerySet["Document"]):
    def visible_to(self, user: User) -> Self:
        """The documents of the bases that `user` may see."""
        return self.filter(base__in=KnowledgeBase.objects.visible_to(user).values("pk"))

    def changeable_by(self, user: User) -> Self:
        """The documents of the bases that `user` may put documents into."""
        return self.filter(base__in=KnowledgeBase.objects.changeable_by(user).values("pk"))


class KnowledgeBase(models.Model):
    """Documents that are searched together, and how they are cut and embedded."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="knowledge_bases")
    name = models.CharField(_("name"), max_length=200)
    description = models.TextField(_("description"), blank=True, max_length=10_000)
    embedding_model = models.CharField(
        _("embedding model"),
        max_length=251,
        blank=True,
        help_text=_("provider/model. Empty: it is searched by keywords."),
    )
    chunk_size = models.PositiveIntegerField(_("tokens of a passage"), default=256)
    chunk_overlap = models.PositiveIntegerField(_("tokens that passages share"), default=32)
    keyword_weight = models.FloatField(_("weight of keywords"), default=KEYWORD_WEIGHT)
    space = models.UUIDField(
        default=uuid.uuid4, editable=False, help_text=_("Vectors of one space can be compared.")
    )
    metadata = models.JSONField(_("metadata"), default=dict, blank=True)
    # So many there were when its common terms were counted.
    counted_passages = models.PositiveIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)

    objects = KnowledgeBaseQuerySet.as_manager()

    class Meta:
        verbose_name = _("knowledge base")
        verbose_name_plural = _("knowledge bases")
        indexes = [models.Index(fields=["user", "-created_at"], name="knowledge_base_newest")]

    def __str__(self) -> str:
        return self.name


class KnowledgeBaseShare(Share):
    """Who else searches a base (read), and puts documents into it (write)."""

    thing = models.ForeignKey(
        KnowledgeBase, models.CASCADE, related_name="shares", verbose_name=_("knowledge base")
    )

    class Meta(Share.Meta):
        verbose_name = _("share of a knowledge base")
        verbose_name_plural = _("shares of knowledge bases")


class UploadedFile(models.Model):
    """A file of a user's that may be put into any number of bases: each makes a document of it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="uploaded_files")
    name = models.CharField(_("name"), max_length=255)
    purpose = models.CharField(_("purpose"), max_length=20)
    file = models.CharField(max_length=200, editable=False)
    size = models.PositiveBigIntegerField(_("bytes"))
    content_hash = models.CharField(_("SHA-256"), max_length=64)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)

    objects = OwnedQuerySet["UploadedFile"].as_manager()

    class Meta:
        verbose_name = _("uploaded file")
        verbose_name_plural = _("uploaded files")
        indexes = [
            models.Index(fields=["user", "-created_at"], name="uploaded_file_newest"),
            models.Index(fields=["file"], name="uploaded_file_stored"),
        ]

    def __str__(self) -> str:
        return self.name


class DocumentStatus(models.TextChoices):
    QUEUED = "queued", _("waiting")
    READING = "reading", _("being read")
    CHUNKING = "chunking", _("being cut")
    EMBEDDING = "embedding", _("being embedded")
    READY = "ready", _("ready")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("cancelled")


WORKING = (DocumentStatus.READING, DocumentStatus.CHUNKING, DocumentStatus.EMBEDDING)


class Document(models.Model):
    """A document, and how far it has got. Whoever works on it has a lease, and the number of its
    attempt: a worker whose number is an older one writes nothing any more."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    base = models.ForeignKey(KnowledgeBase, on_delete=models.CASCADE, related_name="documents")
    name = models.CharField(_("name"), max_length=255)
    external_id = models.CharField(_("external id"), max_length=255, null=True, blank=True)
    source = models.CharField(_("source"), max_length=2000, blank=True)
    upload = models.ForeignKey(
        UploadedFile, on_delete=models.CASCADE, null=True, editable=False, related_name="documents"
    )
    batch = models.UUIDField(
        null=True, editable=False, help_text=_("The same for those that were added together.")
    )
    url = models.CharField(
        _("address"), max_length=2000, blank=True, help_text=_("It is fetched when it is read.")
    )
    attributes = models.JSONField(_("attributes"), default=dict, blank=True)
    file = models.CharField(max_length=200, editable=False)
    file_type = models.CharField(_("type"), max_length=20, blank=True)
    size = models.PositiveBigIntegerField(_("bytes"), default=0)
    content_hash = models.CharField(_("SHA-256"), max_length=64)
    text = models.TextField(blank=True, editable=False)
    page_count = models.PositiveIntegerField(_("pages"), null=True)
    chunk_count = models.PositiveIntegerField(_("passages"), default=0)
    status = models.CharField(
        _("status"), max_length=9, choices=DocumentStatus.choices, default=DocumentStatus.QUEUED
    )
    progress = models.FloatField(_("progress"), default=0, help_text=_("From 0 to 1."))
    error = models.TextField(_("error"), blank=True)
    attempt = models.PositiveIntegerField(default=0, editable=False)
    tries = models.PositiveIntegerField(
        default=0, editable=False, help_text=_("Since it was queued by somebody.")
    )
    not_before = models.DateTimeField(default=timezone.now, editable=False)
    leased_until = models.DateTimeField(null=True, editable=False)
    claimed_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)

    objects = DocumentQuerySet.as_manager()

    class Meta:
        verbose_name = _("document")
        verbose_name_plural = _("documents")
        constraints = [
            models.UniqueConstraint(fields=["base", "external_id"], name="document_external_id"),
            models.UniqueConstraint(fields=["base", "upload"], name="document_of_upload"),
        ]
        indexes = [
            models.Index(fields=["base", "-created_at"], name="document_newest"),
            models.Index(
                fields=["batch"], name="document_batch", condition=models.Q(batch__isnull=False)
            ),
            models.Index(
                fields=["created_at"],
                name="document_unfinished",
                condition=models.Q(status__in=["queued", "reading", "chunking", "embedding"]),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Chunk(models.Model):
    """A passage of a document: ``document.text[start:end]``.

    Those of an attempt that is under way are not `live`: searches see the whole of the last one.
    """

    id = models.BigAutoField(primary_key=True)
    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="chunks")
    base = models.ForeignKey(KnowledgeBase, on_delete=models.CASCADE, related_name="+")
    space = models.UUIDField()
    attempt = models.PositiveIntegerField()
    live = models.BooleanField(default=False)
    ordinal = models.PositiveIntegerField()
    content = models.TextField()
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()
    page = models.PositiveIntegerField(null=True)
    headings = ArrayField(models.TextField(), default=list)
    content_hash = models.CharField(max_length=64)
    embedding = HalfVectorField(null=True)
    terms = SearchVectorField()

    class Meta:
        verbose_name = _("passage")
        verbose_name_plural = _("passages")
        constraints = [
            models.UniqueConstraint(
                fields=["document", "attempt", "ordinal"], name="chunk_in_order"
            ),
        ]
        indexes = [
            GinIndex(fields=["terms"], name="chunk_terms", fastupdate=False),
            models.Index(fields=["space", "content_hash"], name="chunk_embedded"),
        ]

    def __str__(self) -> str:
        return f"{self.document_id} {self.ordinal}"


class CommonTerm(models.Model):
    """A term that many passages of a base have, behind the scope of the base, and how many
    (`rini.keyword_search`)."""

    lexeme = models.TextField(primary_key=True)
    base = models.ForeignKey(KnowledgeBase, on_delete=models.CASCADE, related_name="+")
    documents = models.PositiveIntegerField()

    class Meta:
        verbose_name = _("common term")
        verbose_name_plural = _("common terms")

    def __str__(self) -> str:
        return self.lexeme
