"""PDF, read by pypdf: slower than PDFium, for files on which PDFium fails."""

from io import BytesIO

from pypdf import PdfReader

from knowledge.readers.draft import Draft
from knowledge.readers.limits import LOCKED, Unreadable
from knowledge.readers.lines import Line, add_pages, told_title


def read(data: bytes, _: str, draft: Draft) -> None:
    document = PdfReader(BytesIO(data), strict=False)
    if document.is_encrypted and not document.decrypt(""):
        raise Unreadable(LOCKED)
    draft.count_pages(len(document.pages))
    draft.title = told_title(document.metadata.title if document.metadata else None)
    pages: list[list[Line]] = []
    characters = 0
    for number, page in enumerate(document.pages, start=1):
        text = page.extract_text()
        characters += len(text)
        draft.check_length(characters)
        pages.append([Line(line) for line in text.splitlines() if line.strip()])
        if not text.strip() and page.get("/Contents"):
            draft.pages_without_text.append(number)
    add_pages(pages, [], draft)
