"""Retry strategies in YAML: ``{strategy: exponential, first: 1s, factor: 2, most: 30s, attempts: 5}``."""

from typing import Any

from pydantic import ValidationError

from gateway.domain.nearest import meant
from gateway.domain.workflow_yaml.document import Value
from gateway.domain.workflow_yaml.sink import Sink
from shared.contracts.workflows import CustomRetry, ExponentialRetry, FixedRetry

STRATEGIES: dict[str, type[FixedRetry | ExponentialRetry | CustomRetry]] = {
    "fixed": FixedRetry,
    "exponential": ExponentialRetry,
    "custom": CustomRetry,
}
DURATIONS = ("every", "first", "most")
_EXAMPLES = {
    "fixed": "{strategy: fixed, every: 2s, attempts: 3}",
    "exponential": "{strategy: exponential, first: 1s, factor: 2, most: 30s, attempts: 5}",
    "custom": "{strategy: custom, waits: [1s, 10s, 1m]}",
}


def read_retry(value: Value, path: str, sink: Sink) -> FixedRetry | ExponentialRetry | CustomRetry | None:
    """Return the strategy, or None after noting what is wrong with it."""
    if not isinstance(value.data, dict):
        sink.add(value, path, f"A retry is a mapping, and this is {value.called}.", f"Write e.g. {_EXAMPLES['fixed']}.")
        return None
    node = value.data.get("strategy")
    if node is None:
        sink.add(value, path, "The retry names no strategy.", f"Add 'strategy': one of {', '.join(STRATEGIES)}.")
        return None
    model = STRATEGIES.get(node.data) if isinstance(node.data, str) else None
    if model is None:
        sink.add(node, f"{path}.strategy", f"There is no strategy {node.called}.", meant(str(node.data), STRATEGIES))
        return None
    example = f"Write e.g. {_EXAMPLES[str(node.data)]}."
    given: dict[str, Any] = {}
    before = len(sink.problems)
    for key, item in value.data.items():
        below = f"{path}.{key}"
        if key not in model.model_fields:
            sink.add(value.at(key), below, f"'{key}' is not known for the strategy {node.data}.", meant(key, model.model_fields))
        elif key in DURATIONS:
            given[key] = sink.duration(item, below)
        else:
            given[key] = _waits(item, below, sink, example) if key == "waits" else item.plain()
    if len(sink.problems) > before:
        return None
    try:
        return model.model_validate(given)
    except ValidationError as wrong:
        for error in wrong.errors(include_url=False):
            _note(dict(error), value, path, sink, f"The strategy {node.data}", example)
        return None


def _note(error: dict[str, Any], value: Value, path: str, sink: Sink, what: str, example: str) -> None:
    key = str(error["loc"][0]) if error["loc"] else ""
    if error["type"] == "missing":
        sink.add(value, f"{path}.{key}", f"{what} needs '{key}'.", example)
    else:
        at = value.data.get(key, value) if isinstance(value.data, dict) else value
        sink.add(at, f"{path}.{key}", f"{at.called} is wrong for '{key}': {error['msg'][0].lower()}{error['msg'][1:]}.", example)


def _waits(item: Value, path: str, sink: Sink, example: str) -> list[float] | None:
    if not isinstance(item.data, list):
        sink.add(item, path, f"The waits are a list, and this is {item.called}.", example)
        return None
    waits = [sink.duration(wait, f"{path}[{index}]") for index, wait in enumerate(item.data)]
    known = [wait for wait in waits if wait is not None]
    return known if len(known) == len(waits) else None
