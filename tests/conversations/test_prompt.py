from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.answering import prompt
from conversations.tree import PathTurn

HISTORIES = st.lists(
    st.builds(
        PathTurn,
        id=st.just(1),
        role=st.sampled_from(["user", "assistant"]),
        content=st.text(max_size=5),
        token_count=st.one_of(st.none(), st.integers(0, 60)),
    ),
    min_size=1,
    max_size=40,
)
LIMITS = st.one_of(st.none(), st.integers(0, 300))


def turn(content: str, role: str = "user", tokens: int | None = None) -> PathTurn:
    return PathTurn(1, role, content, tokens)


def conversation(turns: int, tokens: int = 16) -> list[PathTurn]:
    """User and assistant in turn, with 4 tokens each for the format."""
    roles = ("user", "assistant")
    return [turn(f"말 {number}", roles[number % 2], tokens) for number in range(turns)]


@given(HISTORIES, LIMITS, LIMITS)
def test_what_is_kept_is_within_the_limits(
    history: list[PathTurn], tokens: int | None, turns: int | None
) -> None:
    kept = history[prompt.first_kept(history, tokens=tokens, turns=turns) :]
    if len(kept) > 1:
        assert tokens is None or sum(map(prompt.size_of, kept)) <= tokens
        assert turns is None or len(kept) <= turns
    if history[-1].role == "user":
        assert kept


@given(HISTORIES, LIMITS, LIMITS)
def test_the_beginning_only_moves_forward_as_a_history_grows(
    history: list[PathTurn], tokens: int | None, turns: int | None
) -> None:
    starts = [
        prompt.first_kept(history[: length + 1], tokens=tokens, turns=turns)
        for length in range(len(history))
    ]
    assert starts == sorted(starts)


def test_what_fits_is_kept_whole() -> None:
    assert prompt.first_kept(conversation(9), tokens=180) == 0
    assert prompt.first_kept(conversation(9), tokens=None, turns=9) == 0


def test_a_cut_leaves_half_of_the_room_and_a_user_begins() -> None:
    assert prompt.first_kept(conversation(11), tokens=200) == 6
    assert prompt.first_kept(conversation(11), tokens=None, turns=10) == 6


def test_between_two_cuts_the_beginning_stays() -> None:
    starts = [prompt.first_kept(conversation(n), tokens=200) for n in range(1, 40, 2)]
    assert starts == [*[0] * 5, *[6] * 3, *[12] * 3, *[18] * 3, *[24] * 3, *[30] * 3]


def test_a_turn_that_nobody_counted_is_guessed() -> None:
    assert prompt.size_of(turn("가" * 30)) == 14
    assert prompt.size_of(turn("가" * 30, tokens=30)) == 34


def test_the_summary_stands_below_the_system_prompt() -> None:
    told = prompt.assemble("規則", [turn("질문")], "여태까지의 이야기")
    assert told == [
        {
            "role": "system",
            "content": f"規則\n\n{prompt.SUMMARY_HEADING}\n여태까지의 이야기",
        },
        {"role": "user", "content": "질문"},
    ]
    assert prompt.assemble("", [turn("질문")]) == [{"role": "user", "content": "질문"}]


def test_failed_answers_and_results_of_tools_are_not_told() -> None:
    history = [turn("질문"), turn("", "assistant"), turn("{}", "tool"), turn("다시")]
    assert [m["content"] for m in prompt.assemble("", history)] == ["질문", "다시"]


@pytest.mark.parametrize(("limit", "kept"), [(0, 0), (1, 1), (2, 1), (3, 3), (9, 5)])
def test_the_last_messages_begin_with_a_users(limit: int, kept: int) -> None:
    assert len(prompt.recent(conversation(5), limit)) == kept
