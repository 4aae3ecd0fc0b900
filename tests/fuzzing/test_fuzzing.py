"""Whatever anybody asks, the server answers what its document tells, and never a 500.

schemathesis asks, over every operation of the document, in all its phases: the examples, each value
at the edges of its schema, random ones, and chains of requests of which one uses what another made.
Here the seed is fixed and the examples are few; ``make fuzz`` takes many, by `EXAMPLES`.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.conftest import User
from tests.rini_server import RiniServer
from tests.vendors.stage import Stage

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))
"""How many examples each operation gets; 0: as few as every run can afford."""
FEW = {"examples": 1, "coverage": 1, "fuzzing": 2, "stateful": 15}
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_schema_conformance,ignored_auth,use_after_free"
)


@pytest.mark.timeout(EXAMPLES * 120 or 300)
@pytest.mark.parametrize("phase", FEW)
def test_the_running_server_answers_nothing_that_the_document_does_not_tell(
    new_user: Callable[..., User],
    start_server: Callable[..., RiniServer],
    stage: Stage,
    phase: str,
) -> None:
    """What it finds is the message."""
    server = start_server(PARALLEL_GENERATIONS="0")
    users = [new_user(username=name, password="七色の虹 9 bridges") for name in ("검사", "検査")]
    seed = secrets.randbelow(2**32) if EXAMPLES else 20260301
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{server.url}/openapi.json"),
        *("--phases", phase, "--seed", str(seed), "--max-examples", str(EXAMPLES or FEW[phase])),
        *("--checks", CHECKS, "--suppress-health-check", "all", "--no-color"),
        *("--request-timeout", "20", "--generation-database", "none", "--workers", "2"),
        # What ends an account or a login ends the run of everything that comes after.
        # The tools of servers that are not there are a 502, and rightly.
        *("--exclude-path-regex", "^/(users/me|auth/logins|mcp-connections/[^/]+/tools)"),
    ]
    asked = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env={
            **os.environ,
            "PYTHONUTF8": "1",
            "SCHEMATHESIS_HOOKS": "tests.fuzzing.two_users",
            "FUZZED_TOKENS": " ".join(user.token for user in users),
        },
    )
    _, _, found = asked.stdout.partition("FAILURES")
    assert asked.returncode == 0, f"seed {seed}\n{found[:6000] or asked.stdout[-6000:]}"
    assert "Traceback" not in server.log, server.log[-3000:]
    for user in users:
        assert f'"user": "{user.user_id}"' in server.log, "both have asked"
        assert user.get("/users/me/").status_code == 200, "it has ended its own login"
