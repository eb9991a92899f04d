"""One component of a workflow: its kind, its endpoint, the options of its kind, and its retry strategy."""

import re
from collections.abc import Mapping
from typing import Any, get_args

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from gateway.domain.durations import WrongDuration, parse_duration
from gateway.domain.nearest import meant
from gateway.domain.workflow_yaml import rules
from gateway.domain.workflow_yaml.document import Value
from gateway.domain.workflow_yaml.limits import positive
from gateway.domain.workflow_yaml.option_expressions import note_expressions
from gateway.domain.workflow_yaml.retries import read_retry
from gateway.domain.workflow_yaml.sink import Sink
from gateway.domain.workflow_yaml.states import note_unknown_states
from shared.contracts.kinds import KINDS, Kind
from shared.contracts.workflows import Component

__all__ = ["ComponentReader", "Sink"]

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,99}")
OWN_KEYS = ("kind", "endpoint", "retry", "attempt_timeout", *rules.KEYS)
"""What every component may say; all else are options of its kind."""
DURATION_OPTIONS = {("service", "timeout"), ("api", "timeout"), ("database", "statement_timeout"), ("airflow", "at_most")}
"""Options that hold a duration, by kind."""


class ComponentReader:
    """Reads components against the kinds and the endpoints that exist."""

    def __init__(self, endpoints: Mapping[str, str] | None, sink: Sink) -> None:
        self._endpoints = endpoints
        self._sink = sink

    def read(self, name: str, where: tuple[int, int], value: Value) -> Component | None:
        """Return the component as far as it can be drawn, or None when not even its kind is known."""
        sink, path = self._sink, f"components.{name}"
        if not _NAME.fullmatch(name):
            sink.add(
                where,
                path,
                f"'{name[:60]}' is not a name for a component.",
                "Begin with a letter; then letters, digits and . _ - (at most 100).",
            )
            return None
        if not isinstance(value.data, dict):
            sink.add(
                value,
                path,
                f"A component is a mapping, and this is {value.called}.",
                f"Write '{name}: {{kind: kafka, endpoint: …, topic: …}}'.",
            )
            return None
        kind = self._kind(path, where, value)
        if kind is None:
            return None
        endpoint = self._endpoint(path, where, value, kind)
        retry = None
        if "retry" in value.data and value.data["retry"].data is not None:
            retry = read_retry(value.data["retry"], f"{path}.retry", sink)
        timeout = self._attempt_timeout(path, value)
        rest = rules.read_rules(value, path, timeout, sink)
        options = self._options(path, where, value, kind)
        return Component(name=name, kind=kind.name, endpoint=endpoint, options=options, retry=retry, timeout=timeout, **rest)

    def _kind(self, path: str, where: tuple[int, int], value: Value) -> Kind | None:
        node = _mapping(value).get("kind")
        if node is None:
            self._sink.add(where, path, "The component has no kind.", f"Add 'kind': one of {', '.join(sorted(KINDS))}.")
            return None
        kind = KINDS.get(node.data) if isinstance(node.data, str) else None
        if kind is None:
            self._sink.add(node, f"{path}.kind", f"There is no kind {node.called}.", meant(str(node.data), KINDS))
        return kind

    def _endpoint(self, path: str, where: tuple[int, int], value: Value, kind: Kind) -> str | None:
        node = _mapping(value).get("endpoint")
        if not kind.needs_endpoint:
            if node is not None:
                hint = f"Remove it: a component of kind {kind.name} names what it works on by its options."
                self._sink.add(value.at("endpoint"), f"{path}.endpoint", f"A {kind.name} component has no endpoint.", hint)
            return None
        if node is None or not isinstance(node.data, str) or not node.data:
            at = where if node is None else (node.line, node.column)
            self._sink.add(
                at,
                f"{path}.endpoint",
                "The component names no endpoint.",
                f"Add 'endpoint: <name of a {kind.name} endpoint>'.{self._known(kind)}",
            )
            return None
        if not re.fullmatch(r"[a-z0-9](?:[a-z0-9._-]{0,98}[a-z0-9])?", node.data):
            self._sink.add(
                node,
                f"{path}.endpoint",
                f"{node.called} is not the name of an endpoint.",
                "Names have lower case letters, digits and . _ -.",
            )
            return None
        if self._endpoints is None:
            return node.data
        known = self._endpoints.get(node.data)
        if known is None:
            hint = meant(node.data, [name for name, of in self._endpoints.items() if of == kind.name], otherwise="")
            text = (
                f"{hint} Or create it under Endpoints.".strip() if hint else f"Create a {kind.name} endpoint of this name under Endpoints."
            )
            self._sink.add(node, f"{path}.endpoint", f"There is no endpoint '{node.data[:60]}'.", text)
        elif known != kind.name:
            message = f"The endpoint '{node.data}' is of kind {known}, and the component of kind {kind.name}."
            self._sink.add(
                node, f"{path}.endpoint", message, f"Name a {kind.name} endpoint, or change the kind to {known}.{self._known(kind)}"
            )
        return node.data

    def _known(self, kind: Kind) -> str:
        names = sorted(name for name, of in (self._endpoints or {}).items() if of == kind.name)
        return f" There is: {', '.join(names[:10])}." if names else ""

    def _attempt_timeout(self, path: str, value: Value) -> float | None:
        node = _mapping(value).get("attempt_timeout")
        return None if node is None or node.data is None else positive(node, f"{path}.attempt_timeout", self._sink)

    def _options(self, path: str, where: tuple[int, int], value: Value, kind: Kind) -> dict[str, Any]:
        given = {key: node for key, node in _mapping(value).items() if key not in OWN_KEYS}
        plain = {key: node.plain() for key, node in given.items()}
        for key, node in given.items():
            if (kind.name, key) in DURATION_OPTIONS and node.data is not None:
                try:
                    parse_duration(node.plain())
                except WrongDuration as wrong:
                    self._sink.add(node, f"{path}.{key}", str(wrong), wrong.hint)
                    plain.pop(key)
        if kind.name == "airflow":
            note_unknown_states(given.get("states"), f"{path}.states", self._sink)
        try:
            note_expressions(kind, kind.component.model_validate(plain), value, path, self._sink)
        except ValidationError as wrong:
            for error in wrong.errors(include_url=False):
                self._option_problem(path, where, value, kind, dict(error))
        return plain

    def _option_problem(self, path: str, where: tuple[int, int], value: Value, kind: Kind, error: dict[str, Any]) -> None:
        if not error["loc"]:
            message = str(error["msg"]).removeprefix("Value error, ")
            self._sink.add(
                where, path, f"{message[0].upper()}{message[1:]}.", f"These options are known: {', '.join(kind.component.model_fields)}."
            )
            return
        key = str(error["loc"][0])
        fields = kind.component.model_fields
        node = _mapping(value).get(key)
        if error["type"] == "extra_forbidden":
            hint = meant(key, [*fields, *OWN_KEYS])
            if key == "timeout":
                hint = "For a limit of the whole attempt write 'attempt_timeout'."
            self._sink.add(value.at(key), f"{path}.{key}", f"'{key[:60]}' is not known for kind {kind.name}.", hint)
        elif error["type"] == "missing":
            self._sink.add(where, f"{path}.{key}", f"A {kind.name} component needs '{key}'.", fields[key].description or "")
        else:
            at = (node.line, node.column) if node is not None else where
            shown = node.called if node is not None else ""
            self._sink.add(at, f"{path}.{key}", f"{shown} is wrong for '{key}': {_plain_words(error)}.", _expected(fields.get(key), error))


def _plain_words(error: dict[str, Any]) -> str:
    text = str(error["msg"]).removeprefix("Value error, ")
    return text[0].lower() + text[1:] if text else "not valid"


def _expected(field: FieldInfo | None, error: dict[str, Any]) -> str:
    if error["type"] == "string_type":
        return "Put quotes around it."
    if error["type"] in ("timezone_aware", "datetime_from_date_parsing", "datetime_parsing"):
        return "Write a time with its offset, e.g. 2026-11-22T18:00:00Z."
    if field is None:
        return ""
    choices = [str(value) for value in get_args(field.annotation) if isinstance(value, str)]
    return f"One of: {', '.join(choices)}." if choices else (field.description or "")


def _mapping(value: Value) -> dict[str, Value]:
    return value.data if isinstance(value.data, dict) else {}
