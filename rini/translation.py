"""The words of messages in the reader's language: the one door to Django's catalogues.

    from rini.translation import gettext as _
    raise NotFound(_("Message %(id)s not found.") % {"id": message_id})

Pure modules may use it, though they know nothing else of Django: a look-up in a catalogue touches
neither the database nor the network. A constant is marked with `gettext_noop` where it stands and
translated where it is used. docs/architecture.md says how a message is added.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.utils import translation
from django.utils.translation import gettext_noop

__all__ = ["gettext", "gettext_noop", "language", "speaking"]

# Django keeps its own, which belongs to one thread, even where a context is copied to another
# (asgiref's `Local` remembers the thread). This one goes wherever the context goes.
_language: ContextVar[str | None] = ContextVar("language", default=None)


def language() -> str:
    """The code of the current language, as in Django's ``LANGUAGES``."""
    return _language.get() or translation.get_language() or "en"


@contextmanager
def speaking(code: str | None = None) -> Iterator[None]:
    """A block in the language `code`; without one, in a thread that was handed a context, in the
    language of that context."""
    wanted = code or _language.get()
    if wanted is None:
        yield
        return
    token = _language.set(wanted)
    try:
        with translation.override(wanted):
            yield
    finally:
        _language.reset(token)


def gettext(message: str) -> str:
    """`message` in the current language; as it is where there is no translation."""
    wanted = _language.get()
    if wanted is None or wanted == translation.get_language():
        return translation.gettext(message)
    with translation.override(wanted):
        return translation.gettext(message)
