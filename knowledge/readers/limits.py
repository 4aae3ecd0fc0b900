"""What reading one document may take, and how a document is refused."""

from dataclasses import asdict, dataclass
from typing import Any, Self

MEGABYTE = 1024 * 1024
LOCKED = "It is protected with a password. Save it without the password and upload it again."


class Unreadable(Exception):
    """A document cannot be read. ``reason`` is a sentence for the person who uploaded it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Of one document. Beyond any of them `Unreadable` is raised."""

    seconds: float = 60
    memory_mb: int = 512
    """Of the reading process: its data, not the code of the libraries that it maps."""
    document_mb: int = 100
    expanded_mb: int = 256
    """What a compressed document may be when unpacked."""
    pages: int = 5_000
    """Pages, sheets or slides."""
    cells: int = 500_000
    """Of all sheets and tables together, the empty ones between others too."""
    characters: int = 20_000_000
    """Of the text that is read."""
    ocr: bool = False
    """Read pages that are pictures with tesseract."""
    ocr_languages: str = "kor+jpn+chi_sim+eng"
    """Tesseract's names for them; those that are not installed are left out."""
    ocr_seconds: float = 600
    """Added to ``seconds``. Pages that are not reached by then stay without text."""

    @property
    def all_seconds(self) -> float:
        return self.seconds + (self.ocr_seconds if self.ocr else 0)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        return cls(**values)
