"""Text to the token ids of a model, with where in the text each token is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

import sentencepiece
import tokenizers
from sentencepiece import sentencepiece_model_pb2

from providers.offline.packed import Piece

Offsets = list[tuple[int, int]]
"""Of each token the characters from … to; what lies between two belongs to none (spaces)."""
FILE = "tokenizer"

# XLM-RoBERTa's ids (https://arxiv.org/abs/1911.02116): fairseq puts four of its own before
# SentencePiece's, which begin with three. So each id is one more, but for the unknown's.
_BOS, _EOS, _UNKNOWN = 0, 2, 3
_OWN_PIECES = 4
_UNIGRAM = 1
_NORMAL, _UNKNOWN_KIND, _CONTROL = 1, 2, 3
_JOINER = "\u200d"


class Tokenizer(Protocol):
    """Thread-safe. Lets other threads run while it works."""

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text, with those that stand before and after it."""
        ...

    def offsets(self, text: str) -> Offsets:
        """The tokens of a text, without those that stand before and after it."""
        ...


class SentencePieces:
    """The tokenizer of XLM-RoBERTa and its descendants, run by SentencePiece.

    Hugging Face's tokenizers would take 280 MB for this vocabulary, and a second and a half of
    everybody's time to load it.
    """

    def __init__(self, file: Path) -> None:
        self._processor = sentencepiece.SentencePieceProcessor()
        self._processor.LoadFromFile(str(file))

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        found = self._processor.encode([_normalised(text) for text in texts], num_threads=1)
        return [[_BOS, *(each + 1 if each else _UNKNOWN for each in ids), _EOS] for ids in found]

    def offsets(self, text: str) -> Offsets:
        found = self._processor.encode(_normalised(text), return_type="offset_mapping")
        offsets: Offsets = found["offsets"]
        return offsets


class WordPieces:
    """The tokenizer of BERT and its descendants, as Hugging Face writes it to a file."""

    def __init__(self, file: Path) -> None:
        self._tokenizer = tokenizers.Tokenizer.from_file(str(file))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        return [found.ids for found in self._tokenizer.encode_batch(list(texts))]

    def offsets(self, text: str) -> Offsets:
        return self._tokenizer.encode(text, add_special_tokens=False).offsets


def sentencepiece_model(pieces: Iterable[Piece]) -> bytes:
    """The file of `SentencePieces` for a vocabulary in the order of XLM-RoBERTa's ids.

    The normaliser is the one that the vocabulary was trained with, SentencePiece's ``nmt_nfkc``.
    """
    normaliser = sentencepiece.SentencePieceNormalizer(rule_name="nmt_nfkc")
    model = sentencepiece_model_pb2.ModelProto()  # type: ignore[attr-defined]  # made at import
    model.ParseFromString(normaliser.serialized_model_proto())
    model.trainer_spec.model_type = _UNIGRAM
    for text, kind in (("<unk>", _UNKNOWN_KIND), ("<s>", _CONTROL), ("</s>", _CONTROL)):
        model.pieces.add(piece=text, score=0.0, type=kind)
    for piece in list(pieces)[_OWN_PIECES:-1]:  # the last is the mask, which no text has
        model.pieces.add(piece=piece.text, score=piece.score, type=_NORMAL)
    written: bytes = model.SerializeToString()
    return written


def _normalised(text: str) -> str:
    """The joiner as a space, as it was when the vocabulary was trained: newer rules keep it."""
    return text.replace(_JOINER, " ")
