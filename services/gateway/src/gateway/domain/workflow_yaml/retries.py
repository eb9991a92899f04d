"""Retry strategies in YAML: ``{strategy: exponential, first: 1s, factor: 2, most: 30s, attempts: 5}``."""

import re
from typing import Any

from pydantic import BaseModel, ValidationError

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
_PLUGIN = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,99}")
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
    before = len(sink.problems)
    given = _given(value, model, str(node.data), path, sink)
    if model is CustomRetry:
        _one_of_both(value, given, path, sink)
    if len(sink.problems) > before:
        return None
    try:
        return model.model_validate(given)
    except ValidationError as wrong:
        for error in wrong.errors(include_url=False):
            _note(dict(error), value, path, sink, f"The strategy {node.data}", example)
        return None


def _given(value: Value, model: type[BaseModel], strategy: str, path: str, sink: Sink) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for key, item in (value.data if isinstance(value.data, dict) else {}).items():
        below = f"{path}.{key}"
        if key not in model.model_fields:
            sink.add(value.at(key), below, f"'{key}' is not known for the strategy {strategy}.", meant(key, model.model_fields))
        elif key in DURATIONS:
            given[key] = sink.duration(item, below)
        elif key == "plugin":
            given[key] = _plugin(item, below, sink)
        else:
            given[key] = _waits(item, below, sink, f"Write e.g. {_EXAMPLES[strategy]}.") if key == "waits" else item.plain()
    return given


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


def _plugin(item: Value, path: str, sink: Sink) -> str | None:
    if not isinstance(item.data, str) or not _PLUGIN.fullmatch(item.data):
        sink.add(
            item, path, f"{item.called} is not the name of a plug-in.", "Write the name under which it is installed with the executor."
        )
        return None
    return item.data


def _one_of_both(value: Value, given: dict[str, Any], path: str, sink: Sink) -> None:
    """A custom strategy has its waits from a list or from a plug-in; only a plug-in needs to be told how often."""
    if "waits" in given and "plugin" in given:
        sink.add(value.at("plugin"), f"{path}.plugin", "The strategy has 'waits' and 'plugin'.", "Keep one of them.")
    elif "waits" not in given and "plugin" not in given:
        sink.add(
            value,
            path,
            "The strategy custom needs 'waits' or 'plugin'.",
            f"Write e.g. {_EXAMPLES['custom']}, or {{strategy: custom, plugin: <name>}}.",
        )
    elif given.get("waits") == []:
        sink.add(value.at("waits"), f"{path}.waits", "The list of waits is empty.", f"Write e.g. {_EXAMPLES['custom']}.")
    elif "attempts" in given and "waits" in given:
        hint = "Remove it: there is one attempt more than there are waits."
        sink.add(value.at("attempts"), f"{path}.attempts", "With 'waits' there are as many attempts as the list says.", hint)
