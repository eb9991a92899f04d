"""What a message on a topic means to a Kafka trigger."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from executor.domain.triggers.firing import Firing, NotFired, compiled, mapper, message_id
from shared.contracts.workflows import KafkaTrigger
from shared.runtime.expressions import EvaluationFailed, Uncompilable, Use

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


@dataclass(frozen=True, slots=True)
class Heard:
    """A message as it was read."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]
    timestamp_ms: int = 0


class Matcher:
    """Filter and mapping of one trigger, compiled once. Raises Uncompilable."""

    def __init__(self, trigger: KafkaTrigger) -> None:
        self._endpoint = trigger.endpoint
        self._filter = None if trigger.filter is None else compiled(trigger.filter, Use.MESSAGE_FILTER)
        self._inputs = mapper(trigger.inputs, trigger.map, Use.MESSAGE_MAPPING)

    def judge(self, heard: Heard) -> Firing | NotFired:
        """Say whether a message starts a run, and with which inputs. Never raises: what can't be judged has failed, with the reason."""
        firing_id = message_id(self._endpoint, heard.topic, heard.partition, heard.offset, heard.timestamp_ms)
        try:
            known = variables(heard)
            if self._filter is not None and not self._filter.evaluate(known):
                return NotFired("filtered", firing_id, "The filter is false for it.")
            return Firing(firing_id, self._inputs(known), traceparent=_traceparent(heard))
        except EvaluationFailed as error:
            return NotFired("failed", firing_id, f"An expression has no value for this message: {str(error).rstrip('.')}.")


def checked(trigger: KafkaTrigger) -> tuple[Matcher | None, str]:
    """Return the matcher, or None and why there is none, with the way out."""
    try:
        return Matcher(trigger), ""
    except Uncompilable as error:
        return None, f"An expression of the trigger can't be compiled: {error.message} Correct it and publish the workflow again."


def variables(heard: Heard) -> dict[str, Any]:
    """Return what expressions may use: the value as JSON, as a text when it is none, null when there is none."""
    return {
        "value": _value(heard.value),
        "key": _text(heard.key),
        "headers": {name: _text(value) for name, value in heard.headers},
        "topic": heard.topic,
        "partition": heard.partition,
        "offset": heard.offset,
    }


def _value(raw: bytes | None) -> Any:
    if raw is None:
        return None
    try:
        value = json.loads(raw)
        return _without_nul(value) if b"\\u0000" in raw else value
    except (ValueError, RecursionError):
        return _text(raw)


def _text(raw: bytes | None) -> str:
    """Return bytes as a text. Expressions would end at a NUL, and no input may hold one: it is replaced, as what is no UTF-8 is."""
    return "" if raw is None else raw.decode("utf-8", "replace").replace("\0", _REPLACEMENT)


def _without_nul(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", _REPLACEMENT)
    if isinstance(value, list):
        return [_without_nul(item) for item in value]
    if isinstance(value, dict):
        return {_without_nul(key): _without_nul(item) for key, item in value.items()}
    return value


def _traceparent(heard: Heard) -> str | None:
    found = next((value for name, value in heard.headers if name == "traceparent" and value), None)
    return None if found is None or len(found) > 100 else found.decode("ascii", "replace")
