"""Texts in the encodings of four languages, whose names nobody gives."""

from __future__ import annotations

import pytest

from knowledge.readers.encodings import decode
from knowledge.readers.limits import Unreadable

TEXTS = {
    "ko": "연차 휴가는 일 년에 십오 일이며, 다음 해로 넘길 수 없다.",
    "zh": "员工每年享有十五天带薪年假，未休的假期不能转入下一年度。",
    "tw": "員工每年享有十五天的特別休假，未休完的假期不得轉入下一年度。",
    "ja": "年次有給休暇は一年に十五日であり、翌年に繰り越すことはできない。",
    "en": "Employees “may” take fifteen days of leave – and not more – at the café.",
}


@pytest.mark.parametrize(
    ("language", "encoding"),
    [
        *(("ko", name) for name in ("cp949", "euc_kr", "utf-8", "utf-8-sig", "utf-16", "utf-32")),
        *(("zh", name) for name in ("gb18030", "gbk", "utf-16-le", "utf-16-be")),
        ("tw", "big5"),
        *(("ja", name) for name in ("shift_jis", "euc_jp", "iso2022_jp", "utf-16")),
        *(("en", name) for name in ("cp1252", "utf-8")),
    ],
)
def test_the_encoding_of_a_text_is_found(language: str, encoding: str) -> None:
    assert decode(TEXTS[language].encode(encoding)) == TEXTS[language]


def test_utf_8_goes_before_a_declaration_that_is_wrong() -> None:
    assert decode(TEXTS["ko"].encode(), "euc-kr") == TEXTS["ko"]
    assert decode("한글".encode("cp949"), "euc-kr") == "한글"
    assert decode(TEXTS["zh"].encode("gbk"), "no-such-encoding") == TEXTS["zh"]


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(Unreadable, match="not text"):
        decode(bytes(range(256)) * 20)
