"""One line of JSON (or of text, for people) per log event, with the trace it belongs to and without secrets."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Literal

import structlog
from pydantic import SecretBytes, SecretStr
from structlog.typing import EventDict, FilteringBoundLogger, Processor

MASK = "***"

_SECRET_NAMES = re.compile(
    r"passw(or)?d|passphrase|secret|token|authorization|cookie|api[_-]?key|private[_-]?key|credential|^pw$|^dsn$|database_url",
    re.IGNORECASE,
)
_SECRET_TEXTS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?P<head>[a-z][a-z0-9+.-]*://[^\s:/@]*):[^\s@]+@", re.IGNORECASE), rf"\g<head>:{MASK}@"),
    (re.compile(r"(?P<head>\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE), rf"\g<head>{MASK}"),
    (
        re.compile(
            r"(?P<head>[\"']?\b(?:password|passwd|pwd|secret|token|api[_-]?key)\b[\"']?\s*[=:]\s*[\"']?)[^\s\"'&,;}]+", re.IGNORECASE
        ),
        rf"\g<head>{MASK}",
    ),
    (re.compile(r"\bxox[a-z]-[A-Za-z0-9-]+"), MASK),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----", re.DOTALL), MASK),
)
_MAX_TEXT = 20_000


def mask_text(text: str) -> str:
    """Return ``text`` with the passwords of URLs, authorization values and the like replaced."""
    for pattern, replacement in _SECRET_TEXTS:
        text = pattern.sub(replacement, text)
    return text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}… ({len(text)} characters)"


def _masked(value: Any, depth: int = 0) -> Any:
    if isinstance(value, SecretStr | SecretBytes):
        return MASK
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, bytes):
        return f"<{len(value)} bytes>"
    if depth > 6:
        return "…"
    if isinstance(value, MutableMapping | dict):
        return {str(k): MASK if v is not None and _SECRET_NAMES.search(str(k)) else _masked(v, depth + 1) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked(item, depth + 1) for item in value]
    if isinstance(value, int | float | bool) or value is None:
        return value
    return mask_text(str(value))


def mask_secrets(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Structlog processor: nothing that looks like a secret leaves, whatever was passed by mistake."""
    masked: EventDict = _masked(event)
    return masked


def add_trace(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Structlog processor: add the trace and span ids of the current OpenTelemetry span."""
    from opentelemetry import trace  # noqa: PLC0415  (keeps this module importable without the tracing parts)

    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = f"{context.trace_id:032x}"
        event["span_id"] = f"{context.span_id:016x}"
    return event


_QUIET = {
    "aiokafka": logging.ERROR,
    "faststream": logging.WARNING,
    "httpx": logging.WARNING,
    "httpcore": logging.WARNING,
    "alembic": logging.WARNING,
}
"""Libraries that log at a level too high for what it means to us: a broker that is away is told once, by us."""


def configure(service: str, *, level: str = "INFO", form: Literal["json", "console"] = "json") -> None:
    """Set up structlog and route the standard library's loggers through the same processors, to standard output."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.ExtraAdder(),
        add_trace,
    ]
    last: Processor = structlog.processors.JSONRenderer() if form == "json" else structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty())

    def name_service(_logger: Any, _method: str, event: EventDict) -> EventDict:
        event["service"] = service
        return event

    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            name_service,
            mask_secrets,
            last,
        ],
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name, least in _QUIET.items():
        logging.getLogger(name).setLevel(max(least, logging.getLevelName(level)))
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers[:] = []
        logger.propagate = True
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def get_logger(name: str) -> FilteringBoundLogger:
    """Return a structured logger: ``log.info("run finished", run=run_id)``."""
    logger: FilteringBoundLogger = structlog.get_logger(name)
    return logger
