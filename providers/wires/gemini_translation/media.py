"""Pictures, sound, films and documents of OpenAI's format as Gemini's parts.

What comes with its bytes becomes ``inlineData``; an address becomes ``fileData``, which Google
itself fetches. See https://ai.google.dev/gemini-api/docs/file-input-methods.
"""

from __future__ import annotations

import base64
import mimetypes
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from providers.wires.gemini_translation.model import GeminiModel
from rini.translation import gettext as _

Part = dict[str, Any]

_SAME_TYPE = {"image/jpg": "image/jpeg", "audio/x-wav": "audio/wav", "audio/wave": "audio/wav"}
_AUDIO = ("aac", "aiff", "flac", "m4a", "mp3", "ogg", "opus", "wav", "webm")
_RESOLUTIONS = {"low": "MEDIA_RESOLUTION_LOW", "high": "MEDIA_RESOLUTION_HIGH"}


def image(part: Mapping[str, Any], where: str, model: GeminiModel) -> Part:
    """``image_url``. Its `detail` counts where a model has a resolution for each picture."""
    told = part.get("image_url")
    image_url: Mapping[str, Any] = told if isinstance(told, Mapping) else {"url": told}
    made = _by_url(image_url.get("url"), "a picture", where, model)
    detail = image_url.get("detail")
    level = _RESOLUTIONS.get(detail) if isinstance(detail, str) else None
    return made | ({"mediaResolution": {"level": level}} if level and model.is_third else {})


def video(part: Mapping[str, Any], where: str, model: GeminiModel) -> Part:
    """``video_url``, which some servers of OpenAI's format take; a film at YouTube too."""
    told = part.get("video_url")
    url = told.get("url") if isinstance(told, Mapping) else told
    return _by_url(url, "a film", where, model)


def audio(part: Mapping[str, Any], where: str, model: GeminiModel) -> Part:
    """``input_audio``: base64 and its format."""
    told = part.get("input_audio")
    given: Mapping[str, Any] = told if isinstance(told, Mapping) else {}
    form = given.get("format")
    if not isinstance(form, str) or form not in _AUDIO:
        raise model.refused(
            _("takes sound of the formats %(formats)s.") % {"formats": ", ".join(_AUDIO)}, where
        )
    return _inline(f"audio/{form}", given.get("data"), where, model)


def document(part: Mapping[str, Any], where: str, model: GeminiModel) -> Part:
    """``file``: its bytes as ``file_data``, or as ``file_id`` the address that Google's Files API
    gave it (``https://…/files/…``)."""
    told = part.get("file")
    file: Mapping[str, Any] = told if isinstance(told, Mapping) else {}
    data = file.get("file_data")
    if isinstance(data, str) and data[:5].lower() != "data:":
        return _inline(_type_of(file), data, where, model)
    if data is not None:
        return _by_url(data, "a file", where, model)
    address = file.get("file_id")
    if isinstance(address, str) and address.startswith("https://"):
        return _file(address, _type_of(file))
    raise model.refused(
        _("takes a file as file_data, or as file_id the https: address that Google gave it."), where
    )


Maker = Callable[[Mapping[str, Any], str, GeminiModel], Part]
MAKERS: Mapping[str, Maker] = {
    "file": document,
    "image_url": image,
    "input_audio": audio,
    "video_url": video,
}
"""By the type of OpenAI's part: the part, the name of its place in the request, the model."""


def _by_url(url: object, what: str, where: str, model: GeminiModel) -> Part:
    if isinstance(url, str) and url[:5].lower() == "data:":
        header, __, data = url[5:].partition(",")
        mime_type, *attributes = (piece.strip().lower() for piece in header.split(";"))
        if "base64" not in attributes:
            data = base64.b64encode(unquote_to_bytes(data)).decode()
        return _inline(mime_type, data, where, model)
    if isinstance(url, str) and url.startswith(("https://", "http://")):
        return _file(url, mimetypes.guess_type(urlsplit(url).path)[0])
    raise model.refused(
        _("takes %(what)s as a data: URL or by its https: address.") % {"what": what}, where
    )


def _inline(mime_type: str | None, data: object, where: str, model: GeminiModel) -> Part:
    if not mime_type or "/" not in mime_type:
        raise model.refused(_("needs the type of a file, such as data:application/pdf."), where)
    if not isinstance(data, str) or not data or ":" in data[:64]:
        raise model.refused(_("takes the bytes of a file as base64."), where)
    return {"inlineData": {"mimeType": _SAME_TYPE.get(mime_type, mime_type), "data": data}}


def _file(address: str, mime_type: str | None) -> Part:
    told = {"mimeType": _SAME_TYPE.get(mime_type, mime_type)} if mime_type else {}
    return {"fileData": {**told, "fileUri": address}}


def _type_of(file: Mapping[str, Any]) -> str | None:
    """The media type of a file, by its `format` or its name."""
    form, name = file.get("format"), file.get("filename")
    if isinstance(form, str):
        return form.lower()
    return mimetypes.guess_type(name)[0] if isinstance(name, str) else None
