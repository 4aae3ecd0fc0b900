"""The parts of a binary Hangul document, after Hancom's published "HWP Document File Formats 5.0".

An OLE compound file of streams (mostly deflated), each a sequence of records, which form a tree by
their levels. A record is a little-endian 32-bit header — 10 bits tag, 10 bits level, 12 bits size;
size 0xFFF: the size follows as 32 bits — and its bytes.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO

import olefile

from knowledge.readers.limits import LOCKED, MEGABYTE, Limits, Unreadable

PARA_SHAPE, STYLE, DISTRIBUTED = 25, 26, 28
PARA_HEADER, PARA_TEXT, CTRL_HEADER, LIST_HEADER, TABLE, EQUATION = 66, 67, 71, 72, 77, 88
_COMPRESSED, _ENCRYPTED, _DISTRIBUTION = 1, 2, 4
_SUMMARY = "\x05HwpSummaryInformation"
_TITLE = 2  # of the property set's numbers
_SIZE_FOLLOWS = 0xFFF
_SECTION = re.compile(r"section(\d+)", re.IGNORECASE)


@dataclass(slots=True)
class Record:
    tag: int
    data: bytes
    children: list[Record] = field(default_factory=list)

    @property
    def control(self) -> str:
        """The four letters of a control's kind, which are stored backwards."""
        return self.data[3::-1].decode("latin-1") if self.tag == CTRL_HEADER else ""


class HangulFile:
    """An open document. Raises `Unreadable` for one that is encrypted or unpacks to too much."""

    def __init__(self, data: bytes, limits: Limits) -> None:
        self._ole = olefile.OleFileIO(BytesIO(data))
        header = self._ole.openstream("FileHeader").read(256)
        if not header.startswith(b"HWP Document File"):
            raise ValueError("no signature of HWP")
        (self._flags,) = struct.unpack_from("<I", header, 36)
        if self._flags & _ENCRYPTED:
            raise Unreadable(LOCKED)
        self._left = limits.expanded_mb * MEGABYTE
        self._limits = limits

    def title(self) -> str | None:
        if not self._ole.exists(_SUMMARY):
            return None
        title = self._ole.getproperties(_SUMMARY).get(_TITLE)
        return title if isinstance(title, str) else None

    def styles(self) -> list[Record]:
        """The records about shapes and styles, not as a tree."""
        return [Record(tag, data) for tag, _, data in _records(self._unpacked(["DocInfo"]))]

    def sections(self) -> Iterator[list[Record]]:
        """The paragraphs of each section, with what is in them."""
        folder = "ViewText" if self._flags & _DISTRIBUTION else "BodyText"
        found = [path for path in self._ole.listdir() if path[0] == folder and len(path) == 2]
        numbered = sorted(
            (int(match[1]), path) for path in found if (match := _SECTION.fullmatch(path[1]))
        )
        for _, path in numbered:
            yield _tree(self._unpacked(path))

    def _unpacked(self, path: list[str]) -> bytes:
        data = self._ole.openstream(path).read()
        if len(data) < self._ole.get_size(path):
            raise ValueError("a stream is cut off")
        if path[0] == "ViewText":
            data = _undistributed(data)
        if not self._flags & _COMPRESSED:
            return data
        inflater = zlib.decompressobj(-15)
        data = inflater.decompress(data, self._left)
        self._left -= len(data)
        if inflater.unconsumed_tail:
            raise Unreadable(
                f"It unpacks to more than {self._limits.expanded_mb} MB, as zip bombs do."
            )
        return data


def text_of(data: bytes) -> str:
    """A PARA_TEXT: UTF-16 among which control codes stand, alone or as the first of eight units."""
    units = struct.unpack(f"<{len(data) // 2}H", data[: len(data) // 2 * 2])
    characters: list[str] = []
    index = 0
    while index < len(units):
        unit = units[index]
        if unit >= 32:
            characters.append(chr(unit))
        elif unit in _ALONE:
            characters.append(_ALONE[unit])
        else:
            characters.append("\t" if unit == 9 else "")
            index += 7
        index += 1
    return "".join(characters)


# Line break, end of paragraph, hyphen, reserved ones, and two kinds of spaces.
_ALONE = {
    0: "",
    10: "\n",
    13: "",
    24: "-",
    25: "",
    26: "",
    27: "",
    28: "",
    29: "",
    30: " ",
    31: " ",
}


def _records(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """(tag, level, bytes) for each; what is cut off at the end is left out."""
    at = 0
    while at + 4 <= len(data):
        (header,) = struct.unpack_from("<I", data, at)
        at += 4
        size = header >> 20
        if size == _SIZE_FOLLOWS:
            if at + 4 > len(data):
                return
            (size,) = struct.unpack_from("<I", data, at)
            at += 4
        yield header & 0x3FF, header >> 10 & 0x3FF, data[at : at + size]
        at += size


def _tree(data: bytes) -> list[Record]:
    root = Record(-1, b"")
    parents = [root]  # by level
    for tag, level, content in _records(data):
        record = Record(tag, content)
        del parents[min(level, len(parents) - 1) + 1 :]
        parents[-1].children.append(record)
        parents.append(record)
    return root.children


def _undistributed(data: bytes) -> bytes:
    """A section of a document "for distribution": encrypted with a key that lies in front of it.

    The first record's 256 bytes are a seed and what is hidden by the pseudo-random numbers that
    follow from it (those of Microsoft's C library); in it is the key of AES-128 (ECB).
    """
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    tag, _, hidden = next(_records(data), (0, 0, b""))
    if tag != DISTRIBUTED or len(hidden) != 256:
        raise ValueError("no key in a section for distribution")
    (seed,) = struct.unpack_from("<I", hidden)
    random = _random(seed)
    mask = bytearray()
    while len(mask) < 256:
        value = next(random) & 0xFF
        mask += bytes([value]) * ((next(random) & 0xF) + 1)
    start = 4 + (seed & 0xF)
    key = bytes(hidden[i] ^ mask[i] for i in range(start, start + 16))
    body = data[4 + 256 :]
    decryptor = Cipher(algorithms.AES(key), modes.ECB()).decryptor()  # noqa: S305  # the format's
    return decryptor.update(body[: len(body) // 16 * 16]) + decryptor.finalize()


def _random(seed: int) -> Iterator[int]:
    while True:
        seed = (seed * 214013 + 2531011) & 0xFFFFFFFF
        yield seed >> 16 & 0x7FFF
