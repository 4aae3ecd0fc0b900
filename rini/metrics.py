"""What is counted and timed, in Prometheus's terms; `rini.monitoring` shows it at /metrics.

Every process of a host writes its counts to files of its own below one folder, and whoever is asked
adds them up (prometheus_client's multi-process mode): a web server with several processes, and the
worker beside it, tell one story. A label never has a value that a stranger can choose freely:
routes are templates, and models are labelled only once a vendor has been asked.
"""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

from django.conf import settings

FOLDER = Path(settings.METRICS_DIR)
"""It has one folder for each host: process ids are unique only within one."""
KEPT_SECONDS = 24 * 3600
"""How long the counts of a host that is gone are still reported."""
_own = FOLDER / os.uname().nodename
_own.mkdir(mode=0o700, parents=True, exist_ok=True)
# prometheus_client looks for it when it is imported.
os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_own)

from prometheus_client import Counter, Histogram  # noqa: E402

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)

REQUESTS = Counter(
    "rini_http_requests", "Requests by route and status.", ["method", "route", "status"]
)
REQUEST_SECONDS = Histogram(
    "rini_http_request_seconds",
    "From a request's arrival to the last byte of its answer.",
    ["method", "route"],
    buckets=_SECONDS,
)
FIRST_TOKEN_SECONDS = Histogram(
    "rini_first_token_seconds",
    "From asking a vendor to the first token of its answer.",
    ["provider", "model"],
    buckets=_SECONDS,
)
CALLS = Counter(
    "rini_vendor_calls",
    "Calls of vendors by how they ended.",
    ["provider", "model", "purpose", "status"],
)
VENDOR_ERRORS = Counter(
    "rini_vendor_errors",
    "Failures of vendors, by Rini's code for them and the vendor's status.",
    ["provider", "code", "vendor_status"],
)
TOKENS = Counter(
    "rini_tokens", "Tokens, as the ledger has them.", ["provider", "model", "direction"]
)
COST_DOLLARS = Counter(
    "rini_cost_dollars", "What calls cost, as the ledger has it.", ["provider", "model"]
)
BUDGET_REFUSALS = Counter("rini_budget_refusals", "Calls that a budget did not allow.", ["scope"])


def files() -> list[str]:
    """The files with everybody's counts."""
    return [str(path) for path in FOLDER.glob("*/*.db")]


def forget_old() -> None:
    """Delete the counts of hosts that have written nothing for long (containers that are gone)."""
    limit = time.time() - KEPT_SECONDS
    for folder in FOLDER.iterdir():
        times = [path.stat().st_mtime for path in folder.glob("*.db")]
        if folder != _own and max(times, default=folder.stat().st_mtime) < limit:
            shutil.rmtree(folder, ignore_errors=True)


def begin_anew() -> None:
    """Delete this host's counts: before its first process starts."""
    for path in _own.glob("*.db"):
        path.unlink(missing_ok=True)
