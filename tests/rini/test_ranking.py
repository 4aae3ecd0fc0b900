from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rini.ranking import (
    Counted,
    bm25,
    fused,
    fused_share,
    idf,
    keyword_share,
    vector_share,
)

SCORES = st.dictionaries(st.integers(0, 30), st.floats(-50, 50), max_size=20)


def test_bm25_is_the_formula() -> None:
    found = {"a": Counted(10, {"x": 2, "y": 1}), "b": Counted(30, {"x": 1})}
    scores = bm25(found, {"x": 3, "y": 1}, 10, mean_length=20, k1=1.2, b=0.75)
    x, y = math.log(1 + 7.5 / 3.5), math.log(1 + 9.5 / 1.5)
    short, long = 1.2 * (0.25 + 0.75 * 0.5), 1.2 * (0.25 + 0.75 * 1.5)
    assert scores["a"] == pytest.approx(x * 2 * 2.2 / (2 + short) + y * 2.2 / (1 + short))
    assert scores["b"] == pytest.approx(x * 2.2 / (1 + long))
    assert list(scores) == ["a", "b"]


def test_without_a_mean_length_that_of_what_was_found_is_taken() -> None:
    found = {1: Counted(10, {"x": 1}), 2: Counted(30, {"x": 1})}
    assert bm25(found, {"x": 2}, 9) == bm25(found, {"x": 2}, 9, mean_length=20)


def test_rare_terms_and_short_texts_come_first() -> None:
    found = {
        "common": Counted(10, {"the": 5}),
        "long": Counted(90, {"rare": 1}),
        "short": Counted(10, {"rare": 1}),
    }
    assert list(bm25(found, {"the": 90, "rare": 2}, 100)) == ["short", "long", "common"]


def test_nothing_found_and_stale_numbers_of_texts_are_no_errors() -> None:
    assert bm25({}, {"x": 0}, 0) == {}
    assert idf(12, 10) == 0.0
    assert bm25({1: Counted(0, {"x": 1})}, {"x": 1}, 1)[1] > 0
    assert keyword_share(0, {}, 0) == 0


@given(st.dictionaries(st.sampled_from("abc"), st.integers(1, 10_000)), st.integers(1, 1000))
def test_a_keyword_share_is_below_one_and_above_half_where_all_is_there(
    counts: dict[str, int], texts: int
) -> None:
    frequencies = dict.fromkeys(counts, 1)
    found = {1: Counted(10, counts)}
    share = keyword_share(bm25(found, frequencies, texts)[1], frequencies, texts)
    assert 0 <= share <= 1
    assert not counts or share >= 1 / 1.7 - 1e-9


def test_a_clear_winner_of_one_half_stays_it_where_ranks_would_not_let_it() -> None:
    keyword = {"clear": 30.0, "b": 5.0, "c": 4.9, "d": 4.8, "e": 4.7}
    vector = {"b": 0.81, "c": 0.805, "clear": 0.8, "d": 0.79}
    assert next(iter(fused(keyword, vector))) == "clear"


def test_weights_decide_and_one_half_alone_does_too() -> None:
    keyword, vector = {1: 2.0, 2: 1.0}, {2: 0.9, 1: 0.8}
    assert list(fused(keyword, vector, 0.6)) == [1, 2]
    assert list(fused(keyword, vector, 0.4)) == [2, 1]
    assert list(fused({}, vector)) == [2, 1]
    assert list(fused(keyword, {})) == [1, 2]
    assert fused({}, {}) == {}
    assert list(fused({7: 1.0}, {8: 1.0})) == [7, 8]


@given(SCORES, SCORES, st.floats(0, 1))
def test_all_that_was_found_is_there_the_best_first(
    keyword: dict[int, float], vector: dict[int, float], weight: float
) -> None:
    scores = fused(keyword, vector, weight)
    assert set(scores) == set(keyword) | set(vector)
    assert list(scores.values()) == sorted(scores.values(), reverse=True)


@given(st.lists(st.floats(-1000, 1000), min_size=2))
def test_shares_are_between_0_and_1_and_in_the_order_of_scores(scores: list[float]) -> None:
    shares = [fused_share(score) for score in sorted(scores)]
    assert shares == sorted(shares)
    assert all(0 <= share <= 1 for share in shares)
    assert (vector_share(-1.001), vector_share(0), vector_share(1.001)) == (0, 0.5, 1)
