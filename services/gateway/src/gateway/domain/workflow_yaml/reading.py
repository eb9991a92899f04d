"""From YAML to a checked WorkflowDefinition, or to everything that is wrong with it and where."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from gateway.domain.nearest import meant
from gateway.domain.problems import Problem
from gateway.domain.workflow_yaml import limits
from gateway.domain.workflow_yaml.components import ComponentReader, Sink
from gateway.domain.workflow_yaml.connections import read_connections
from gateway.domain.workflow_yaml.document import MAX_YAML_BYTES, Value, load
from gateway.domain.workflow_yaml.inputs import read_inputs
from gateway.domain.workflow_yaml.option_expressions import note_unknown_names
from gateway.domain.workflow_yaml.shape import check_shape
from gateway.domain.workflow_yaml.triggers import read_triggers
from shared.contracts.kinds import end_of
from shared.contracts.workflows import Component, Connection, WorkflowDefinition

__all__ = ["MAX_YAML_BYTES", "Reading", "read"]

TOP = ("workflow", "description", "inputs", *limits.KEYS, "components", "connections", "triggers")
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,98}[a-z0-9])?")
MAX_COMPONENTS, MAX_CONNECTIONS = 500, 2000


@dataclass(frozen=True)
class Reading:
    """What a text says. ``components`` and ``connections`` are as far as it can be read, for drawing while typing."""

    definition: WorkflowDefinition | None
    problems: tuple[Problem, ...]
    components: tuple[Component, ...] = ()
    connections: tuple[Connection, ...] = ()


def read(text: str, endpoints: Mapping[str, str] | None = None, clusters: Collection[str] | None = None) -> Reading:
    """Read a workflow. ``endpoints``: name → kind of all that exist, ``clusters``: their names; None = they are not checked."""
    tree, problems = load(text)
    if tree is None:
        return Reading(None, tuple(problems))
    sink = Sink(problems)
    if not isinstance(tree.data, dict):
        sink.add(tree, "", f"A workflow is a mapping, and this is {tree.called}.", "Begin with 'workflow: <name>' and 'components:'.")
        return Reading(None, tuple(sink.problems))
    for key in tree.data:
        if key not in TOP:
            sink.add(tree.at(key), key, f"'{key}' is not known here.", meant(key, TOP))
    name = _name(tree, sink)
    description = _description(tree, sink)
    before = len(sink.problems)
    inputs = read_inputs(tree, sink)
    sound = len(sink.problems) == before
    rest = limits.read_limits(tree, inputs, sink)
    components = _components(tree, endpoints, sink)
    kinds = {component.name: end_of(component.kind, component.options) for component in components}
    before = len(sink.problems)
    connections = read_connections(tree, kinds, sink, inputs)
    joined = connections if len(sink.problems) == before else None
    placed = _mapping(_mapping(tree).get("components", tree))
    note_unknown_names(placed, components, joined, inputs if sound else (), sink)
    check_shape(tree, components, connections, sink)
    triggers = read_triggers(tree, endpoints, clusters, sink, inputs if sound else None)
    found = tuple(sorted(set(sink.problems), key=lambda problem: (problem.line, problem.column, problem.path, problem.message)))
    if found:
        return Reading(None, found, components, connections)
    try:
        definition = WorkflowDefinition(
            workflow=name, description=description, inputs=inputs, components=components, connections=connections, triggers=triggers, **rest
        )
    except ValidationError as wrong:
        first = wrong.errors()[0]
        path = ".".join(str(part) for part in first["loc"])
        return Reading(None, (Problem(tree.line, tree.column, path, f"{first['msg']}."),), components, connections)
    return Reading(definition, (), components, connections)


def _name(tree: Value, sink: Sink) -> str:
    value = _mapping(tree).get("workflow")
    if value is None:
        sink.add(tree, "workflow", "The workflow has no name.", "Add 'workflow: <name>' as the first line.")
        return ""
    if not isinstance(value.data, str) or not _NAME.fullmatch(value.data):
        hint = "Use lower case letters, digits and . _ - (at most 100), e.g. order-processing."
        sink.add(value, "workflow", f"{value.called} is not a name for a workflow.", hint)
        return ""
    return value.data


def _description(tree: Value, sink: Sink) -> str:
    value = _mapping(tree).get("description")
    if value is None or value.data is None:
        return ""
    if isinstance(value.data, dict | list):
        sink.add(value, "description", f"The description is {value.called}.", "Write a sentence; in quotes when it holds ': '.")
        return ""
    text = str(value.data)
    if len(text) > 4000:
        sink.add(value, "description", f"The description has {len(text):,} characters.", "At most 4,000 are taken.")
    return text


def _components(tree: Value, endpoints: Mapping[str, str] | None, sink: Sink) -> tuple[Component, ...]:
    value = _mapping(tree).get("components")
    if value is None or not isinstance(value.data, dict) or not value.data:
        where = tree if value is None else value
        hint = "Add them as 'components:' with a line for each, e.g. 'OrderTopic: {kind: kafka, endpoint: prod-kafka, topic: orders}'."
        sink.add(where, "components", "The workflow has no components.", hint)
        return ()
    if len(value.data) > MAX_COMPONENTS:
        sink.add(
            value, "components", f"There are {len(value.data):,} components.", f"At most {MAX_COMPONENTS} are taken: split the workflow."
        )
        return ()
    reader = ComponentReader(endpoints, sink)
    read_ones = (reader.read(name, value.at(name), item) for name, item in value.data.items())
    return tuple(component for component in read_ones if component is not None)


def _mapping(tree: Value) -> dict[str, Value]:
    return tree.data if isinstance(tree.data, dict) else {}
