"""Parts of OpenAI's messages as Anthropic's content blocks: text, images, documents.

Empty text makes no block, because Anthropic refuses one. What Claude cannot take (audio, video,
files by OpenAI's ids) raises ProviderRefused and names itself.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from providers.wires.parameters import refused
from rini.translation import gettext as _

Block = dict[str, Any]

_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)?((?:;[\w.+-]+=[^;,]*)*);base64,", re.IGNORECASE)
_WEB_ADDRESS = re.compile(r"https?://", re.IGNORECASE)
_IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")
_SAME_TYPE = {"image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg"}


def blocks(content: object, where: str, provider: str) -> list[Block]:
    """The blocks of a message's content: a text, a list of parts, or nothing."""
    if content is None:
        return []
    if isinstance(content, str):
        return _text(content)
    if isinstance(content, list):
        return [block for part in content for block in _marked(part, where, provider)]
    raise refused(provider, _("takes content as a text or a list of parts."), where)


def with_cache_control(blocks: list[Block], source: Mapping[str, Any]) -> list[Block]:
    """`blocks`, the last with the breakpoint of its `source`, if that has one."""
    mark = source.get("cache_control")
    if mark and blocks:
        blocks[-1] = {**blocks[-1], "cache_control": mark}
    return blocks


def _marked(part: object, where: str, provider: str) -> list[Block]:
    if not isinstance(part, Mapping):
        raise refused(provider, _("takes a content part as an object with a type."), where)
    kind = part.get("type")
    make = _KINDS.get(kind) if isinstance(kind, str) else None
    if make is None:
        raise refused(
            provider, _("takes no content part of type %(kind)s.") % {"kind": kind}, where
        )
    return with_cache_control(list(make(part, where, provider)), part)


def _text(text: str) -> list[Block]:
    return [{"type": "text", "text": text}] if text.strip() else []


def _text_part(part: Mapping[str, Any], where: str, provider: str) -> Iterator[Block]:
    text = part.get(str(part["type"]))
    if not isinstance(text, str):
        raise refused(
            provider, _("takes a %(type)s part as a text.") % {"type": part["type"]}, where
        )
    yield from _text(text)


def _image_part(part: Mapping[str, Any], where: str, provider: str) -> Iterator[Block]:
    image = part.get("image_url")
    url = image.get("url") if isinstance(image, Mapping) else image
    if isinstance(url, str) and _WEB_ADDRESS.match(url):
        yield {"type": "image", "source": {"type": "url", "url": url}}
        return
    yield _image(*_data(url, "image_url", where, provider), where, provider)


def _file_part(part: Mapping[str, Any], where: str, provider: str) -> Iterator[Block]:
    file = part.get("file")
    if not isinstance(file, Mapping) or not file.get("file_data"):
        raise refused(provider, _("takes a file only with its content, as file_data."), where)
    name = file.get("filename")
    title = {"title": name} if isinstance(name, str) and name.strip() else {}
    url = file["file_data"]
    if isinstance(url, str) and _WEB_ADDRESS.match(url):
        yield {"type": "document", "source": {"type": "url", "url": url}, **title}
        return
    kind, data = _data(url, "file_data", where, provider)
    if kind.startswith("image/"):
        yield _image(kind, data, where, provider)
    elif kind == "application/pdf":
        source = {"type": "base64", "media_type": kind, "data": data}
        yield {"type": "document", "source": source, **title}
    elif kind.startswith("text/"):
        text = _decoded(data, where, provider)
        source = {"type": "text", "media_type": "text/plain", "data": text}
        yield {"type": "document", "source": source, **title}
    else:
        raise refused(provider, _("takes no file of type %(kind)s.") % {"kind": kind}, where)


def _image(kind: str, data: str, where: str, provider: str) -> Block:
    kind = _SAME_TYPE.get(kind, kind)
    if kind not in _IMAGES:
        raise refused(
            provider,
            _("takes no image of type %(kind)s; it takes %(formats)s.")
            % {"kind": kind, "formats": ", ".join(_IMAGES)},
            where,
        )
    return {"type": "image", "source": {"type": "base64", "media_type": kind, "data": data}}


def _data(url: object, field: str, where: str, provider: str) -> tuple[str, str]:
    """The media type and the base64 of a data URL."""
    found = _DATA_URL.match(url) if isinstance(url, str) else None
    if found is None or not isinstance(url, str):
        refusal = _("takes %(field)s as an http(s) address or a data: URL in base64.")
        raise refused(provider, refusal % {"field": field}, where)
    return (found[1] or "text/plain").lower(), url[found.end() :]


def _decoded(data: str, where: str, provider: str) -> str:
    try:
        return base64.b64decode(data, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise refused(provider, _("takes a text file as UTF-8 in base64."), where) from None


_Maker = Callable[[Mapping[str, Any], str, str], Iterator[Block]]
_KINDS: Mapping[str, _Maker] = {
    "text": _text_part,
    "refusal": _text_part,
    "image_url": _image_part,
    "file": _file_part,
}
