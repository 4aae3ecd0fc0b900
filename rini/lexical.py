"""The terms of a text for full-text search, in any language. Pure; PostgreSQL gets them as text.

PostgreSQL's own parser splits Korean at blanks and keeps a Chinese or Japanese run as one word.
Here a term is

- a word: letters and digits, without case and width (Unicode's NFKC and case folding)
- of Korean, Chinese and Japanese every character and every two neighbours: 서울시 has 서, 서울, 울,
  울시 and 시

so that parts of words are found. The storing and the asking side must both go through this module:
`tsvector` for what is stored, `tsquery` for what is asked.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

# Hangul, kana, bopomofo and Han, in their NFKC forms: full width, and no compatibility jamo.
_NGRAM_SCRIPTS = (
    "\u1100-\u11ff\ua960-\ua97c\uac00-\ud7a3\ud7b0-\ud7fb"
    "\u3005-\u3007\u3031-\u3035\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff"
    "\u3105-\u312f\u31a0-\u31bf\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
)
_RUN = re.compile(rf"[{_NGRAM_SCRIPTS}]+|[^\W_{_NGRAM_SCRIPTS}]+")
_FIRST_NGRAM = "\u1100"  # nothing below belongs to those scripts
_IS_NGRAM = re.compile(rf"[{_NGRAM_SCRIPTS}]")
_MAX_TEXT = 250_000  # characters that are read of a text: a quarter of a second's work
_MAX_WORD = 64  # characters; PostgreSQL takes 2046 bytes
_MAX_BYTES = 400_000  # of terms and places; PostgreSQL takes 1 MB
_MAX_PLACES = 8  # of one term: rank gains little by more
_LAST_PLACE = 16383  # PostgreSQL's
_PREFIX_FROM = 3  # characters: shorter words would begin half the vocabulary


def terms(text: str) -> Iterator[str]:
    """The terms of `text` in their order, as often as they stand there; of a huge text its
    beginning's."""
    for run in _runs(text):
        if not _is_ngram(run):
            yield run[:_MAX_WORD]
            continue
        yield run[0]
        for at in range(1, len(run)):
            yield run[at - 1 : at + 1]
            yield run[at]


def tsvector(text: str) -> str:
    """`text` for storing, in PostgreSQL's notation for a `tsvector`: ``'서울':2 'trip':5,9``.

    Of a huge text only the beginning: what fits into a `tsvector`.
    """
    places: dict[str, list[int]] = {}
    size = 0
    for place, term in enumerate(terms(text), 1):
        found = places.get(term)
        if found is None:
            size += len(term.encode()) + 8
            if size > _MAX_BYTES:
                break
            places[term] = [place]
        elif len(found) < _MAX_PLACES:
            size += 2
            found.append(place)
    return " ".join(
        f"'{term}':{','.join(str(min(place, _LAST_PLACE)) for place in found)}"
        for term, found in places.items()
    )


def tsquery(text: str) -> str:
    """A question in PostgreSQL's notation for a `tsquery`; empty if it has nothing to look for.

    It finds texts that have every word of it. A longer word also finds those that begin with it;
    of Korean, Chinese and Japanese any part of a word is found.
    """
    wanted = dict.fromkeys(part for run in _runs(text) for part in _asked(run))
    return " & ".join(wanted)


def snippet(text: str, question: str, length: int = 160) -> str:
    """A piece of `text`, at most about `length` characters, around what `question` looks for."""
    shown = " ".join(text[:_MAX_TEXT].split())
    if len(shown) <= length:
        return shown
    found = _find(shown, question)
    if found is None:  # in another spelling
        shown = unicodedata.normalize("NFKC", shown)
        found = _find(shown, question) or 0
    begin = max(0, min(found - length // 3, len(shown) - length))
    end = begin + length
    return ("…" if begin else "") + shown[begin:end].strip() + ("…" if end < len(shown) else "")


def _find(shown: str, question: str) -> int | None:
    """Where the longest part of the question stands, or the next one that does at all."""
    for run in sorted(_runs(question), key=len, reverse=True):
        for part in (run, run[:2]):
            if found := re.search(re.escape(part), shown, re.IGNORECASE):
                return found.start()
    return None


def _runs(text: str) -> list[str]:
    """Words, and runs of the scripts that are cut into n-grams."""
    return _RUN.findall(_normal(text[:_MAX_TEXT]))


def _normal(text: str) -> str:
    """One form for all spellings of a text: Unicode's toNFKC_Casefold, but for ignorables."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return folded if folded.isascii() else unicodedata.normalize("NFKC", folded)


def _is_ngram(run: str) -> bool:
    return run >= _FIRST_NGRAM and _IS_NGRAM.match(run) is not None


def _asked(run: str) -> list[str]:
    if not _is_ngram(run):
        word = run[:_MAX_WORD]
        return [f"'{word}':*" if len(word) >= _PREFIX_FROM else f"'{word}'"]
    if len(run) == 1:
        return [f"'{run}'"]
    return [f"'{run[at : at + 2]}'" for at in range(len(run) - 1)]
