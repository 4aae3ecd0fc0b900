"""Forms with files, for endpoints outside of Django. The body is limited as every other."""

from __future__ import annotations

import io
import unicodedata
from dataclasses import dataclass
from functools import partial
from typing import IO, Any

from django.core.exceptions import SuspiciousOperation
from django.core.files.uploadedfile import SimpleUploadedFile, UploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.http.multipartparser import MultiPartParser, MultiPartParserError
from django.http.request import QueryDict
from django.utils.datastructures import MultiValueDict
from rest_framework.exceptions import UnsupportedMediaType
from starlette.requests import Request

from rini.errors import InvalidInput
from rini.text import composed
from rini.translation import gettext as _
from rini.web.parsing import check_is_plain, if_large_aside, read_body

MAX_NAME_CHARACTERS = 255


@dataclass(frozen=True, slots=True)
class Upload:
    """A file of a form. Its name is the caller's, made harmless: data to show, never a path."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Form:
    """Of a field that occurs twice `fields` has the last value, and `values` has all."""

    fields: dict[str, str]
    files: dict[str, Upload]
    values: dict[str, list[str]]


async def form_body(request: Request) -> Form:
    """The request's form.

    Raises `TooLarge`, `InvalidInput` for what is not a form, and DRF's `UnsupportedMediaType`.
    """
    check_is_plain(request.headers)
    media_type = request.headers.get("content-type", "")
    if not media_type.lower().startswith("multipart/form-data"):
        raise UnsupportedMediaType(media_type or "nothing")
    body = await read_body(request)
    meta = {"CONTENT_TYPE": media_type, "CONTENT_LENGTH": str(len(body))}
    try:
        fields, files = await if_large_aside(body, partial(_parsed, meta))
    except (MultiPartParserError, SuspiciousOperation) as error:
        raise InvalidInput(_("The form cannot be read: %(error)s") % {"error": error}) from None
    return Form(
        {name: text for name, text in fields.items() if isinstance(text, str)},
        {name: _upload(file) for name, file in files.items() if isinstance(file, UploadedFile)},
        {name: [str(value) for value in values] for name, values in fields.lists()},
    )


def harmless(name: str) -> str:
    """A file's name as data: no path, nothing invisible, and its letters composed (NFC)."""
    name = composed(name).replace("\\", "/").rpartition("/")[2]
    visible = "".join(c for c in name if unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Co"})
    return visible.strip()[-MAX_NAME_CHARACTERS:]  # the end has the extension


def _upload(file: UploadedFile[Any]) -> Upload:
    return Upload(harmless(file.name or ""), file.read())


def _parsed(
    meta: dict[str, Any], body: bytes
) -> tuple[QueryDict, MultiValueDict[str, UploadedFile[Any]]]:
    return MultiPartParser(meta, io.BytesIO(body), [_Collector()]).parse()


class _Collector(FileUploadHandler):
    """Keeps files in memory, where the body is already; Django's own handlers may write to disk."""

    def new_file(self, *args: Any, **options: Any) -> None:
        super().new_file(*args, **options)
        self.file: IO[bytes] = io.BytesIO()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self.file.write(raw_data)

    def file_complete(self, file_size: int) -> UploadedFile[Any]:
        self.file.seek(0)
        return SimpleUploadedFile(self.file_name or "", self.file.read())
