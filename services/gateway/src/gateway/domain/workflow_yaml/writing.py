"""From a WorkflowDefinition to YAML. What was written before keeps its comments and its order where it still holds."""

from io import StringIO
from itertools import zip_longest
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from gateway.domain.durations import format_duration
from gateway.domain.workflow_yaml.document import load
from gateway.domain.workflow_yaml.retries import DURATIONS
from gateway.domain.workflow_yaml.triggers import plain as plain_trigger
from shared.contracts.kinds import end_of, join_between
from shared.contracts.workflows import Component, WorkflowDefinition


def write(definition: WorkflowDefinition, before: str = "") -> str:
    """Return the YAML of a definition. ``before``: what it is merged into, so that comments and order stay."""
    yaml = _yaml()
    target: Any = None
    if before:
        tree, problems = load(before)
        if tree is not None and not problems and isinstance(tree.data, dict):
            target = yaml.load(before)
    if target is None:
        target = CommentedMap()
    _merge(target, _plain(definition, target.get("triggers")))
    for flow in _one_liners(target):
        flow.fa.set_flow_style()
    out = StringIO()
    yaml.dump(target, out)
    return out.getvalue()


def _yaml() -> YAML:
    yaml = YAML(typ="rt", pure=True)
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.preserve_quotes = True
    return yaml


def _plain(definition: WorkflowDefinition, triggers: Any) -> dict[str, Any]:
    kinds = {component.name: end_of(component.kind, component.options) for component in definition.components}
    document: dict[str, Any] = {"workflow": definition.workflow}
    if definition.description:
        document["description"] = definition.description
    document["components"] = {component.name: _component(component) for component in definition.components}
    if definition.connections:
        document["connections"] = [
            {"from": edge.source, "to": edge.target, "kind": edge.kind}
            if edge.source in kinds and edge.target in kinds and join_between(kinds[edge.source], kinds[edge.target]) is not None
            else {"from": edge.source, "to": edge.target}
            for edge in definition.connections
        ]
    if definition.triggers:
        document["triggers"] = [
            plain_trigger(trigger, before)
            for trigger, before in zip_longest(definition.triggers, triggers if isinstance(triggers, list) else ())
            if trigger is not None
        ]
    return document


def _component(component: Component) -> dict[str, Any]:
    plain: dict[str, Any] = {"kind": component.kind}
    if component.endpoint:
        plain["endpoint"] = component.endpoint
    plain.update(component.options)
    if component.retry is not None:
        retry = component.retry.model_dump(exclude_unset=True)
        retry = {"strategy": component.retry.strategy, **retry}
        for key in DURATIONS:
            if key in retry:
                retry[key] = format_duration(retry[key])
        if "waits" in retry:
            retry["waits"] = [format_duration(wait) for wait in retry["waits"]]
        plain["retry"] = retry
    if component.timeout is not None:
        plain["attempt_timeout"] = format_duration(component.timeout)
    return plain


def _merge(target: Any, wanted: dict[str, Any]) -> None:
    """Make a mapping say what is wanted, touching only what differs."""
    for key in [key for key in target if key not in wanted]:
        del target[key]
    for key, value in wanted.items():
        old = target.get(key)
        if isinstance(value, dict) and isinstance(old, CommentedMap):
            _merge(old, value)
        elif isinstance(value, list) and isinstance(old, CommentedSeq):
            _merge_list(old, value)
        elif key not in target or not _same(old, value):
            target[key] = _new(value)


def _merge_list(target: CommentedSeq, wanted: list[Any]) -> None:
    for index, value in enumerate(wanted):
        if index >= len(target):
            target.append(_new(value))
        elif isinstance(value, dict) and isinstance(target[index], CommentedMap):
            kept = {name: item for name, item in value.items() if name in target[index] or name != "kind" or "from" not in value}
            _merge(target[index], kept)
        elif not _same(target[index], value):
            target[index] = _new(value)
    while len(target) > len(wanted):
        del target[-1]


def _same(old: Any, new: Any) -> bool:
    return type(new) is not bool and not isinstance(old, bool) and old == new if type(new) is not bool else old is new


def _new(value: Any) -> Any:
    if isinstance(value, dict):
        return CommentedMap((key, _new(item)) for key, item in value.items())
    if isinstance(value, list):
        return CommentedSeq([_new(item) for item in value])
    if isinstance(value, str) and _reads_otherwise(value):
        return DoubleQuotedScalarString(value)
    return value


def _reads_otherwise(text: str) -> bool:
    """Whether the plain text would be read back as something else than this text."""
    if text == "" or text != text.strip():
        return True
    tree, problems = load(f"x: {text}\n") if len(text) < 200 and "\n" not in text else (None, [])
    return bool(problems) or tree is None or not isinstance(tree.data, dict) or tree.data["x"].data != text if "\n" not in text else True


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
