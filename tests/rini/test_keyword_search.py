"""The candidates are what ranking all texts would find, and of the asked scope only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rini import lexical, ranking
from rini.keyword_search import FREQUENCIES, KeywordIndex
from rini.storage.statements import execute

INDEX = KeywordIndex("searched_text", "searched_common")
TEXTS = [
    "서울의 날씨는 오늘도 맑습니다.",
    "부산의 날씨는 흐리고 바다는 거칠다.",
    "今日の京都の天気は良い。",
    "北京今天的天气很好。",
    "The weather in Busan is fine in v2.10.3.",
    "날씨 날씨 날씨",
]


@pytest.fixture
def tables(database: None) -> Iterator[None]:
    execute("CREATE TABLE searched_text (id bigint PRIMARY KEY, terms tsvector, topic text)")
    execute("CREATE INDEX ON searched_text USING gin (terms) WITH (fastupdate = off)")
    execute("CREATE TABLE searched_common (lexeme text PRIMARY KEY, documents bigint)")
    yield
    execute("DROP TABLE searched_text, searched_common")


def store(texts: list[str], scope: str, first: int = 0, topic: str = "") -> None:
    for number, text in enumerate(texts, first):
        execute(
            "INSERT INTO searched_text VALUES (%s, %s::tsvector, %s)",
            [number, lexical.tsvector(text, scope), topic],
        )


def remember_common(minimum: int) -> None:
    execute("TRUNCATE searched_common")
    execute(
        f"INSERT INTO searched_common {FREQUENCIES}", ["SELECT terms FROM searched_text", minimum]
    )


def best(question: str, texts: list[str]) -> list[int]:
    found = INDEX.candidates(execute, question, ["k1."], len(texts))
    return list(ranking.bm25(found.found, found.frequencies, len(texts)))


@pytest.mark.usefixtures("tables")
@pytest.mark.parametrize("minimum", [1, 2, 100])
@pytest.mark.parametrize(
    ("question", "first"),
    [
        ("서울 날씨가 어때?", 0),
        ("부산 바다", 1),
        ("京都の天気", 2),
        ("北京天气", 3),
        ("2.10.3", 4),
        ("날씨", 5),
    ],
)
def test_a_question_finds_its_text(question: str, first: int, minimum: int) -> None:
    store(TEXTS, "k1.")
    remember_common(minimum)
    assert best(question, TEXTS)[0] == first


@pytest.mark.usefixtures("tables")
@pytest.mark.parametrize("question", ["", "…!?", "' | & \\", "없는말만", "天" * 5000])
def test_a_question_that_finds_nothing_is_no_error(question: str) -> None:
    store(["The weather"], "k1.")
    assert best(question, TEXTS) == []


@pytest.mark.usefixtures("tables")
def test_only_the_asked_scopes_and_what_a_condition_lets_through_are_found() -> None:
    store(TEXTS, "k1.", topic="a")
    store(TEXTS, "k2.", first=100, topic="b")
    store(TEXTS, "k12.", first=200)

    def found(scopes: list[str], condition: str = "true", *parameters: str) -> set[int]:
        answer = INDEX.candidates(
            execute, "서울", scopes, 6, condition=condition, parameters=parameters
        )
        return set(answer.found)

    assert found(["k1."]) == {0}
    assert found(["k1.", "k2."]) == {0, 100}
    assert found(["k1.", "k2."], "texts.topic = %s", "b") == {100}
    assert found(["k3."]) == found([]) == set()


@pytest.mark.usefixtures("tables")
def test_terms_are_counted_over_all_scopes() -> None:
    store(TEXTS, "k1.")
    store(TEXTS, "k2.", first=100)
    answer = INDEX.candidates(execute, "날씨 없", ["k1.", "k2."], 12)
    assert answer.frequencies == {"날": 6, "날씨": 6, "씨": 6, "없": 0}
    assert answer.found[105].counts == {"날": 3, "날씨": 3, "씨": 3}


@pytest.mark.usefixtures("tables")
@pytest.mark.parametrize("budget", [1, 5, 1000])
def test_rare_terms_come_first_and_few_results_make_it_look_further(budget: int) -> None:
    store([*(f"common {number}" for number in range(50)), "common needle"], "k1.")
    remember_common(10)
    answer = INDEX.candidates(execute, "needle common", ["k1."], 51, budget=budget, limit=5)
    assert 50 in answer.found
    assert len(answer.found) == 5
    assert answer.frequencies == {"needle": 1, "common": 51}
    few = INDEX.candidates(
        execute, "needle common", ["k1."], 51, budget=budget, condition="texts.id < 3"
    )
    assert set(few.found) == {0, 1, 2}


@pytest.mark.usefixtures("tables")
@settings(
    deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.text("서울부산 ab", min_size=1, max_size=12), max_size=12), st.data())
def test_the_order_is_that_of_ranking_all_texts(texts: list[str], data: st.DataObject) -> None:
    execute("TRUNCATE searched_text")
    store(texts, "k1.")
    remember_common(data.draw(st.integers(1, 4)))
    question = data.draw(st.text("서울부산 ab", max_size=8))
    asked = set(lexical.terms(question))
    counted = [Counter(lexical.terms(text)) for text in texts]
    frequencies = {term: sum(term in counts for counts in counted) for term in asked}
    everything = {
        number: ranking.Counted(len(counts), {term: min(counts[term], 8) for term in asked})
        for number, counts in enumerate(counted)
        if asked & counts.keys()
    }
    answer = INDEX.candidates(execute, question, ["k1."], len(texts))
    assert answer.frequencies == frequencies
    scores = ranking.bm25(answer.found, answer.frequencies, len(texts))
    assert scores == pytest.approx(ranking.bm25(everything, frequencies, len(texts)))
