from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rini.folding import fold


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("ＩSTANBUL İstanbul", "istanbul istanbul"),
        ("STRASSE straße ﬁ Ⅳ", "strasse strasse fi iv"),
        ("Łódź, Ørsted, Þór, Æsir", "lodz, orsted, thor, aesir"),
        ("Ёлка Άλφα ς", "елка αλφα σ"),
        ("שָׁלוֹם צה״ל", "שלום צהל"),
        ("مُحَمَّدٌ أحمد مدرسة ۱۲", "محمد احمد مدرسه 12"),
        ("می\u200cخواهم", "ميخواهم"),
        ("co\u00adoperate", "cooperate"),
        ("e\u0301 é", "e e"),
    ],
)
def test_what_spellings_differ_in_is_gone(text: str, folded: str) -> None:
    assert fold(text) == folded


@pytest.mark.parametrize("text", ["が", "ガ", "한글", "กิ่", "हिन्दी", "ខ្មែរ", "မြန်", "தமிழ்"])
def test_what_letters_are_made_of_stays(text: str) -> None:
    assert fold(text) == text


@settings(deadline=None)
@given(st.text(max_size=60))
def test_a_folded_text_is_its_own_folded_text(text: str) -> None:
    assert fold(fold(text)) == fold(text)


def test_letters_in_pieces_are_one_letter() -> None:
    assert fold("\u1112\u1161\u11ab") == "한"
    assert fold("か\u3099 ｶﾞ") == "が ガ"


@pytest.mark.parametrize(
    "text",
    ["\ufdfa" * 250_000, "\u0e38\u0e48" * 125_000, "e" + "\u0301\u0316" * 125_000],
    ids=["ligatures", "marks", "accents"],
)
def test_a_hostile_text_does_not_grow_without_end(text: str) -> None:
    assert len(fold(text)) <= 4 * len(text)
