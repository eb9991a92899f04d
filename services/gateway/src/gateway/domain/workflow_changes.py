"""What changed from one version of a workflow to another, in words; pure, over definitions as they are stored."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from gateway.domain.durations import format_duration
from gateway.domain.inputs import expected, required

What = Literal["added", "removed", "changed"]
Part = Literal["workflow", "input", "component", "connection", "trigger"]

_DEFAULTS: dict[str, Any] = {"description": "", "priority": 5, "join": "all", "options": {}, "errors": {}}
"""What a key means that an older version does not have; None for all others."""
_WORKFLOW = ("description", "business_key", "timeout", "concurrency", "priority")
_COMPONENT = ("kind", "endpoint", "retry", "timeout", "deadline", "errors", "join", "compensates")
_WORDS = {"timeout": "time limit", "business_key": "business key", "concurrency": "limit of runs at once"}
_DURATIONS = ("timeout", "deadline", "every", "first", "most")
_LONGEST = 80


@dataclass(frozen=True)
class Change:
    """One difference. ``name`` says of what: a component, ``A → B``, an input, a trigger; ``field`` what of it."""

    what: What
    part: Part
    name: str
    field: str
    before: Any
    after: Any
    sentence: str


def compare_definitions(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    """Return all differences: of the workflow itself, then its inputs, components, connections and triggers."""
    return (
        *_fields("workflow", "", before, after, _WORKFLOW, _WORDS),
        *_inputs(before.get("inputs") or {}, after.get("inputs") or {}),
        *_components(_by_name(before.get("components")), _by_name(after.get("components"))),
        *_connections(_by_ends(before.get("connections")), _by_ends(after.get("connections"))),
        *_triggers(_by_trigger(before.get("triggers")), _by_trigger(after.get("triggers"))),
    )


def summary(changes: tuple[Change, ...], most: int = 3) -> str:
    """Return the first changes as one text; what is left over is counted."""
    shown = " ".join(change.sentence for change in changes[:most])
    left = len(changes) - most
    return shown if left <= 0 else f"{shown} And {left} more."


def _inputs(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    for name, schema in after.items():
        if name not in before:
            need = "needed" if required(schema) else f"left out, it is {_shown(schema['default'])}"
            sentence = f"The input {name} is new: {expected(schema)}, {need}."
            yield Change("added", "input", name, "", None, schema, sentence)
        elif before[name] != schema:
            yield Change("changed", "input", name, "", before[name], schema, f"The input {name}: {_schema_words(before[name], schema)}.")
    for name, schema in before.items():
        if name not in after:
            yield Change("removed", "input", name, "", schema, None, f"The input {name} is gone.")


def _schema_words(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    keys = [key for key in {**before, **after} if before.get(key) != after.get(key)]
    said = [f"{key} is {_shown(after.get(key))} instead of {_shown(before.get(key))}" for key in keys[:3]]
    return ", ".join(said) + (", …" if len(keys) > len(said) else "")


def _components(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    for name, component in after.items():
        if name not in before:
            on = f" on {component['endpoint']}" if component.get("endpoint") else ""
            yield Change("added", "component", name, "", None, component, f"{name} is new ({component['kind']}{on}).")
            continue
        yield from _fields("component", name, before[name], component, _COMPONENT, {"timeout": "attempt_timeout"})
        old, new = before[name].get("options") or {}, component.get("options") or {}
        for key in {**old, **new}:
            if old.get(key) != new.get(key):
                yield _change("component", name, f"options.{key}", key, old.get(key), new.get(key))
    for name, component in before.items():
        if name not in after:
            yield Change("removed", "component", name, "", component, None, f"{name} is gone.")


def _connections(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    for name, edge in after.items():
        if name not in before:
            when = f", when {edge['when']}" if edge.get("when") else ""
            yield Change("added", "connection", name, "", None, edge, f"The connection {name} is new ({edge['kind']}{when}).")
        else:
            yield from _fields("connection", name, before[name], edge, ("kind", "when"), {})
    for name, edge in before.items():
        if name not in after:
            yield Change("removed", "connection", name, "", edge, None, f"The connection {name} is gone.")


def _triggers(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    for name, trigger in after.items():
        if name not in before:
            yield Change("added", "trigger", name, "", None, trigger, f"The trigger {name} is new.")
            continue
        for key in {**before[name], **trigger}:
            old, new = before[name].get(key), trigger.get(key)
            if old != new:
                yield _change("trigger", name, key, key, old, new)
    for name, trigger in before.items():
        if name not in after:
            yield Change("removed", "trigger", name, "", trigger, None, f"The trigger {name} is gone.")


def _fields(
    part: Part, name: str, before: Mapping[str, Any], after: Mapping[str, Any], keys: tuple[str, ...], words: Mapping[str, str]
) -> Iterator[Change]:
    for key in keys:
        default = _DEFAULTS.get(key)
        old, new = before.get(key, default), after.get(key, default)
        if key == "errors":
            old, new = _said_codes(old), _said_codes(new)
        if old != new:
            yield _change(part, name, key, words.get(key, key), old, new)


def _change(part: Part, name: str, field: str, word: str, old: Any, new: Any) -> Change:
    what: What = "added" if old is None else "removed" if new is None else "changed"
    subject = {"connection": f"{name}: {word}", "trigger": f"The trigger {name}: {word}", "workflow": f"The {word}"}.get(
        part, f"{name}: {word}"
    )
    key = field.rpartition(".")[2]
    if new is None:
        return Change(what, part, name, field, old, new, f"{subject} is no longer set (it was {_shown(old, key)}).")
    instead = "" if old is None else f" instead of {_shown(old, key)}"
    return Change(what, part, name, field, old, new, f"{subject} is {_shown(new, key)}{instead}.")


def _said_codes(errors: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: list(codes) for name, codes in (errors or {}).items() if codes}


def _shown(value: Any, key: str = "") -> str:
    """Return a value as people write it, not longer than a line."""
    if key in _DURATIONS and isinstance(value, int | float):
        return format_duration(value)
    if isinstance(value, Mapping):
        known = {name: item for name, item in value.items() if item not in (None, [], {}) and not (name == "jitter" and not item)}
        text = ", ".join(f"{name} {_shown(item, name)}" for name, item in known.items()) or "empty"
    elif isinstance(value, list | tuple):
        text = "[" + ", ".join(_shown(item, "every" if key == "waits" else "") for item in value) + "]"
    elif isinstance(value, str):
        text = value if key in ("strategy", "kind", "endpoint", "join", "compensates") else f"“{value}”"
    elif isinstance(value, float) and value.is_integer():
        text = f"{value:.0f}"
    else:
        text = "not set" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _by_name(components: Any) -> dict[str, Any]:
    return {str(item["name"]): item for item in components or ()}


def _by_ends(connections: Any) -> dict[str, Any]:
    return {f"{item['source']} → {item['target']}": item for item in connections or ()}


def _by_trigger(triggers: Any) -> dict[str, Any]:
    return {str(item.get("name") or item["kind"]): item for item in triggers or ()}
