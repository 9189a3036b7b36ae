"""JSON log lines with correlation id (spec 12). Never a password, loader SQL or DSN."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog

from core.correlation import correlation_id


def _add_correlation(
    _: Any, __: str, event: structlog.types.EventDict
) -> structlog.types.EventDict:
    event.setdefault("correlation_id", correlation_id())
    return event


def _without_rows(_: Any, __: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    """PostgreSQL's DETAIL quotes the row that an error is about: no log holds one."""
    for error in event.get("exception") or ():
        error["exc_value"] = error["exc_value"].split("\nDETAIL:")[0]
    return event


_SHARED: list[structlog.types.Processor] = [
    structlog.contextvars.merge_contextvars,
    _add_correlation,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def logging_config(level: str) -> dict[str, Any]:
    """Django's LOGGING: everything, ours and the libraries', as one JSON object a line."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": _SHARED,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.ExceptionRenderer(
                        structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
                    ),
                    _without_rows,
                    structlog.processors.JSONRenderer(),
                ],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django.db.backends": {"level": "WARNING"},
            "django-q": {"level": "WARNING"},
        },
    }


OUR_PACKAGES = ("execution", "loaders", "signals")


@contextmanager
def logging_at(level: str) -> Iterator[None]:
    """Log what a run does at this level, in this process, while it lasts; empty is the portal's
    own. A worker process executes one run at a time, so the level concerns no other loader."""
    if not level:
        yield
        return
    loggers = [logging.getLogger(name) for name in OUR_PACKAGES]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(level)
    try:
        yield
    finally:
        for logger, former in zip(loggers, before, strict=True):
            logger.setLevel(former)


def configure_structlog() -> None:
    """Send structlog's events through the standard library's handlers."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
