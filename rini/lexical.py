"""The terms of a text for full-text search, in any language. Pure; PostgreSQL gets them as text.

PostgreSQL's own parser splits Korean at blanks, and keeps a run of Chinese, Japanese or Thai as one
word. Here a term is

- a word: letters, digits and their marks, in the one form of all spellings (`rini.folding`)
- of a word of letters and digits also the parts: v2 has v2, v and 2
- of numbers that belong together also the whole: 2.10.3 has 2, 10, 3 and 2.10.3, a date its three
  numbers and, however divided, 2024.01.15; 1,000 is 1000
- of scripts without blanks between words (Korean counts as one: its particles stick to the word)
  every letter and every two neighbours: 서울시 has 서, 서울, 울, 울시 and 시
- a picture character: 👍, without the colour of its skin; of a flag both letters together

so that parts of words are found. The storing and the asking side must both go through this module:
`tsvector` for what is stored, `tsquery`, `tsquery_any` or `terms` for what is asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import regex

from rini.folding import fold

_NGRAM_SCRIPTS = (
    r"[\p{Hangul}\p{Han}\p{Hiragana}\p{Katakana}\p{Bopomofo}\u3005-\u3007\u3031-\u3035\u3099\u309A"
    r"\u30FC\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tai_Le}\p{New_Tai_Lue}\p{Tai_Tham}\p{Tai_Viet}]"
)
_LETTERS = r"[\p{L}\p{M}\p{N}]"
_NGRAMS = rf"[{_LETTERS}&&{_NGRAM_SCRIPTS}]+"
_WORD = rf"[{_LETTERS}--{_NGRAM_SCRIPTS}]+"
_DIGIT_THEN_DIGIT = r"(?<=[0-9])[.,:/\-](?=[0-9])"
_RUN = regex.compile(
    rf"{_NGRAMS}"
    rf"|(?<!{_LETTERS})[a-z](?:\+\+|\#)(?!{_LETTERS})"  # C++, C#
    rf"|{_WORD}(?:{_DIGIT_THEN_DIGIT}{_WORD})*"
    r"|\p{Regional_Indicator}{2}|[\p{Extended_Pictographic}--\p{Emoji_Modifier}]",  # pictures
    regex.V1,
)
# A letter with its marks; in Khmer and Myanmar also what is stacked below it.
_UNIT = regex.compile(r".\p{M}{0,6}(?:(?<=[\u17D2\u1039])\p{L}\p{M}{0,6}){0,3}", regex.DOTALL)
_IS_NGRAM = regex.compile(_NGRAMS, regex.V1)
_FIRST_NGRAM = "\u0e00"  # nothing below belongs to those scripts
_MARK = regex.compile(r"\p{M}")
_PARTS = regex.compile(r"[0-9]+|[^0-9]+")
_SEPARATOR = regex.compile(r"[.,:/\-]")
_NUMBERS = regex.compile(r"[0-9]+(?:[.:/\-][0-9]+)+")
_THOUSANDS = regex.compile(r"(?<![0-9,])[0-9]{1,3}(?:,[0-9]{3})++(?![0-9])")

_MAX_TEXT = 250_000  # characters that are read of a text: a quarter of a second's work
_MAX_WORD = 64  # characters; PostgreSQL takes 2046 bytes
_MAX_PARTS = 16  # of one word or number: more are no word but a hash or a table
_MAX_BYTES = 400_000  # of terms and places; PostgreSQL takes 1 MB
_MAX_PLACES = 8  # of one term: rank gains little by more
_LAST_PLACE = 16383  # PostgreSQL's
_PIECE = 64  # characters that are folded at once to find a place
_PREFIX_FROM = 3  # characters: shorter words would begin half the vocabulary


def terms(text: str) -> Iterator[str]:
    """The terms of `text` in their order, as often as they occur; of a huge text, those of its
    beginning."""
    for run in _runs(text):
        if run.isalpha() and run < _FIRST_NGRAM:
            yield run[:_MAX_WORD]
        elif _is_ngram(run):
            yield from _ngram_terms(run)
        else:
            yield from _mixed_terms(run)


def tsvector(text: str, scope: str = "") -> str:
    """`text` for storing, in PostgreSQL's notation for a `tsvector`: ``'서울':2 'trip':5,9``.

    `scope` (letters, digits, dots) goes before every term, so that one index serves many scopes and
    a search in one reads nothing of the others. Whoever asks puts it before what is asked, too.

    Of a huge text only the beginning is kept: what fits into a `tsvector`.
    """
    places: dict[str, list[int]] = {}
    size = 0
    for place, term in enumerate(terms(text), 1):
        found = places.get(term)
        if found is None:
            size += len(scope) + len(term.encode()) + 8
            if size > _MAX_BYTES:
                break
            places[term] = [place]
        elif len(found) < _MAX_PLACES:
            size += 2
            found.append(place)
    return " ".join(
        f"'{scope}{term}':{','.join(str(min(place, _LAST_PLACE)) for place in found)}"
        for term, found in places.items()
    )


def tsquery(text: str) -> str:
    """A question in PostgreSQL's notation for a `tsquery`; empty if it has nothing to look for.

    It finds texts that have every word of it. A longer word also finds those that begin with it;
    of scripts without blanks any part of a word is found.
    """
    return " & ".join(_wanted(text))


def tsquery_any(text: str) -> str:
    """As `tsquery`, for texts that have any word of it, or any two neighbouring letters of a script
    without blanks. Whoever uses it must rank what it finds."""
    return " | ".join(_wanted(text))


def snippet(text: str, question: str, length: int = 160) -> str:
    """A piece of `text`, at most about `length` characters, around what `question` looks for."""
    shown = " ".join(text[:_MAX_TEXT].split())
    if len(shown) <= length:
        return shown
    found = _find(shown, question)
    begin = max(0, min(found - length // 3, len(shown) - length))
    end = begin + length
    return ("…" if begin else "") + shown[begin:end].strip() + ("…" if end < len(shown) else "")


def _find(shown: str, question: str) -> int:
    """About where the longest part of the question stands, or the next one that does at all."""
    parts = [
        part for run in sorted(_runs(question), key=len, reverse=True) for part in (run, run[:2])
    ]
    for part in parts:
        if found := regex.search(regex.escape(part), shown, regex.IGNORECASE):
            return found.start()
    pieces = [fold(shown[at : at + _PIECE]) for at in range(0, len(shown), _PIECE)]
    folded = "".join(pieces)
    place = next((at for part in parts if (at := folded.find(part)) >= 0), 0)
    for number, piece in enumerate(pieces):
        if place < len(piece):
            return number * _PIECE + min(place, _PIECE)
        place -= len(piece)
    return 0


def _runs(text: str) -> list[str]:
    """Words, pictures, and runs of the scripts that are cut into n-grams."""
    return _RUN.findall(fold(text[:_MAX_TEXT])[:_MAX_TEXT])


def _is_ngram(run: str) -> bool:
    return run >= _FIRST_NGRAM and _IS_NGRAM.match(run) is not None


def _ngram_terms(run: str) -> Iterator[str]:
    units = _units(run)
    yield units[0]
    for before, unit in pairwise(units):
        yield before + unit
        yield unit


def _units(run: str) -> Sequence[str]:
    return _UNIT.findall(run) if _MARK.search(run) else run


def _mixed_terms(run: str) -> Iterator[str]:
    """Of what is not only letters: the pieces, their parts, and the numbers as wholes."""
    if run[-1] in "+#":
        yield run[0]
    for piece in _pieces(run):
        yield piece[:_MAX_WORD]
        yield from _mixed_parts(piece)
    for number in _NUMBERS.findall(run):
        if len(number) <= _MAX_WORD:
            yield _SEPARATOR.sub(".", number)


def _pieces(run: str) -> list[str]:
    """v2, 10 and 3 of v2.10.3."""
    return _SEPARATOR.split(_THOUSANDS.sub(lambda number: number[0].replace(",", ""), run))


def _mixed_parts(piece: str) -> list[str]:
    parts = _PARTS.findall(piece) if len(piece) <= _MAX_WORD else []
    return parts if 1 < len(parts) <= _MAX_PARTS else []


def _wanted(text: str) -> dict[str, None]:
    return dict.fromkeys(part for run in _runs(text) for part in _asked(run))


def _asked(run: str) -> list[str]:
    if _is_ngram(run):
        units = _units(run)
        return [f"'{one}{two}'" for one, two in pairwise(units)] or [f"'{units[0]}'"]
    return [_asked_word(piece) for piece in _pieces(run)]


def _asked_word(word: str) -> str:
    """One that begins so; of letters and digits also the parts: gpt4 finds GPT-4."""
    begun = _begun(word)
    parts = _mixed_parts(word)
    return f"({begun} | {' & '.join(map(_begun, parts))})" if parts else begun


def _begun(word: str) -> str:
    word = word[:_MAX_WORD]
    return f"'{word}':*" if len(word) >= _PREFIX_FROM else f"'{word}'"
