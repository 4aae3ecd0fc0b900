"""Which images are taken: their kind by content, and limits before anything is decoded.

What the caller says of type and name counts for nothing. Only the kinds that vendors of models take
are taken. Each is decoded once, because one that breaks off would be refused by its vendor in every
later turn of its session. What a camera wrote beside the picture, where it was taken for instance,
is not kept: it is turned as its camera says, and written anew.
"""

from __future__ import annotations

import io
import struct
import threading
import zlib
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from PIL import Image, ImageOps

from rini.errors import InvalidInput, TooLarge
from rini.translation import gettext as _

MIME_TYPES = {
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",  # what some telephones take: a JPEG with a second one behind it
    "WEBP": "image/webp",
    "GIF": "image/gif",
}
EXTENSIONS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp", "image/gif": "gif"}
MIME_TYPES_BY_EXTENSION = {extension: mime_type for mime_type, extension in EXTENSIONS.items()}
_PLUGINS = ("PNG", "JPEG", "WEBP", "GIF")
# What Pillow's plugins raise at damaged files.
_DAMAGES = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, OverflowError)


_COMMENTS = frozenset(("xmp", "XML:com.adobe.xmp"))
_QUALITY: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"quality": 95},
}
_decoding = threading.Lock()
"""One at a time: the largest that is taken has 200 MB of pixels."""


@dataclass(frozen=True, slots=True)
class Picture:
    data: bytes
    mime_type: str
    width: int
    height: int


def checked(data: bytes) -> Picture:
    """An image that may be kept and shown to models. Raises `TooLarge`, and `InvalidInput` for what
    is no image, is damaged, moves, or has too many pixels."""
    if len(data) > settings.MAX_IMAGE_BYTES:
        raise TooLarge(
            _(
                "The image has %(bytes)s bytes; %(most)s are the most that is taken. Send a "
                "smaller one."
            )
            % {"bytes": len(data), "most": settings.MAX_IMAGE_BYTES}
        )
    try:
        with Image.open(io.BytesIO(data), formats=_PLUGINS) as image:
            picture = _looked_at(image, data)
        with Image.open(io.BytesIO(data), formats=_PLUGINS) as image:
            image.verify()
        with _decoding:
            picture = _decoded(picture)
    except Image.DecompressionBombError:
        raise _too_many_pixels() from None
    except _DAMAGES:
        raise _invalid(_("This is not a PNG, JPEG, WebP or GIF image, or it is damaged.")) from None
    return picture


def _looked_at(image: Image.Image, data: bytes) -> Picture:
    width, height = image.size
    if width * height > settings.MAX_IMAGE_PIXELS:
        raise _too_many_pixels()
    if image.format != "MPO" and getattr(image, "is_animated", False):
        raise _invalid(_("Models do not see moving images: send a single frame."))
    return Picture(data, MIME_TYPES[image.format or ""], width, height)


def _decoded(picture: Picture) -> Picture:
    """The picture after all of it was read: as it is, unless its camera has written beside it."""
    with Image.open(io.BytesIO(picture.data), formats=_PLUGINS) as image:
        if not (image.getexif() or _COMMENTS & image.info.keys()):
            image.draft(
                "RGB", (image.width // 8 or 1, image.height // 8 or 1)
            )  # reads all, keeps little
            image.load()
            return picture
        kind = "JPEG" if image.format == "MPO" else str(image.format)
        icc = image.info.get("icc_profile")
        upright = ImageOps.exif_transpose(image)
        kept = {"icc_profile": icc} if icc else {}
        for name in ("exif", "xmp", "XML:com.adobe.xmp", "comment", "Comment"):
            upright.info.pop(name, None)
        written = io.BytesIO()
        upright.save(written, kind, **_QUALITY.get(kind, {}), **kept)
        return Picture(written.getvalue(), picture.mime_type, *upright.size)


def _too_many_pixels() -> InvalidInput:
    return _invalid(
        _("The image has more than %(pixels)s pixels: scale it down.")
        % {"pixels": settings.MAX_IMAGE_PIXELS}
    )


def _invalid(message: str) -> InvalidInput:
    return InvalidInput(errors={"image_file": [message]}, code="image_not_accepted")
