"""Writes OLE compound files (MS-CFB, version 3), the container of hwp and msg."""

from __future__ import annotations

import struct
from collections.abc import Mapping

SECTOR, MINI, CUTOFF = 512, 64, 4096
FREE, END, IN_FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
STORAGE, STREAM, ROOT = 1, 2, 5

Tree = Mapping[str, "bytes | Tree"]


def compound_file(tree: Tree) -> bytes:
    """The bytes of a file with these streams, in these storages."""
    entries: list[list[object]] = []  # name, kind, right sibling, child, start, size
    streams: dict[int, bytes] = {}
    _add(entries, streams, "Root Entry", tree)
    mini_fat: list[int] = []
    mini = b""
    for index, content in streams.items():
        if len(content) < CUTOFF:
            first, count = len(mini_fat), -(-len(content) // MINI)
            mini += content.ljust(count * MINI, b"\0")
            mini_fat += [*range(first + 1, first + count), END] if count else []
            entries[index][4] = first if count else END
    chains = [b"".join(struct.pack("<I", n) for n in mini_fat), mini]
    chains += [content for content in streams.values() if len(content) >= CUTOFF]
    directory_sectors = -(-len(entries) // 4)
    body_sectors = directory_sectors + sum(-(-len(chain) // SECTOR) for chain in chains)
    fat_sectors = 1
    while fat_sectors * 128 < body_sectors + fat_sectors:
        fat_sectors += 1
    fat = [IN_FAT] * fat_sectors
    starts, body = [], b""
    for size in (directory_sectors * SECTOR, *map(len, chains)):
        count = -(-size // SECTOR)
        starts.append(len(fat) if count else END)
        fat += [*range(len(fat) + 1, len(fat) + count), END] if count else []
    entries[0][4:] = [starts[2], len(mini)]
    large = iter(starts[3:])
    for index, content in streams.items():
        if len(content) >= CUTOFF:
            entries[index][4] = next(large)
    body = b"".join(map(_entry, entries)).ljust(directory_sectors * SECTOR, b"\0")
    body += b"".join(chain.ljust(-(-len(chain) // SECTOR) * SECTOR, b"\0") for chain in chains)
    fat += [FREE] * (fat_sectors * 128 - len(fat))
    header = struct.pack(
        "<8s16xHHHHH6xIIIIIIIII",
        *(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 0x3E, 3, 0xFFFE, 9, 6),
        *(0, fat_sectors, starts[0], 0, CUTOFF),
        *(starts[1], -(-len(chains[0]) // SECTOR), END, 0),
    )
    header += struct.pack("<109I", *range(fat_sectors), *[FREE] * (109 - fat_sectors))
    return header + struct.pack(f"<{len(fat)}I", *fat) + body


def _add(
    entries: list[list[object]], streams: dict[int, bytes], name: str, content: bytes | Tree
) -> int:
    index = len(entries)
    if isinstance(content, bytes):
        entries.append([name, STREAM, FREE, FREE, END, len(content)])
        streams[index] = content
        return index
    entries.append([name, STORAGE if index else ROOT, FREE, FREE, END, 0])
    before = None
    for child in sorted(content, key=lambda key: (len(key), key.upper())):
        number = _add(entries, streams, child, content[child])
        if before is None:
            entries[index][3] = number
        else:
            entries[before][2] = number
        before = number
    return index


def _entry(entry: list[object]) -> bytes:
    name, kind, right, child, start, size = entry
    encoded = (str(name) + "\0").encode("utf-16-le")
    return struct.pack(
        "<64sHBBIII36xIII", encoded, len(encoded), kind, 1, FREE, right, child, start, size, 0
    )
