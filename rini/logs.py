"""Structured logs: one event a line, with the request's id; JSON for machines, colour for eyes."""

from __future__ import annotations

import logging.config

import structlog


def configure(level: str, form: str) -> None:
    """Send structlog's and the standard library's records through one formatter to stderr.

    `form` is ``json`` or ``console``.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[structlog.typing.Processor] = (
        [_tracebacks_as_dicts, structlog.processors.JSONRenderer()]
        if form == "json"
        else [structlog.dev.ConsoleRenderer(colors=False, exception_formatter=_plain_traceback)]
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": shared,
        "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
    }
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"rini": formatter},
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "rini"}},
            "root": {"handlers": ["stderr"], "level": level},
            "loggers": {
                name: {"handlers": [], "propagate": True, "level": quiet}
                for name, quiet in {
                    "uvicorn": "WARNING",
                    "uvicorn.access": "WARNING",
                    "uvicorn.error": "WARNING",  # that it starts and ends, `manage.py up` says
                    "django.request": "ERROR",  # a 404 is an answer, not news
                    "httpx": "WARNING",  # it logs whole addresses, with secrets in them
                    "httpx2": "WARNING",
                    "mcp": "CRITICAL",  # it logs what it gets; what went wrong, Rini tells itself
                    "LiteLLM": "CRITICAL",  # it logs requests, and with them keys
                    "celery.beat": "WARNING",
                    "celery.app.trace": "WARNING",
                    "celery.worker.strategy": "WARNING",
                }.items()
            },
        }
    )


# Tracebacks never show local variables: one of them may be somebody's key.
_plain_traceback = structlog.dev.plain_traceback
_tracebacks_as_dicts = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)
