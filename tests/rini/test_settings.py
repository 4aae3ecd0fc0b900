"""Every variable: explained in .env.example, and refused in one line where its value is wrong."""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
EXAMPLE = (ROOT / ".env.example").read_text()
LINES = dict(re.findall(r"^#([A-Z0-9_]+)=(.*)$", EXAMPLE, re.MULTILINE))
KEY = base64.b64encode(secrets.token_bytes(32)).decode()
SECRETS = {
    "RINI_API_MASTER_KEY": KEY,
    "SECRET_KEY": secrets.token_urlsafe(48),
    "JWT_SECRET_KEY": secrets.token_urlsafe(48),
}
SERVERS = {"DATABASE_URL": "postgres://rini:pw@db:5432/rini", "REDIS_URL": "redis://:pw@valkey/0"}
USABLE = {**SECRETS, **SERVERS, "RINI_ENV_FILE": os.devnull}

WRONG_BY_READER = {
    "switch": ["ture", "2", "-"],
    "choice": ["verbose", "HS1"],
    "integer": ["abc", "-1", "1.5", "1e3", "٣", "9" * 5000],
    "optional_integer": ["abc", "0", "-1", "9" * 5000],
    "number": ["abc", "-1", "nan", "inf", "1,5"],
    "optional_number": ["abc", "-1", "nan"],
    "duration": ["abc", "-1", "nan", "inf", "10s"],
    "dollars": ["abc", "-1", "NaN", "10000000"],
    "address": ["abc", "ftp://host/x", "http://", "http://a b", "http://host:port", "//host"],
}
WRONG = {
    "HOST": ["http://127.0.0.1", "my host"],
    "PORT": ["0", "65536"],
    "MAX_CONTEXT_MESSAGES": ["0"],
    "AWS_STORAGE_BUCKET_NAME": ["s3://bucket", "my bucket"],
    "AWS_S3_REGION_NAME": ["Frankfurt am Main"],
    "DEFAULT_MODEL": ["gpt 4", "x" * 252],
    "LLM_MODEL": ["my model"],
    "MEMORY_MODEL": ["my model"],
    "OCR_LANGUAGES": ["kor, eng", "kor+"],
    "ALLOWED_HOSTS": ["https://rini.example.com", "rini.example.com:8000", "a b"],
    "TRUSTED_PROXIES": ["proxy.internal", "10.0.0.0/33", "*", "10.0.0.1:80"],
    "EGRESS_ALLOWED_HOSTS": ["https://wiki.internal", "10.0.0.0/33", "*", "a b"],
    "CORS_ORIGINS": ["app.example.com", "https://a.example/path", "https://a.example;https://b"],
    "CSRF_TRUSTED_ORIGINS": ["rini.example.com", "https://"],
    "DATABASE_URL": ["chatbot.db", "sqlite:///chatbot.db", "mysql://a/b", "postgres://host:x/db"],
    "REDIS_URL": ["localhost:6379", "http://valkey:6379", "redis://valkey/zero"],
    "RINI_API_MASTER_KEY": ["short", "!" * 44, f"{KEY},", base64.b64encode(bytes(32)).decode()],
    "METRICS_TOKEN": ["short", "changeme" * 5],
    "SECRET_KEY": ["short", "changeme" * 5, "a" * 40],
    "JWT_SECRET_KEY": ["short", "secret" * 8, "ab" * 20],
}
FOR_OTHERS = {"POSTGRES_PASSWORD", "VALKEY_PASSWORD", "RINI_SUBNET"}
"""What docker-compose.yml reads."""
NOT_CHECKED = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "RINI_DATA_DIR"}
"""Only their vendor knows what a good one looks like; the folder is tried when it is used."""


def outcomes(*environments: dict[str, str]) -> list[Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.rini.settings_reader"],
        input=json.dumps(environments),
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    found: list[Any] = json.loads(done.stdout)
    return found


def settings_with(**variables: str) -> dict[str, Any]:
    [settings] = outcomes({**USABLE, **variables})
    assert isinstance(settings, dict), settings
    return settings


def line_with(**variables: str) -> str:
    [line] = outcomes({**USABLE, **variables})
    assert isinstance(line, str)
    return line


@pytest.fixture(scope="module")
def read() -> dict[str, str]:
    """The variables that the settings read, and how."""
    found: dict[str, str] = settings_with()["read"]
    assert len(found) > 45
    return found


def test_every_variable_is_explained(read: dict[str, str]) -> None:
    vendors = {name for name in LINES if name.endswith(("_API_KEY", "_BASE_URL"))}
    assert read.keys() - vendors == LINES.keys() - vendors - FOR_OTHERS


def test_the_defaults_are_those_that_the_example_shows(read: dict[str, str]) -> None:
    others = {"RINI_DATA_DIR", "LOG_FORMAT", *SERVERS}  # they depend on something else
    shown = {name: value for name, value in LINES.items() if value and name not in others}
    shown = {name: value for name, value in shown.items() if not name.endswith("_BASE_URL")}
    bare, spelled_out = outcomes(USABLE, {**USABLE, **shown})
    assert spelled_out | {"CONTEXT_TURNS": None} == bare  # which says whether a limit was set
    assert shown["JWT_ACCESS_TOKEN_EXPIRE_MINUTES"] == "1440"


def test_a_wrong_value_ends_in_one_line_that_names_it(read: dict[str, str]) -> None:
    cases = [
        (name, value)
        for name, reader in read.items()
        for value in (*WRONG.get(name, ()), *WRONG_BY_READER.get(reader, ()))
    ]
    assert {name for name, _ in cases} == read.keys() - NOT_CHECKED
    lines = outcomes(*({**USABLE, name: value} for name, value in cases))
    for (name, value), line in zip(cases, lines, strict=True):
        assert isinstance(line, str), f"{name}={value[:50]!r} was taken"
        assert re.fullmatch(rf"rini: .*{name}.*\. .+[.:].*", line), line
        assert len(line) < 400
        if read[name] != "secret":
            assert line.startswith(f"rini: {name} is {value[:50]!r}"[:60]), line
            assert "Give " in line


@pytest.mark.parametrize("reader", WRONG_BY_READER)
def test_every_reader_is_in_use(reader: str, read: dict[str, str]) -> None:
    assert reader in read.values()


def test_nothing_repeats_a_secret() -> None:
    for name in SECRETS:
        assert "hunter2" not in line_with(**{name: "hunter2"})
    for name, address in (
        ("DATABASE_URL", "mysql://rini:hunter2@db/rini"),
        ("REDIS_URL", "http://:hunter2@valkey"),
        ("DATABASE_URL", "postgres://rini:hunter2@db:port/rini"),
    ):
        assert "hunter2" not in line_with(**{name: address})


@pytest.mark.parametrize(
    ("variable", "value", "setting", "means"),
    [
        ("LOG_LEVEL", "warning", "LOG_LEVEL", "WARNING"),
        ("DEBUG", "Yes", "DEBUG", True),
        ("DEBUG", "", "DEBUG", False),
        ("PORT", " 8001 ", "PORT", 8001),
        ("PORT", "", "PORT", 8000),
        ("MAX_CONTEXT_MESSAGES", "4", "CONTEXT_TURNS", 4),
        ("DEFAULT_TEMPERATURE", "", "DEFAULT_TEMPERATURE", None),
        ("DEFAULT_MAX_TOKENS", "", "DEFAULT_MAX_TOKENS", None),
        ("UNKNOWN_PRICE_INPUT", "0.5", "UNKNOWN_PRICE_INPUT_RATE", 500_000_000),
        ("CORS_ORIGINS", "https://a.example/, http://localhost:3000 ,", "CORS_ORIGINS",
         ["https://a.example", "http://localhost:3000"]),
        ("CORS_ORIGINS", "*", "CORS_ORIGINS", ["*"]),
        ("ALLOWED_HOSTS", "a.example, .b.example,[::1]", "ALLOWED_HOSTS",
         ["a.example", ".b.example", "[::1]"]),
        ("EGRESS_ALLOWED_HOSTS", "wiki.internal,gpu:80 , 10.1.0.0/16, ::1", "EGRESS_ALLOWED_HOSTS",
         ["wiki.internal", "gpu:80", "10.1.0.0/16", "::1"]),
        ("CSRF_TRUSTED_ORIGINS", "https://*.example.com/", "CSRF_TRUSTED_ORIGINS",
         ["https://*.example.com"]),
    ],
)  # fmt: skip
def test_what_operators_write_is_understood(
    variable: str, value: str, setting: str, means: object
) -> None:
    assert settings_with(**{variable: value})[setting] == means


@pytest.mark.parametrize(
    "form",
    [KEY, KEY.translate(str.maketrans("+/", "-_")), KEY.rstrip("="), f"{KEY} , {KEY}"],
    ids=["usual", "for URLs", "without padding", "two"],  # the same in every process of a run
)
def test_master_keys_are_taken_in_either_alphabet(form: str) -> None:
    settings_with(RINI_API_MASTER_KEY=form)


def test_vendors_addresses_and_keys_are_checked_too() -> None:
    assert line_with(OPENAI_BASE_URL="api.openai.com").startswith("rini: OPENAI_BASE_URL is ")
    assert line_with(LLM_SERVER_URL="localhost:11434").startswith("rini: LLM_SERVER_URL is ")
    key = line_with(OPENAI_API_KEY="sk-one two")
    assert key.startswith("rini: OPENAI_API_KEY has ")
    assert "sk-one" not in key
    settings = settings_with(VITE_API_BASE_URL="/api", LLM_SERVER_URL="http://gpu:8080/")
    assert settings["PROVIDER_BASE_URLS"] == {"local": "http://gpu:8080/v1"}


def test_secrets_come_from_files(tmp_path: Path) -> None:
    for name, value in {**SECRETS, **SERVERS, "OPENAI_API_KEY": "sk-from-a-file"}.items():
        (tmp_path / name).write_text(f"{value}\n")
    files = {f"{path.name}_FILE": str(path) for path in tmp_path.iterdir()}
    [settings] = outcomes({**files, "RINI_ENV_FILE": os.devnull})
    assert settings["SECRET_KEY"] == SECRETS["SECRET_KEY"]
    assert settings["DATABASE_URL"] == SERVERS["DATABASE_URL"]
    assert "OPENAI_API_KEY" in settings["read"]


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    [line] = outcomes({**USABLE, "SECRET_KEY": "", "SECRET_KEY_FILE": missing})
    assert line.startswith(f"rini: SECRET_KEY_FILE names {missing!r}: No such file")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    binary = str(tmp_path / "binary")
    [line] = outcomes({**USABLE, "SECRET_KEY": "", "SECRET_KEY_FILE": binary})
    assert line.startswith(f"rini: SECRET_KEY_FILE names {binary!r}")
    assert line_with(SECRET_KEY_FILE=missing).startswith("rini: SECRET_KEY is set, and ")


def test_a_missing_env_file_is_told() -> None:
    [line] = outcomes({**USABLE, "RINI_ENV_FILE": "/nowhere/.env"})
    assert line.startswith("rini: RINI_ENV_FILE is '/nowhere/.env'. ")


def test_a_start_with_a_wrong_value_prints_that_line_and_no_traceback() -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "up"],
        env={**USABLE, "PORT": "abc"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stdout + done.stderr == (
        "rini: PORT is 'abc'. Give a whole number from 1 to 65535.\n"
    )
