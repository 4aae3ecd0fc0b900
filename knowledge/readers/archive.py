"""Documents that are zip files of XML: opened within limits, parsed without entities."""

import zipfile
from collections.abc import Iterator
from io import BytesIO

from lxml import etree

from knowledge.readers.limits import LOCKED, MEGABYTE, Limits, Unreadable

MEMBERS = 20_000
_MARKUP = (".xml", ".rels", ".xhtml", ".html", ".htm", ".opf", ".ncx", ".hpf", ".vml")
_DECLARATION = "<!ENTITY"
_ENTITY = [_DECLARATION.encode(encoding) for encoding in ("utf-8", "utf-16-le", "utf-16-be")]
XML_BOMB = "Its XML declares entities, as XML bombs do. Documents have no use for them."


def open_archive(data: bytes, limits: Limits) -> zipfile.ZipFile:
    """The zip file, once it is known what it unpacks to. Raises `Unreadable` for zip and XML bombs.

    Sizes are counted while unpacking, because those that a zip file tells can be wrong.
    """
    archive = zipfile.ZipFile(BytesIO(data))
    members = archive.infolist()
    most = limits.expanded_mb * MEGABYTE
    if len(members) > MEMBERS or sum(member.file_size for member in members) > most:
        raise _bomb(limits)
    if any(member.flag_bits & 1 for member in members):
        raise Unreadable(LOCKED)
    total = 0
    for member in members:
        if member.filename.lower().endswith(_MARKUP):
            for size in _unpack(archive, member):
                total += size
                if total > most:
                    raise _bomb(limits)
    return archive


def parse_xml(data: bytes) -> etree._Element:
    """The root element. Entities are refused, and nothing is fetched."""
    if _declares_entities(data):
        raise Unreadable(XML_BOMB)
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    return etree.fromstring(data, parser)


def title_of_office(archive: zipfile.ZipFile) -> str | None:
    """The title among the properties of a file of Office."""
    if "docProps/core.xml" not in archive.namelist():
        return None
    title = parse_xml(archive.read("docProps/core.xml")).find("{*}title")
    return title.text if title is not None else None


def local(element: etree._Element) -> str:
    """An element's name without its namespace."""
    return str(element.tag).rpartition("}")[2]


def attribute(element: etree._Element, name: str) -> str | None:
    """An attribute by its name without namespace."""
    for key, value in element.attrib.items():
        if str(key).rpartition("}")[2] == name:
            return str(value)
    return None


def _unpack(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[int]:
    before = b""
    with archive.open(member) as stream:
        while piece := stream.read(MEGABYTE):
            if _declares_entities(before + piece):
                raise Unreadable(XML_BOMB)
            before = piece[-32:]
            yield len(piece)


def _bomb(limits: Limits) -> Unreadable:
    return Unreadable(
        f"It unpacks to more than {limits.expanded_mb} MB, as zip bombs do. If it is a real "
        "document, make its pictures smaller or split it."
    )


def _declares_entities(data: bytes) -> bool:
    return any(declaration in data for declaration in _ENTITY)
