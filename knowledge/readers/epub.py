"""EPUB books: the chapters in the order of the spine (EPUB 3.3, and 2)."""

import posixpath
import zipfile
from urllib.parse import unquote

from lxml import etree

from knowledge.readers.archive import attribute, open_archive, parse_xml
from knowledge.readers.draft import Draft
from knowledge.readers.encodings import decode
from knowledge.readers.html import add_html
from knowledge.readers.limits import Unreadable


def read(data: bytes, _: str, draft: Draft) -> None:
    with open_archive(data, draft.limits) as archive:
        names = set(archive.namelist())
        package_name = _package_name(archive)
        package = parse_xml(archive.read(package_name))
        title = package.find(".//{*}metadata/{*}title")
        draft.title = title.text if title is not None else None
        chapters = [name for name in _spine(package, package_name) if name in names]
        if chapters and _are_encrypted(archive, names, chapters):
            raise Unreadable(
                "It is a book with copy protection (DRM), which only its shop's apps open."
            )
        if len(chapters) > draft.limits.pages:
            draft.count_pages(len(chapters), "chapters")
        for name in chapters:
            draft.leave_headings(1)
            add_html(decode(archive.read(name)), draft)


def _package_name(archive: zipfile.ZipFile) -> str:
    container = parse_xml(archive.read("META-INF/container.xml"))
    rootfile = container.find(".//{*}rootfile")
    return (attribute(rootfile, "full-path") if rootfile is not None else None) or ""


def _spine(package: etree._Element, package_name: str) -> list[str]:
    folder = posixpath.dirname(package_name)
    hrefs = {
        attribute(item, "id"): attribute(item, "href") or ""
        for item in package.iterfind("{*}manifest/{*}item")
        if "html" in (attribute(item, "media-type") or "")
    }
    order = [attribute(item, "idref") for item in package.iterfind("{*}spine/{*}itemref")]
    return [
        posixpath.normpath(posixpath.join(folder, unquote(hrefs[name])))
        for name in order
        if name in hrefs
    ]


def _are_encrypted(archive: zipfile.ZipFile, names: set[str], chapters: list[str]) -> bool:
    """Many books scramble their fonts alone; those can be read."""
    if "META-INF/encryption.xml" not in names:
        return False
    root = parse_xml(archive.read("META-INF/encryption.xml"))
    scrambled = {
        unquote(attribute(item, "URI") or "") for item in root.iterfind(".//{*}CipherReference")
    }
    return not scrambled.isdisjoint(chapters)
