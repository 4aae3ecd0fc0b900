"""Clients as their users start them, against Rini and played vendors that have them use a tool.

Not a part of the test run, because they come from npm and PyPI: ``make clients``.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from billing.models import UsageRecord
from tests.conftest import User
from tests.conversations.conftest import add_keys
from tests.vendors.script import Script, ToolCall
from tests.vendors.stage import Stage

INSTALLED = Path(os.environ["CLIENTS"]).resolve()
PROGRAMS = Path(__file__).parent / "programs"
SECRET = "암호는 무지개 虹"
QUESTION = "비밀.txt에 무엇이 있어?"
ANSWER = ["암호는 ", "무지개입니다."]


@pytest.fixture
def alice(alice: User) -> User:
    """Alice, who has keys for all vendors."""
    add_keys(alice)
    return alice


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a program works; it has a file that only it can read."""
    work = tmp_path / "work"
    work.mkdir()
    (work / "비밀.txt").write_text(SECRET)
    return work


def run(user: User, folder: Path, *command: str | Path, **environment: str) -> str:
    """What a program prints, which has a home of its own."""
    home = folder.parent / "home"
    home.mkdir()
    own = {"PATH": os.environ["PATH"], "HOME": str(home), "CODEX_HOME": str(home)}
    rini = {"RINI_URL": str(user.base_url).rstrip("/"), "RINI_TOKEN": user.token}
    done = subprocess.run(
        command,
        cwd=folder,
        env={**own, **rini, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def program(name: str) -> tuple[Path, Path]:
    """The command of a program of Python, which has its client installed by itself."""
    return INSTALLED / name / "bin" / "python", PROGRAMS / f"{name}.py"


def script(name: str) -> tuple[str, Path]:
    """The same of JavaScript, which stands beside what it needs: there node looks for it."""
    beside = INSTALLED / f"{name}.mjs"
    beside.write_text((PROGRAMS / beside.name).read_text())
    return "node", beside


def told(stage: Stage, number: int, model: str) -> str:
    return json.dumps(stage.wait_for_call(number, model=model).body, ensure_ascii=False)


def weather(stage: Stage, *models: str) -> None:
    """Each model asks for the weather first, and then says it."""
    for model in models:
        call = ToolCall(f"call_{model}", "weather", '{"city": "서울"}')
        asks = Script(pieces=[], tool_calls=[call], finish="tool_calls")
        stage.next(asks, Script(pieces=["서울은 ", "맑아요."]), model=model)


def test_claude_code_reads_a_file(alice: User, stage: Stage, folder: Path) -> None:
    model = "claude-sonnet-4-5"
    reads = ToolCall("toolu_1", "Read", json.dumps({"file_path": str(folder / "비밀.txt")}))
    asks = Script(pieces=["볼게요."], tool_calls=[reads], finish="tool_calls")
    stage.next(asks, Script(pieces=ANSWER), model=model)
    printed = run(
        alice,
        folder,
        *(INSTALLED / "node_modules/.bin/claude", "-p", QUESTION),
        *("--model", f"anthropic/{model}"),
        ANTHROPIC_BASE_URL=str(alice.base_url).rstrip("/"),
        ANTHROPIC_AUTH_TOKEN=alice.token,
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="1",
    )
    assert printed.strip() == "".join(ANSWER)
    assert SECRET in told(stage, 2, model)


@pytest.mark.parametrize("model", ["openai/gpt-4o-mini", "anthropic/claude-sonnet-4-5"])
def test_codex_runs_a_command(alice: User, stage: Stage, folder: Path, model: str) -> None:
    name = model.partition("/")[2]
    runs = ToolCall("call_1", "exec_command", json.dumps({"cmd": "cat 비밀.txt"}))
    asks = Script(pieces=["볼게요."], tool_calls=[runs], finish="tool_calls")
    stage.next(asks, Script(pieces=ANSWER), model=name)
    provider = f'{{name="Rini",base_url="{alice.base_url.join("/v1")}",env_key="RINI_TOKEN"'
    printed = run(
        alice,
        folder,
        *(INSTALLED / "node_modules/.bin/codex", "exec", "--skip-git-repo-check"),
        *("--dangerously-bypass-approvals-and-sandbox", "--model", model),
        *("-c", 'model_provider="rini"', "-c", 'web_search="disabled"'),
        *("-c", f'model_providers.rini={provider},wire_api="responses"}}', QUESTION),
    )
    assert printed.strip() == "".join(ANSWER)
    assert SECRET in told(stage, 2, name)


def test_the_ai_sdk_takes_an_answer_up_again(alice: User, stage: Stage, folder: Path) -> None:
    pieces = [f"조각{i} " for i in range(40)]
    answers = (Script(pieces=["안녕!"]), Script(pieces=["또 안녕!"]))
    stage.next(*answers, Script(pieces=pieces, delay=0.05))
    printed = run(alice, folder, *script("ai_sdk_chat"))
    assert printed.splitlines() == [
        "ready 안녕!",
        "ready 2 또 안녕!",
        "ready 2 true",
        "ready 2",
    ]


def test_the_ai_sdk_calls_a_tool(alice: User, stage: Stage, folder: Path) -> None:
    models = ("gemini-2.5-flash", "claude-sonnet-4-5")
    weather(stage, *models)
    printed = run(alice, folder, *script("ai_sdk_provider"))
    assert printed.splitlines() == ["서울은 맑아요."] * 2
    for model in models:
        assert "서울: 맑음" in told(stage, 2, model)


def test_langchain_calls_a_tool(alice: User, stage: Stage, folder: Path) -> None:
    models = ("gemini-2.5-flash", "claude-sonnet-4-5")
    weather(stage, *models)
    printed = run(alice, folder, *program("langchain_chat"))
    assert printed.splitlines() == ["서울은 맑아요."] * 2
    for model in models:
        assert "서울: 맑음" in told(stage, 2, model)


def test_an_agent_of_pydantic_ai_calls_a_tool(alice: User, stage: Stage, folder: Path) -> None:
    models = ("gemini-2.5-flash", "gpt-4o-mini", "claude-sonnet-4-5")
    weather(stage, *models)
    printed = run(alice, folder, *program("pydantic_ai_agent"))
    assert printed.splitlines() == ["서울은 맑아요."] * 3
    for model in models:
        assert "서울: 맑음" in told(stage, 2, model)


def test_llama_index_calls_a_tool_and_streams(alice: User, stage: Stage, folder: Path) -> None:
    model = "gemini-2.5-flash"
    weather(stage, model)
    printed = run(alice, folder, *program("llama_index_chat"))
    assert printed.strip() == "서울은 맑아요."
    assert "서울: 맑음. 우산이 필요해?" in told(stage, 2, model)
    assert UsageRecord.objects.count() == 2
