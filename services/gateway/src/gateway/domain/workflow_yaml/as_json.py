"""A workflow that comes as JSON: what of it would get lost unseen, and its problems with the places of the JSON."""

import math
import re
from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from gateway.domain.nearest import meant
from gateway.domain.problems import FieldProblem, Invalid, Problem
from gateway.domain.workflow_changes import compare_definitions
from gateway.domain.workflow_yaml.components import OWN_KEYS
from shared.contracts.kinds import KINDS
from shared.contracts.workflows import Component, Connection, WorkflowDefinition

ROOT = "definition"
"""The field of the request that holds the workflow."""
_MOST = 20
_SPOKEN = {(Connection, "from"): "source", (Connection, "to"): "target", (Component, "attempt_timeout"): "timeout"}
"""What a key of the YAML is called in the JSON."""
_WRITTEN = {("components", "attempt_timeout"): "timeout", ("connections", "from"): "source", ("connections", "to"): "target"}
_INDEX = re.compile(r"\[(\d+)\]")
_FIRST = re.compile(r", first in line \d+")


def refuse_unknown(given: Any) -> Any:
    """Return what is given; raise Invalid with each key that a definition does not have: a reader of contracts passes it over."""
    problems = [problem for problem, _ in zip(_unknown(given, WorkflowDefinition, ROOT), range(_MOST), strict=False)]
    if problems:
        raise Invalid(*problems)
    return given


def refuse_hidden(definition: WorkflowDefinition) -> None:
    """Raise Invalid for what the YAML has one place for, and the JSON two: of both only one would stay."""
    problems, seen = [], set()
    for index, component in enumerate(definition.components):
        path = f"{ROOT}.components.{index}"
        if component.name in seen:
            problems.append(
                FieldProblem(f"{path}.name", f"There is a component '{component.name}' already.", "Rename or remove one of them.")
            )
        seen.add(component.name)
        problems += [
            FieldProblem(f"{path}.options.{key}", f"'{key}' is no option of a kind.", "Write it beside 'options', not in them.")
            for key in component.options
            if key in OWN_KEYS
        ]
    if problems:
        raise Invalid(*problems[:_MOST])


def in_json(problems: tuple[Problem, ...], definition: WorkflowDefinition) -> tuple[Problem, ...]:
    """Return problems of the YAML that was written of a definition, each with its path in the JSON and without a line."""
    places = {component.name: index for index, component in enumerate(definition.components)}
    return tuple(Problem(0, 0, _path(item.path, places), _FIRST.sub("", item.message), item.hint) for item in problems)


def lost(given: WorkflowDefinition, read: WorkflowDefinition) -> tuple[Problem, ...]:
    """Return what the YAML of a definition says otherwise than the definition; nothing, as long as YAML can say it."""
    wanted, found = given.model_dump(mode="json"), read.model_dump(mode="json")
    if _alike(wanted, found):
        return ()
    changes = compare_definitions(wanted, found)
    said = changes[0].sentence if changes else ""
    return (
        Problem(0, 0, "", f"YAML can't say this as it is. {said}".strip(), "Write it in another way; durations have at most microseconds."),
    )


def _alike(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same; numbers may differ by what floating point makes of them."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_alike(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_alike, one, other))
    return one == other or (isinstance(one, float) and isinstance(other, float) and math.isclose(one, other, rel_tol=1e-12))


def _unknown(value: Any, shape: Any, path: str) -> Iterator[FieldProblem]:
    if isinstance(value, list):
        inner = next((get_args(one)[0] for one in _choices(shape) if get_origin(one) is tuple), None)
        for index, item in enumerate(value if inner is not None else ()):
            yield from _unknown(item, inner, f"{path}.{index}")
    elif isinstance(value, Mapping):
        model = _model(shape, value)
        for key, below in value.items() if model is not None else ():
            field = model.model_fields.get(key) if model is not None else None
            if field is None:
                yield FieldProblem(f"{path}.{key[:60]}", f"'{key[:60]}' is not known here.", _hint(model, key, value))
            else:
                yield from _unknown(below, field.annotation, f"{path}.{key}")


def _hint(model: Any, key: str, value: Mapping[str, Any]) -> str:
    if (model, key) in _SPOKEN:
        return f"Did you mean '{_SPOKEN[model, key]}'?"
    kind = value.get("kind")
    if model is Component and isinstance(kind, str) and kind in KINDS and key in KINDS[kind].component.model_fields:
        return f"It is an option of kind {kind}: write it in 'options'."
    return meant(key, model.model_fields)


def _choices(shape: Any) -> list[Any]:
    """Return the shapes that a field may have, without what is said about them."""
    origin = get_origin(shape)
    if origin is Annotated:
        return _choices(get_args(shape)[0])
    if origin in (Union, UnionType):
        return [choice for one in get_args(shape) for choice in _choices(one)]
    return [shape]


def _model(shape: Any, value: Mapping[str, Any]) -> type[BaseModel] | None:
    """Return the model that a mapping is meant as: of several the one whose kind or strategy it names. None: its keys are free."""
    models = [one for one in _choices(shape) if isinstance(one, type) and issubclass(one, BaseModel)]
    if len(models) < 2:
        return models[0] if models else None
    named = (value.get("kind"), value.get("strategy"))
    return next(
        (one for one in models for key in ("kind", "strategy") if key in one.model_fields and one.model_fields[key].default in named), None
    )


def _path(path: str, places: Mapping[str, int]) -> str:
    top, _, below = _INDEX.sub(r".\1", path).partition(".")
    if top == "components":
        names = [name for name in places if below == name or below.startswith(f"{name}.")]
        if names:
            name = max(names, key=len)
            rest = below[len(name) + 1 :]
            key = rest.partition(".")[0]
            below = f"{places[name]}.{rest}" if not rest or key in OWN_KEYS else f"{places[name]}.options.{rest}"
    parts = [ROOT, top, *below.split(".")]
    if len(parts) > 3:
        parts[3] = _WRITTEN.get((top, parts[3]), parts[3])
    return ".".join(part for part in parts if part)
