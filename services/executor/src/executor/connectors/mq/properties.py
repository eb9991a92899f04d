"""How keys, headers and properties travel between AMQP and the rest.

A Kafka header is bytes under a name that may repeat; an AMQP header is a typed value under a name that may not. Text goes
as text, other bytes as a byte array, a repeated name as a list; on the way back each becomes the same bytes again.
"""

import json
from datetime import datetime
from typing import Any

from aiormq import spec

from executor.application.ports import Message

KEY = "flowtower-key"
"""Header that carries a message's key through a queue."""

ORIGIN = "flowtower-id"
"""Header that names a moved message: run, component, generation and where it came from."""

_PROPERTY = "amqp-"
_CARRIED = ("content_type", "content_encoding", "correlation_id", "reply_to", "message_type", "app_id")


def _value(raw: bytes | None) -> Any:
    if raw is None:
        return None
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return bytearray(raw)


def _bytes(value: Any) -> bytes | None:
    if value is None:
        return None
    if isinstance(value, bytes | bytearray):
        return bytes(value)
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, datetime):
        return value.isoformat().encode()
    return json.dumps(value, default=str).encode()


def properties_of(message: Message, traceparent: str | None) -> spec.Basic.Properties:
    """Return what goes beside the body."""
    headers: dict[str, Any] = {}
    own: dict[str, Any] = {}
    for name, raw in message.headers:
        if name.startswith(_PROPERTY) and name[len(_PROPERTY) :] in _CARRIED:
            own[name[len(_PROPERTY) :]] = (raw or b"").decode(errors="replace")
        elif name in headers:
            before = headers[name]
            headers[name] = [*before, _value(raw)] if isinstance(before, list) else [before, _value(raw)]
        else:
            headers[name] = _value(raw)
    if traceparent:
        # A message that came with a trace of its own keeps it.
        headers.setdefault("traceparent", traceparent)
    if message.key is not None:
        headers[KEY] = _value(message.key)
    headers[ORIGIN] = message.name
    # A short string of the protocol holds 255 bytes; the header has the whole name.
    return spec.Basic.Properties(delivery_mode=2, message_id=message.name.encode()[:255].decode(errors="ignore"), headers=headers, **own)


def key_and_headers(properties: spec.Basic.Properties) -> tuple[bytes | None, list[tuple[str, bytes | None]], str]:
    """Return key, headers and origin as they travel on."""
    key: bytes | None = None
    origin = ""
    headers: list[tuple[str, bytes | None]] = []
    for name, value in (properties.headers or {}).items():
        if name == KEY:
            key = _bytes(value)
        elif name == ORIGIN:
            origin = str(value)
        elif isinstance(value, list):
            headers += [(name, _bytes(one)) for one in value]
        else:
            headers.append((name, _bytes(value)))
    for name in _CARRIED:
        value = getattr(properties, name, None)
        if value:
            headers.append((_PROPERTY + name, str(value).encode()))
    return key, headers, origin or str(properties.message_id or "")
