"""From a WorkflowDefinition to YAML. What was written before keeps its comments and its order where it still holds."""

from collections.abc import Mapping
from io import StringIO
from itertools import zip_longest
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from gateway.domain.durations import format_duration
from gateway.domain.problems import InvalidDocument, Problem
from gateway.domain.workflow_yaml.document import MAX_NODES, MAX_YAML_BYTES, SPLIT, load
from gateway.domain.workflow_yaml.inputs import shortened
from gateway.domain.workflow_yaml.merging import merge, without_removed
from gateway.domain.workflow_yaml.reading import read
from gateway.domain.workflow_yaml.retries import DURATIONS
from gateway.domain.workflow_yaml.splicing import spliced
from gateway.domain.workflow_yaml.triggers import plain as plain_trigger
from shared.contracts.kinds import end_of, join_between
from shared.contracts.workflows import Component, Connection, CustomRetry, ExponentialRetry, FixedRetry, WorkflowDefinition

_QUIET = ("jitter",)
"""Defaults that nobody needs to read in a new text."""


def write(definition: WorkflowDefinition, before: str = "") -> str:
    """Return the YAML of a definition. ``before``: what it is merged into, so that comments and order stay.

    A text that says this definition already is returned to the letter. Raises InvalidDocument for what is far too large for a text.
    """
    _check_size(definition)
    if before and read(before).definition == definition:
        return before
    yaml = _yaml()
    target: Any = CommentedMap()
    tree, problems = load(before) if before else (None, [])
    if tree is not None and not problems and isinstance(tree.data, dict):
        wanted = _plain(definition, tree.plain())
        target = yaml.load(without_removed(before, tree, wanted))
    else:
        wanted = _plain(definition, {})
    merge(target, wanted)
    for flow in _one_liners(target):
        flow.fa.set_flow_style()
    out = StringIO()
    yaml.dump(target, out)
    return spliced(before, out.getvalue()) if before else out.getvalue()


def _check_size(definition: WorkflowDefinition) -> None:
    """Refuse before anything is written what no text can hold. A text is seldom longer than the JSON, and never half as long."""
    size = len(definition.model_dump_json(exclude_defaults=True))
    if size > 2 * MAX_YAML_BYTES:
        message = f"The definition has {size / 1024:,.0f} KB as JSON; at most {MAX_YAML_BYTES // 1024} KB of YAML are taken."
        raise InvalidDocument((Problem(0, 0, "", message, "Split the workflow, or keep data out of its definition."),))
    level: list[Any] = [definition.model_dump(exclude_defaults=True)]
    values = 0
    while level and values <= MAX_NODES:
        values += len(level)
        level = [
            item
            for value in level
            if isinstance(value, dict | list | tuple)
            for item in (value.values() if isinstance(value, dict) else value)
        ]
    if values > MAX_NODES:
        raise InvalidDocument((Problem(0, 0, "", f"There are more than {MAX_NODES:,} values.", SPLIT),))


def _yaml() -> YAML:
    yaml = YAML(typ="rt", pure=True)
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.preserve_quotes = True
    return yaml


def _plain(definition: WorkflowDefinition, before: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document. What says no more than a default says is written only where it was written ``before``."""
    kinds = {component.name: end_of(component.kind, component.options) for component in definition.components}
    document: dict[str, Any] = {"workflow": definition.workflow}
    if definition.description:
        document["description"] = definition.description
    if definition.inputs:
        long = {name for name, schema in _below(before, "inputs").items() if isinstance(schema, Mapping)}
        document["inputs"] = {name: schema if name in long else shortened(schema) or schema for name, schema in definition.inputs.items()}
    document.update(_limits(definition, before))
    document["components"] = {
        component.name: _component(component, _below(_below(before, "components"), component.name)) for component in definition.components
    }
    if definition.connections:
        document["connections"] = [_connection(edge, kinds) for edge in definition.connections]
    if definition.triggers:
        written = before.get("triggers")
        document["triggers"] = [
            plain_trigger(trigger, stood)
            for trigger, stood in zip_longest(definition.triggers, written if isinstance(written, list) else ())
            if trigger is not None
        ]
    return document


def _limits(definition: WorkflowDefinition, before: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if definition.business_key is not None:
        found["business_key"] = definition.business_key
    if definition.timeout is not None:
        found["timeout"] = format_duration(definition.timeout)
    if definition.concurrency is not None:
        found["concurrency"] = definition.concurrency
    if definition.priority != WorkflowDefinition.model_fields["priority"].default or "priority" in before:
        found["priority"] = definition.priority
    return found


def _connection(edge: Connection, kinds: Mapping[str, str]) -> dict[str, Any]:
    plain = {"from": edge.source, "to": edge.target}
    if edge.source in kinds and edge.target in kinds and join_between(kinds[edge.source], kinds[edge.target]) is not None:
        plain["kind"] = edge.kind
    if edge.when is not None:
        plain["when"] = edge.when
    return plain


def _component(component: Component, before: Mapping[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = {"kind": component.kind}
    if component.endpoint:
        plain["endpoint"] = component.endpoint
    plain.update(component.options)
    if component.retry is not None:
        plain["retry"] = _retry(component.retry, _below(before, "retry"))
    if component.timeout is not None:
        plain["attempt_timeout"] = format_duration(component.timeout)
    if component.deadline is not None:
        plain["deadline"] = format_duration(component.deadline)
    errors = {name: list(codes) for name, codes in component.errors if codes}
    if errors:
        plain["errors"] = errors
    if component.join != "all" or "join" in before:
        plain["join"] = component.join
    if component.compensates is not None:
        plain["compensates"] = component.compensates
    return plain


def _retry(retry: FixedRetry | ExponentialRetry | CustomRetry, before: Mapping[str, Any]) -> dict[str, Any]:
    """Return a strategy. A value that is the default stands only where it stood, or where nothing stood and somebody set it."""
    same = before.get("strategy") == retry.strategy
    plain: dict[str, Any] = {"strategy": retry.strategy}
    for name, value in retry.model_dump(exclude_unset=True).items():
        default = type(retry).model_fields[name].default
        if value is None or value == () or (value == default and name not in before and (same or name in _QUIET)):
            continue
        plain[name] = _spoken(name, value)
    return plain


def _spoken(name: str, value: Any) -> Any:
    if name in DURATIONS:
        return format_duration(value)
    return [format_duration(wait) for wait in value] if name == "waits" else value


def _below(parent: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = parent.get(key)
    return found if isinstance(found, Mapping) else {}


def _one_liners(document: Any) -> list[Any]:
    """Return what is written on one line: new components and connections, as in the documentation."""
    components = document.get("components")
    found = (
        [item for item in components.values() if isinstance(item, CommentedMap) and not item.ca.items]
        if isinstance(components, CommentedMap)
        else []
    )
    for key in ("connections", "triggers"):
        found += [item for item in document.get(key) or () if isinstance(item, CommentedMap) and not item.ca.items]
    return [item for item in found if item.fa.flow_style() is None]
