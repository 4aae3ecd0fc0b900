"""What the log and the metrics get to know of calls to vendors. Never what is said in them."""

from __future__ import annotations

import structlog

from billing.models import UsageRecord
from providers.errors import ProviderError
from providers.types import Target
from rini import metrics
from rini.errors import BudgetExceeded
from rini.money import NANO
from rini.web import request_log

log = structlog.get_logger("vendor")


def asked(target: Target) -> None:
    """A vendor is about to be asked: the request's line in the log names it."""
    request_log.note(provider=target.provider, model=target.model)


def failed(target: Target, purpose: str, error: ProviderError) -> None:
    """A vendor has failed: one line, whatever becomes of the request."""
    request_log.note(vendor_status=error.vendor_status)
    metrics.VENDOR_ERRORS.labels(target.provider, error.code, error.vendor_status or "none").inc()
    log.warning(
        "a vendor failed",
        provider=target.provider,
        model=target.model,
        purpose=purpose,
        code=error.code,
        vendor_status=error.vendor_status,
    )


def refused(error: BudgetExceeded) -> None:
    """A budget did not allow a call, also by an exact count."""
    metrics.BUDGET_REFUSALS.labels(error.scope).inc()


def settled(target: Target, record: UsageRecord | None) -> None:
    """A call has ended, and this is its row in the ledger (None: it was settled elsewhere)."""
    if record is None:
        return
    labels = (target.provider, target.model)
    metrics.CALLS.labels(*labels, record.purpose, record.status).inc()
    for direction, tokens in (("input", record.input_tokens), ("output", record.output_tokens)):
        if tokens:
            metrics.TOKENS.labels(*labels, direction).inc(tokens)
    if record.cost_nano:
        metrics.COST_DOLLARS.labels(*labels).inc(record.cost_nano / NANO)
    if record.time_to_first_token_ms is not None:
        metrics.FIRST_TOKEN_SECONDS.labels(*labels).observe(record.time_to_first_token_ms / 1000)
