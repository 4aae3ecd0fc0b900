from __future__ import annotations

import re

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from rini import lexical

SENTENCES = {
    "ko": "서울특별시의 날씨는 오늘도 맑습니다. 여행 계획을 세워 주세요.",
    "zh": "今天的天气很好，我们去北京旅行吧。",
    "ja": "今日の天気は良いので、京都タワーへ旅行に行きましょう。",
    "en": "The weather in Straßburg is fine; let's plan a trip with snake_case and GPT-4o.",
    "th": "พรุ่งนี้เราจะไปเที่ยวเชียงใหม่กับครอบครัว",
    "lo": "ມື້ອື່ນພວກເຮົາຈະໄປວຽງຈັນ",
    "km": "ថ្ងៃស្អែកយើងនឹងទៅភ្នំពេញជាមួយគ្រួសារ",
    "my": "မနက်ဖြန် ကျွန်တော်တို့ ရန်ကုန်ကိုသွားမယ်",
    "hi": "कल हम हिन्दी में दिल्ली की यात्रा करेंगे",
    "tr": "İstanbul'da ISPARTA gülü",
    "pl": "Łódź i Kraków są piękne",
    "he": "שָׁלוֹם לְכֻלָּם, צה״ל",
    "ar": "مُحَمَّدٌ ذَهَبَ إِلَى المَدْرَسَةِ سنة ٢٠٢٤",
    "fa": "می\u200cخواهم کتاب بخوانم",
    "code": "Fixed in v2.10.3-beta of 2024-01-15 for 1,000 users of C++ 👍🏽 🇰🇷 ❤️",
}
ANY_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=200)


def matches(text: str, question: str) -> bool:
    """What PostgreSQL says."""
    with connection.cursor() as cursor:
        query = lexical.tsquery(question)
        cursor.execute("SELECT %s::tsvector @@ %s::tsquery", [lexical.tsvector(text), query])
        found: bool = cursor.fetchone()[0]
    return found


def test_words_are_cut_and_scripts_without_blanks_make_n_grams() -> None:
    assert list(lexical.terms("서울시 Trip")) == ["서", "서울", "울", "울시", "시", "trip"]
    assert list(lexical.terms("GPT는 2024년")) == ["gpt", "는", "2024", "년"]
    assert list(lexical.terms("ジョン・スミス"))[-3:] == ["ミ", "ミス", "ス"]
    assert list(lexical.terms("…!?・—")) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ＧＰＴ", "gpt"),
        ("ｶﾀｶﾅ", "カタカナ"),
        ("STRASSE", "straße"),
        ("\u1112\u1161\u11ab\u1100\u1173\u11af", "한글"),
        ("Ⅳ", "iv"),
    ],
)
def test_spellings_of_one_text_have_the_same_terms(one: str, other: str) -> None:
    assert list(lexical.terms(one)) == list(lexical.terms(other))


@pytest.mark.parametrize(
    ("language", "question"),
    [
        *(("ko", part) for part in ("서울", "특별시", "날씨", "씨는 오늘", "계", "여행 계획")),
        *(("zh", part) for part in ("天气", "北京旅行", "去", "旅行 天气")),
        *(("ja", part) for part in ("天気", "京都タワー", "タワ", "旅", "行きましょう")),
        *(("en", part) for part in ("weath", "TRIP", "strassburg", "case", "gpt", "plan weather")),
        *(("en", part) for part in ("GPT4", "gpt 4", "4o")),
        *(("th", part) for part in ("เชียงใหม่", "ครอบครัว", "พรุ่งนี้", "เที่ยว")),
        *(("lo", part) for part in ("ວຽງຈັນ", "ພວກເຮົາ")),
        *(("km", part) for part in ("ភ្នំពេញ", "គ្រួសារ")),
        *(("my", part) for part in ("ရန်ကုန်", "သွား")),
        *(("hi", part) for part in ("हिन्दी", "दिल्ली", "यात्")),
        *(("tr", part) for part in ("istanbul", "İSTANBUL", "ısparta", "gulu")),
        *(("pl", part) for part in ("lodz", "Łódź", "krakow", "piekn")),
        *(("he", part) for part in ("שלום", "לכלם", 'צה"ל', "צהל")),
        *(("ar", part) for part in ("محمد", "المدرسة", "المدرسه", "الى", "2024")),
        *(("fa", part) for part in ("میخواهم", "ميخواهم", "كتاب")),
        *(("code", part) for part in ("2.10.3", "v2.10.3", "v2", "2.10", "10.3", "beta 2.10.3")),
        *(("code", part) for part in ("2024-01-15", "2024.01.15", "1000", "1,000", "c++", "C")),
        *(("code", part) for part in ("👍", "👍🏿", "🇰🇷", "❤")),
    ],
)
@pytest.mark.usefixtures("database")
def test_parts_of_words_are_found(language: str, question: str) -> None:
    assert matches(SENTENCES[language], question)


@pytest.mark.parametrize(
    ("language", "question"),
    [
        ("ko", "부산"),
        ("ko", "울서"),
        ("zh", "上海"),
        ("ja", "大阪"),
        ("en", "eather"),
        ("en", "pl"),
        ("th", "ภูเก็ต"),
        ("code", "2.11.3"),
        ("code", "c#"),
        ("code", "👎"),
        ("code", "🇯🇵"),
    ],
)
@pytest.mark.usefixtures("database")
def test_what_is_not_there_is_not_found(language: str, question: str) -> None:
    assert not matches(SENTENCES[language], question)


def test_letters_of_stacking_scripts_are_not_taken_apart() -> None:
    assert list(lexical.terms("กิน")) == ["กิ", "กิน", "น"]
    assert list(lexical.terms("ខ្មែរ")) == ["ខ្មែ", "ខ្មែរ", "រ"]
    assert list(lexical.terms("हिन्दी")) == ["हिन्दी"]


def test_versions_and_dates_are_terms_of_their_own_beside_their_numbers() -> None:
    assert list(lexical.terms("v2.10.3-beta")) == ["v2", "v", "2", "10", "3", "2.10.3", "beta"]
    assert "2024.01.15" in lexical.terms("2024/01/15")


@pytest.mark.usefixtures("database")
def test_any_word_or_two_letters_find_a_text_where_not_every_word_is_there() -> None:
    question = "부산 바다의 날씨"
    assert not matches(SENTENCES["ko"], question)
    with connection.cursor() as cursor:
        for text, found in ((SENTENCES["ko"], True), ("바닷가", False)):
            query = lexical.tsquery_any(question)
            cursor.execute("SELECT %s::tsvector @@ %s::tsquery", [lexical.tsvector(text), query])
            assert cursor.fetchone()[0] is found


@pytest.mark.usefixtures("database")
def test_a_scope_keeps_texts_of_others_out() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::tsvector @@ 'k7.서울'", [lexical.tsvector("서울", "k7.")])
        assert cursor.fetchone()[0] is True
        cursor.execute("SELECT %s::tsvector @@ 'k7.서울'", [lexical.tsvector("서울", "k8.")])
        assert cursor.fetchone()[0] is False


@pytest.mark.usefixtures("database")
@settings(max_examples=150, deadline=None)
@given(ANY_TEXT)
def test_postgresql_takes_every_text_and_finds_it_by_itself(text: str) -> None:
    assert bool(lexical.tsvector(text)) == bool(lexical.tsquery(text))
    if lexical.tsquery(text):
        assert matches(text, text)


@settings(deadline=None)
@given(ANY_TEXT)
def test_terms_hold_nothing_that_the_notation_means_and_are_short(text: str) -> None:
    for term in lexical.terms(text):
        assert not re.search(r"['\\\s:,&|!<>()*]", term)
        assert 1 <= len(term) <= 64


@settings(deadline=None)
@given(ANY_TEXT, ANY_TEXT)
def test_a_text_has_all_terms_of_its_parts(before: str, after: str) -> None:
    whole = set(lexical.terms(f"{before} {after}"))
    assert whole >= set(lexical.terms(before)) | set(lexical.terms(after))


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(
    "text",
    [
        "".join(chr(0xAC00 + number * 7 % 11172) for number in range(300_000)),
        " ".join(f"word{number}" for number in range(200_000)),
        "x" * 1_000_000,
        "가" * 1_000_000,
        "\ufdfa" * 100_000,
    ],
    ids=["many-syllables", "many-words", "one-word", "one-syllable", "expanding"],
)
def test_a_huge_text_is_found_by_its_beginning(text: str) -> None:
    assert matches(text, text[:5])


def test_the_terms_of_a_word_too_long_are_the_same_on_both_sides() -> None:
    word = "a" * 500
    assert re.findall("a+", lexical.tsvector(word)) == re.findall("a+", lexical.tsquery(word))


@pytest.mark.parametrize(
    ("text", "question", "part"),
    [
        (
            "앞 " * 200 + "바로 여기에 서울특별시가 있습니다. " + "뒤 " * 200,
            "서울특별시",
            "서울특별시가",
        ),
        ("前" * 300 + "北京大学" + "后" * 300, "北京", "北京大学"),
        ("before " * 100 + "the Needle\n\nis here " + "after " * 100, "needle", "Needle is"),
        ("przed " * 100 + "miasto Łódź tu " + "po " * 100, "lodz", "Łódź"),
        ("לפני " * 100 + "שָׁלוֹם לְכֻלָּם " + "אחרי " * 100, "שלום", "שָׁלוֹם"),
    ],
)
def test_a_snippet_shows_what_was_found(text: str, question: str, part: str) -> None:
    snippet = lexical.snippet(text, question)
    assert part in snippet
    assert snippet.startswith("…")
    assert snippet.endswith("…")
    assert len(snippet) <= 162


def test_a_short_text_is_its_own_snippet() -> None:
    assert lexical.snippet(" 짧은\n글 ", "없음") == "짧은 글"


@pytest.mark.parametrize(
    "text",
    [
        "\u0e38\u0e48" * 125_000,
        "\uff9e\u0e48" * 125_000,
        "1," + "111," * 62_000 + "1",
        "1.1" * 83_000,
        "a1" * 125_000,
        "က္" * 125_000,
        'א"' * 125_000,
        "🇰" * 250_000,
        "c+" * 125_000,
    ],
    ids=["marks", "sounds", "thousands", "numbers", "mixed", "stacks", "hebrew", "flags", "pluses"],
)
def test_a_hostile_text_takes_time_by_its_length_only(text: str) -> None:
    for asked in (lexical.tsvector, lexical.tsquery):
        assert len(asked(text)) < 2_000_000
    assert len(lexical.snippet("x" * 200 + text, "é1?")) <= 162
