"""What kind of document some bytes are. The name only helps to tell kinds of text apart."""

import re
import zipfile
from io import BytesIO
from typing import Final

from knowledge.readers.delimited import looks_delimited
from knowledge.readers.encodings import decode, is_text
from knowledge.readers.limits import LOCKED, Unreadable

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MIMETYPES: Final = {
    "application/epub+zip": "epub",
    "application/hwp+zip": "hwpx",
    "application/vnd.oasis.opendocument.text": "odt",
    "application/vnd.oasis.opendocument.text-template": "odt",
    "application/vnd.oasis.opendocument.spreadsheet": "ods",
    "application/vnd.oasis.opendocument.presentation": "odp",
}
_OFFICE: Final = {"word/": "docx", "ppt/": "pptx", "xl/": "xlsx"}
_OLE_STREAMS: Final = (
    ("FileHeader", "hwp"),
    ("Workbook", "xls"),
    ("Book", "xls"),
    ("__properties_version1.0", "msg"),
)
_OLD_OFFICE: Final = (("WordDocument", "doc", "docx"), ("PowerPoint Document", "ppt", "pptx"))
# Kinds that people upload by mistake, by how their bytes begin.
_OTHERS: Final = (
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"II*\x00", "a TIFF picture"),
    (b"MM\x00*", "a TIFF picture"),
    (b"BM", "a BMP picture"),
    (b"ID3", "sound"),
    (b"OggS", "sound or video"),
    (b"fLaC", "sound"),
    (b"\x1aE\xdf\xa3", "a video"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"Rar!", "a rar archive"),
    (b"SQLite format 3", "a database"),
    (b"HWP Document File V", "a document of an old Hangul (HWP 3): save it as hwpx or pdf"),
)
_CODE_NAMES = """
    c h cc cpp cxx hpp cs java kt kts scala groovy py pyi rb php pl pm lua r jl m mm swift go rs js
    mjs cjs jsx ts tsx vue svelte css scss less sql sh bash zsh fish ps1 bat cmd dart ex exs erl hs
    clj lisp el f90 f95 asm s v vhd proto graphql tf hcl nix cmake gradle dockerfile makefile yaml
    yml toml ini cfg conf properties env xml xsd xsl svg tex bib diff patch ipynb
"""
_CODE_ENDINGS = frozenset(_CODE_NAMES.split())
_NAMED: Final = {
    "md": "md",
    "markdown": "md",
    "mdx": "md",
    "csv": "csv",
    "tsv": "csv",
    "tab": "csv",
    "json": "json",
    "jsonl": "json",
    "ndjson": "json",
    "html": "html",
    "htm": "html",
    "xhtml": "html",
    "eml": "eml",
}
_PLAIN = {"txt", "text", "log"}
_CODE = re.compile(r"#!|\s*<\?xml")
_HTML = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*(?:<!doctype\s+html|<(?:html|head|body)[\s>])",
    re.IGNORECASE | re.DOTALL,
)
_TAG = re.compile(r"</?(?:p|div|br|h[1-6]|table|ul|ol|li|span|a|body|html)\b[^<>]*>", re.IGNORECASE)
_HEADER = re.compile(
    r"^(From|To|Subject|Date|Received|Return-Path|MIME-Version|Message-ID|Delivered-To):",
    re.IGNORECASE,
)


def recognise(data: bytes, name: str) -> str:
    """The file type, one of the readers' names. Raises `Unreadable` for what is not a document."""
    if not data.strip(b"\x00 \t\r\n"):
        raise Unreadable("It is empty." if not data else "It holds nothing but zeros or blanks.")
    if b"%PDF-" in data[:1024]:
        return "pdf"
    if data.startswith(b"PK\x03\x04"):
        return _in_archive(data)
    if data.startswith(OLE):
        return _in_compound_file(data)
    if data.startswith(b"{\\rtf"):
        return "rtf"
    for beginning, what in _OTHERS:
        if data.startswith(beginning) and not (len(beginning) == 2 and is_text(data)):
            raise Unreadable(f"It is {what}, not a document that Rini reads.")
    if data[4:8] == b"ftyp" or (data.startswith(b"RIFF") and data[8:12] in {b"WAVE", b"WEBP"}):
        raise Unreadable("It is a picture, sound or video, not a document that Rini reads.")
    return _text_kind(data, name)


def _in_archive(data: bytes) -> str:
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            names = archive.namelist()
            if "mimetype" in names:
                with archive.open("mimetype") as stream:
                    kind = _MIMETYPES.get(stream.read(200).decode("ascii", "replace").strip())
                if kind:
                    return kind
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError):
        raise Unreadable(
            "It is a broken archive: its end is missing or damaged. Upload it again."
        ) from None
    if "[Content_Types].xml" in names:
        for folder, kind in _OFFICE.items():
            if any(name.startswith(folder) for name in names):
                return kind
    if "Contents/header.xml" in names:
        return "hwpx"
    if "META-INF/container.xml" in names:
        return "epub"
    raise Unreadable("It is a zip archive, not a document. Upload the files in it one by one.")


def _in_compound_file(data: bytes) -> str:
    import olefile

    try:
        with olefile.OleFileIO(BytesIO(data)) as compound:
            names = {entry[0] for entry in compound.listdir(streams=True, storages=True)}
    except OSError:
        raise Unreadable("It is a broken Office document. Upload it again.") from None
    if "EncryptedPackage" in names:
        raise Unreadable(LOCKED)
    for stream, kind in _OLE_STREAMS:
        if stream in names:
            return kind
    for stream, kind, newer in _OLD_OFFICE:
        if stream in names:
            raise Unreadable(f"It is a .{kind} of Office 97–2003. Save it as .{newer} or .pdf.")
    raise Unreadable("It is an Office file of a kind that Rini does not read.")


def _text_kind(data: bytes, name: str) -> str:
    """What a text shows itself goes before its name, and its name before a guess."""
    text = decode(data)
    ending = name.lower().rpartition(".")[2]
    named = "code" if ending in _CODE_ENDINGS else _NAMED.get(ending, "")
    beginning = text[:20_000].lstrip("\ufeff")
    if _HTML.match(beginning) or (named == "html" and _TAG.search(beginning)):
        return "html"
    if _is_mail(beginning) or (named == "eml" and _HEADER.match(beginning)):
        return "eml"
    if named in {"code", "md", "csv"}:
        return named
    if _looks_like_json(text):
        return "json"  # its reader takes it as a text if it is none
    return "txt" if named or ending in _PLAIN else _unnamed_kind(beginning)


def _unnamed_kind(beginning: str) -> str:
    if _CODE.match(beginning):
        return "code"
    return "csv" if looks_delimited(beginning) else "txt"


def _looks_like_json(text: str) -> bool:
    text = text.strip()
    return text[:1] + text[-1:] in {"{}", "[]"}


def _is_mail(beginning: str) -> bool:
    headers = set()
    for line in beginning.splitlines():
        if not line:
            break
        found = _HEADER.match(line)
        if found:
            headers.add(found[1].lower())
        elif not line.startswith((" ", "\t")) and not re.match(r"[\w-]+:", line):
            return False
    return "from" in headers and len(headers) >= 3
