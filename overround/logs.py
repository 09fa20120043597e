"""Structured logs on standard error, one JSON object a line; secrets are never passed to a logger.

An exception is told with its frames, never with what their variables held: keys and headers among them.
"""

import logging
import sys

import structlog
from structlog.tracebacks import ExceptionDictTransformer

TALKATIVE = ("httpx", "httpcore", "hpack", "websockets", "urllib3", "engineio", "socketio")
"""Libraries that log whole URLs, headers or frames, credentials included: their warnings are enough."""


def configure(level: str) -> None:
    """Log at ``level`` (``debug`` .. ``error``) from everywhere, the standard library's loggers included."""
    number = logging.getLevelNamesMapping().get(level.upper(), logging.WARNING)
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    render: list[structlog.typing.Processor] = [
        structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
        structlog.processors.JSONRenderer(default=str),
    ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
        )
    )
    logging.basicConfig(level=number, handlers=[handler], force=True)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))
    structlog.configure(
        processors=[*shared, *render],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
