"""One way out for every log line of the process, and one redaction on it.

Ours (structlog) and everybody else's (kopf, aiohttp, asyncio: standard logging) end in the same handler, whose
formatter redacts the finished fields, the traceback among them. Uncaught exceptions and warnings go the same way.
"""

import contextlib
import logging
import sys
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import IO, Final, Literal

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from llmkeys.crypto.secret import Secret
from llmkeys.telemetry.redaction import MASK, redact

# kopf reports at INFO that each handler of each event succeeded; aiohttp's access log holds URLs.
_LEVELS: Final = {"kopf.objects": logging.WARNING, "aiohttp.access": logging.CRITICAL + 1, "asyncio": logging.INFO}
# `key` is missing on purpose: it is what a queue calls the name of an object.
_SECRET_FIELDS: Final = frozenset(
    {
        "api_key",
        "apikey",
        "authorization",
        "cookie",
        "password",
        "private_key",
        "secret_headers",
        "secret_query",
        "token",
    }
)
_DEPTH: Final = 6


def configure(format: Literal["json", "console"] = "json", level: str = "INFO", stream: IO[str] | None = None) -> None:  # noqa: A002 - the option's name
    """Send every log line of the process to one stream, redacted. Call once, before anything logs.

    Args:
        format: a JSON object a line, or lines for people.
        level: name of the lowest level that is written; loggers that talk too much have their own.
        stream: standard error if absent.

    Raises:
        ValueError: there is no such level.

    """
    handler = _Handler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_log_level, _object_of_kopf, *_common()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                redact_fields,
                _renderer(format),
            ],
        )
    )
    root = logging.getLogger()
    # Any other handler would be a way around the redaction.
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name, own in _LEVELS.items():
        logging.getLogger(name).setLevel(max(own, root.level))
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *_common(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread


class _Handler(logging.StreamHandler[IO[str]]):
    """Says only that a line was lost: the standard answer to an error prints the raw record beside it."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the base class's name
        with contextlib.suppress(Exception):
            self.stream.write(f"a log line of {record.name} could not be written\n")


def redact_fields(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Redact every field of a log line, and blank those whose name says that a secret is in them."""
    return {name: _redacted_field(name, value, _DEPTH) for name, value in event.items()}


def _redacted_field(name: str, value: object, depth: int) -> object:
    if value is not None and name.lower().replace("-", "_") in _SECRET_FIELDS:
        return MASK
    return _redacted(value, depth)


def _redacted(value: object, depth: int) -> object:
    if isinstance(value, str):
        return redact(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Secret):
        return MASK
    if depth and isinstance(value, Mapping):
        return {redact(str(name)): _redacted_field(str(name), inner, depth - 1) for name, inner in value.items()}
    if depth and isinstance(value, list | tuple | set | frozenset):
        return [_redacted(inner, depth - 1) for inner in value]
    return redact(_printed(value))


def _printed(value: object) -> str:
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001 - a log line must not fail for what somebody's __str__ raises
        return f"<{type(value).__name__}: {type(error).__name__}>"


def _common() -> list[Processor]:
    return [
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]


def _object_of_kopf(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Name the object that kopf logs about; its own formatter, which is not used here, would put it before the text."""
    reference = getattr(event.get("_record"), "k8s_ref", None)
    if isinstance(reference, Mapping):
        event["object"] = "/".join(
            str(reference[part]) for part in ("kind", "namespace", "name") if reference.get(part) is not None
        )
    return event


def _renderer(format: Literal["json", "console"]) -> Processor:  # noqa: A002 - the option's name
    if format == "json":
        return structlog.processors.JSONRenderer()
    return structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)


def _log_uncaught(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, traceback)
        return
    logging.getLogger("llmkeys").critical("uncaught exception", exc_info=(kind, error, traceback))


def _log_uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None:
        _log_uncaught(args.exc_type, args.exc_value, args.exc_traceback)
