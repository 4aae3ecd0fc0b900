"""What schemathesis is told beside its command line: two people ask in turn.

Each finds what the other has made by its id, as a stranger: what one user makes, another one reads,
changes and deletes in the same run.
"""

from __future__ import annotations

import itertools
import os
from typing import Any

import schemathesis

_turn = itertools.cycle(os.environ["FUZZED_TOKENS"].split())


@schemathesis.auth(refresh_interval=None)
class InTurn:
    def get(self, case: Any, context: Any) -> str:
        return next(_turn)

    def set(self, case: Any, data: str, context: Any) -> None:
        case.headers["Authorization"] = f"Bearer {data}"
