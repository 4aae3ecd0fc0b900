"""From a stored document, or an address, to passages that are found.

    claim ─► reading ─► chunking ─► embedding (batch by batch) ─► publish ─► ready
                │ Unreadable            │ a vendor is away
                └─► failed(reason)      └─► queued, for later

Every step may be repeated: a worker that goes on with what a dead one left reads and cuts the same
text into the same passages, and embeds only those whose vectors its base does not have.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Sequence

import structlog
from django.conf import settings
from django.db import connections, transaction

from accounts.authentication import Caller
from knowledge import chunking, documents, keywords, queue, vectors
from knowledge.models import Chunk, Document, DocumentStatus
from knowledge.queue import Superseded
from knowledge.readers import process
from knowledge.readers.limits import MEGABYTE, Limits, Unreadable
from knowledge.reading import Reading
from providers.errors import ProviderError
from providers.wires import registry
from rini import egress
from rini.errors import RateLimited, RiniError, Unavailable
from rini.storage import files
from rini.storage.background import enqueue

BATCH = 64
"""Passages that are embedded, and stored, at once."""
FETCH_SECONDS = 60.0
"""For all of an address, with its redirects."""
TEND = "knowledge.tasks.tend_base"
log = structlog.get_logger(__name__)


def ingest_next() -> bool:
    """Do the next document that waits; False: none does."""
    document = queue.claim()
    if document is None:
        return False
    try:
        _settled(document)
    except Superseded:
        log.info("a document was taken away from its worker", document=str(document.id))
    return True


def _settled(document: Document) -> None:
    """Do a document, and write down why it could not be done. Raises `Superseded`."""
    try:
        _ingest(document)
    except Unreadable as error:
        queue.fail(document, error.reason)
    except RiniError as error:
        log.info("a document was not embedded", document=str(document.id), error=str(error))
        if _may_work_later(error):
            queue.put_off(document, error.detail, error.retry_after or 5 * 3**document.tries)
        else:
            queue.fail(document, error.detail)


def _ingest(document: Document) -> None:
    reading = _read(document)
    queue.write(
        document,
        status=DocumentStatus.CHUNKING,
        file_type=reading.file_type,
        page_count=reading.page_count,
    )
    passages = _passages(document, reading)
    queue.write(document, status=DocumentStatus.EMBEDDING)
    for at in range(0, len(passages), BATCH):
        batch = passages[at : at + BATCH]
        _embed(document, batch)
        with transaction.atomic():
            done = min(at + BATCH, len(passages)) / len(passages)
            queue.write(document, progress=round(done, 3))
            Chunk.objects.bulk_create([chunk for chunk, _ in batch])
    _publish(document, reading, len(passages))


def _read(document: Document) -> Reading:
    if document.url:
        _fetch(document)
    data = files.read(document.file)
    connections.close_all()  # none is held while the document is read
    if data is None:
        raise Unreadable("Its file is not in the storage any more. Upload it again.")
    reading = process.read(data, document.name, Limits.from_json(settings.READER_LIMITS))
    if not reading.blocks:
        raise Unreadable(_nothing_in(reading))
    return reading


def _fetch(document: Document) -> None:
    """Store what the address of a document answers. Raises `RiniError` for why it cannot be had."""
    most = Limits.from_json(settings.READER_LIMITS).document_mb * MEGABYTE
    connections.close_all()  # none is held while the address answers
    answer = asyncio.run(egress.fetch(document.url, max_bytes=most, deadline=FETCH_SECONDS))
    documents.keep_fetched(document, answer.body)


def _nothing_in(reading: Reading) -> str:
    pictures = len(reading.pages_without_text)
    if pictures:
        return f"{pictures} of {reading.page_count} pages are pictures: there is no text to read."
    return "There is no text in it."


def _passages(document: Document, reading: Reading) -> list[tuple[Chunk, str]]:
    """The passages, each with the text that is embedded and indexed in its place."""
    base = document.base
    found = chunking.chunks(
        reading,
        lambda text: vectors.offsets(base, text),
        size=base.chunk_size,
        overlap=base.chunk_overlap,
    )
    title = reading.title or document.name
    told = [chunking.embedded_text(passage, title) for passage in found]
    return [
        (
            Chunk(
                document=document,
                base=base,
                space=base.space,
                attempt=document.attempt,
                ordinal=ordinal,
                content=passage.text,
                start=passage.start,
                end=passage.end,
                page=passage.page,
                headings=list(passage.headings),
                content_hash=hashlib.sha256(text.encode()).hexdigest(),
                terms=keywords.tsvector(base.id, text),
            ),
            text,
        )
        for ordinal, (passage, text) in enumerate(zip(found, told, strict=True))
    ]


def _embed(document: Document, batch: Sequence[tuple[Chunk, str]]) -> None:
    """Give the passages of a batch their vectors: those that the base has, and new ones."""
    base = document.base
    if not base.embedding_model:
        return
    known = _known(document, [chunk.content_hash for chunk, _ in batch])
    fresh = {chunk.content_hash: text for chunk, text in batch if chunk.content_hash not in known}
    if fresh:
        texts = [vectors.fitted(base, text) for text in fresh.values()]
        connections.close_all()  # none is held while the model works
        made = asyncio.run(_vectors(document, texts))
        known |= dict(zip(fresh, made, strict=True))
    for chunk, _ in batch:
        chunk.embedding = known[chunk.content_hash]


def _known(document: Document, hashes: Iterable[str]) -> dict[str, list[float]]:
    rows = Chunk.objects.filter(
        space=document.base.space, content_hash__in=hashes, embedding__isnull=False
    )
    found = rows.values_list("content_hash", "embedding")
    return {digest: list(vector or ()) for digest, vector in found}


async def _vectors(document: Document, texts: Sequence[str]) -> list[list[float]]:
    base = document.base
    try:
        return await vectors.vectors(Caller(base.user, None), base, texts, "passage")
    finally:
        await registry.close_all()


@transaction.atomic
def _publish(document: Document, reading: Reading, count: int) -> None:
    """From one moment to the next searches find the new passages in place of the former ones."""
    queue.write(
        document,
        status=DocumentStatus.READY,
        text=reading.text,
        chunk_count=count,
        progress=1,
        error=_missing_pages(reading),
    )
    document.chunks.exclude(attempt=document.attempt).delete()
    document.chunks.update(live=True)
    transaction.on_commit(lambda: enqueue(TEND, str(document.base_id)))


def _missing_pages(reading: Reading) -> str:
    missing = len(reading.pages_without_text)
    return f"{missing} of {reading.page_count} pages are pictures." if missing else ""


def _may_work_later(error: RiniError) -> bool:
    if isinstance(error, ProviderError):
        return error.retryable
    return isinstance(error, RateLimited | Unavailable)
