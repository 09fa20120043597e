"""Structured logs on standard error, one JSON object a line; secrets are never passed to a logger."""

import logging
import sys

import structlog


def configure(level: str) -> None:
    """Log at ``level`` (``debug`` .. ``error``) from everywhere, the standard library's loggers included."""
    number = logging.getLevelNamesMapping().get(level.upper(), logging.WARNING)
    logging.basicConfig(level=number, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.dict_tracebacks,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )
