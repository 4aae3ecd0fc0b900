from __future__ import annotations

import pytest

from providers.wires.registry import close_all, wire_named


@pytest.mark.parametrize("name", ["openai", "anthropic", "gemini", "litellm", "demo", "offline"])
def test_a_wire_is_one_for_the_whole_process(name: str) -> None:
    assert wire_named(name) is wire_named(name)


def test_an_unknown_wire_is_refused_with_the_names_that_there_are() -> None:
    with pytest.raises(ValueError, match="openai, anthropic, gemini, litellm, demo"):
        wire_named("telegraph")


async def test_closing_all_wires_works_before_and_after_their_use() -> None:
    await close_all()
    await close_all()
