"""Which images are taken: their kind by content, and limits before anything is decoded.

What the caller says of type and name counts for nothing. Only the kinds that vendors of models take
are taken; of an image nothing is decoded but its header and its checksums.
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass

from django.conf import settings
from PIL import Image

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


def _too_many_pixels() -> InvalidInput:
    return _invalid(
        _("The image has more than %(pixels)s pixels: scale it down.")
        % {"pixels": settings.MAX_IMAGE_PIXELS}
    )


def _invalid(message: str) -> InvalidInput:
    return InvalidInput(errors={"image_file": [message]}, code="image_not_accepted")
