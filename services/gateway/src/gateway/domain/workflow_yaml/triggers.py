"""The triggers of a workflow: ``{kind: schedule, cron: 0 6 * * 1-5, time_zone: Europe/Berlin}``."""

import re
from collections.abc import Collection, Mapping
from typing import Any

from pydantic import ValidationError

from gateway.domain.nearest import meant
from gateway.domain.workflow_yaml.document import Value
from gateway.domain.workflow_yaml.expressions import read_expression
from gateway.domain.workflow_yaml.sink import Sink
from gateway.domain.workflow_yaml.states import note_unknown_states
from gateway.domain.workflow_yaml.trigger_inputs import note_wrong_inputs
from shared.contracts.workflows import DagTrigger, EventTrigger, KafkaTrigger, ScheduleTrigger, Trigger
from shared.runtime import cron
from shared.runtime.expressions import Use

KINDS: dict[str, type[EventTrigger | KafkaTrigger | ScheduleTrigger | DagTrigger]] = {
    "event": EventTrigger,
    "kafka": KafkaTrigger,
    "schedule": ScheduleTrigger,
    "dag": DagTrigger,
}
EXAMPLES = {
    "event": "{kind: event}",
    "kafka": "{kind: kafka, endpoint: prod-kafka, topic: orders, filter: value.total > 10, map: {order: value.id}}",
    "schedule": "{kind: schedule, cron: 0 6 * * 1-5, time_zone: Europe/Berlin}",
    "dag": "{kind: dag, cluster: prod, dag_id: daily_orders, states: [success]}",
}
MOST = 50
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,99}")
_INPUT = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_MAPPINGS = {"kafka": Use.MESSAGE_MAPPING, "dag": Use.DAG_RUN_MAPPING}


def read_triggers(
    tree: Value,
    endpoints: Mapping[str, str] | None,
    clusters: Collection[str] | None,
    sink: Sink,
    inputs: Mapping[str, Any] | None = None,
) -> tuple[Trigger, ...]:
    """Return the triggers. ``endpoints``: name → kind of all that exist, ``clusters``: their names; None = they are not checked.

    ``inputs``: the schemas that the workflow declares; nothing = whatever comes is taken.
    """
    value = (tree.data if isinstance(tree.data, dict) else {}).get("triggers")
    if value is None or value.data is None:
        return ()
    if not isinstance(value.data, list):
        sink.add(value, "triggers", f"Triggers are a list, and this is {value.called}.", f"Write 'triggers: [{EXAMPLES['event']}]'.")
        return ()
    if len(value.data) > MOST:
        sink.add(value, "triggers", f"There are {len(value.data)} triggers.", f"At most {MOST} are taken: split the workflow.")
        return ()
    reader = _Reader(endpoints, clusters, sink, inputs or {})
    found = [reader.read(item, f"triggers[{index}]") for index, item in enumerate(value.data)]
    return tuple(trigger for trigger in found if trigger is not None)


def plain(trigger: Trigger, before: object = None) -> dict[str, Any]:
    """Return a trigger as it is written. Defaults are left out, unless they stand in ``before``, the mapping that it replaces."""
    stood = set(before) if isinstance(before, Mapping) else set()
    whole = trigger.model_dump(mode="json")
    other = trigger.model_dump(mode="json", exclude_defaults=True)
    if other.get("name") == trigger.kind:
        del other["name"]
    order = sorted(whole, key=lambda key: (key != "kind", key != "name", key == "inputs"))
    return {key: whole[key] for key in order if key == "kind" or key in other or key in stood}


class _Reader:
    def __init__(
        self, endpoints: Mapping[str, str] | None, clusters: Collection[str] | None, sink: Sink, inputs: Mapping[str, Any]
    ) -> None:
        self._endpoints = endpoints
        self._clusters = clusters
        self._sink = sink
        self._inputs_declared = inputs
        self._names: dict[str, int] = {}

    def read(self, item: Value, path: str) -> Trigger | None:
        sink = self._sink
        if not isinstance(item.data, dict) or "kind" not in item.data:
            sink.add(
                item, path, f"A trigger is a mapping with its kind, and this is {item.called}.", f"Write e.g. '{EXAMPLES['schedule']}'."
            )
            return None
        kind = item.data["kind"]
        model = KINDS.get(kind.data) if isinstance(kind.data, str) else None
        if model is None or not isinstance(kind.data, str):
            sink.add(kind, f"{path}.kind", f"There is no trigger of kind {kind.called}.", meant(str(kind.data), KINDS))
            return None
        before = len(sink.problems)
        given = self._given(kind.data, model, item, path)
        self._name(kind.data, item, path)
        self._check(kind.data, given, path)
        if model is not EventTrigger:
            note_wrong_inputs(item, {"kind": kind, **given}, self._inputs_declared, path, sink)
        if len(sink.problems) > before:
            return None
        values = {key: node.plain() for key, node in given.items()}
        if model is not EventTrigger:
            values = {"name": kind.data, **values}
        try:
            return model.model_validate(values)
        except ValidationError as wrong:
            for error in wrong.errors(include_url=False):
                self._note(dict(error), kind.data, item, path)
            return None

    def _given(self, kind: str, model: Any, item: Value, path: str) -> dict[str, Value]:
        """Return what is written, without keys that this kind does not have."""
        known = [key for key in model.model_fields if key != "kind"]
        given: dict[str, Value] = {}
        for key, node in (item.data if isinstance(item.data, dict) else {}).items():
            if key == "kind" or node.data is None:
                continue
            if key in known:
                given[key] = node
            elif known:
                hint = meant(key, known)
                self._sink.add(item.at(key), f"{path}.{key}", f"'{key[:60]}' is not known for a {kind} trigger.", hint)
            else:
                self._sink.add(
                    item.at(key), f"{path}.{key}", f"'{key[:60]}' is not known for a trigger.", f"A trigger of kind {kind} has no options."
                )
        return given

    def _name(self, kind: str, item: Value, path: str) -> None:
        node = item.data.get("name") if isinstance(item.data, dict) else None
        name = kind if node is None or node.data is None or kind == "event" else node.data
        where = item if node is None else node
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            self._sink.add(
                where,
                f"{path}.name",
                f"{where.called} is not a name for a trigger.",
                "Begin with a letter; then letters, digits and . _ -.",
            )
        elif name in self._names:
            hint = "Remove one of them." if kind == "event" else "Give each a 'name' of its own."
            below = path if kind == "event" else f"{path}.name"
            self._sink.add(where, below, f"The trigger '{name}' stands here twice, first in line {self._names[name]}.", hint)
        else:
            self._names[name] = item.line

    def _check(self, kind: str, given: Mapping[str, Value], path: str) -> None:
        if kind == "kafka":
            self._endpoint(given.get("endpoint"), path)
            self._expression(given.get("filter"), Use.MESSAGE_FILTER, f"{path}.filter")
        elif kind == "schedule":
            self._schedule(given, path)
        elif kind == "dag" and self._clusters is not None:
            node = given.get("cluster")
            if node is not None and (not isinstance(node.data, str) or node.data not in self._clusters):
                hint = meant(str(node.data), self._clusters, otherwise="Register it under Clusters first.")
                self._sink.add(node, f"{path}.cluster", f"There is no cluster {node.called}.", hint)
        if kind == "dag":
            note_unknown_states(given.get("states"), f"{path}.states", self._sink)
        if "inputs" in given:
            self._inputs(given["inputs"], f"{path}.inputs")
        if "map" in given:
            self._map(given["map"], _MAPPINGS[kind], f"{path}.map")

    def _endpoint(self, node: Value | None, path: str) -> None:
        if node is None or self._endpoints is None:
            return
        known = self._endpoints.get(node.data) if isinstance(node.data, str) else None
        if known is None:
            names = [name for name, of in self._endpoints.items() if of == "kafka"]
            hint = meant(str(node.data), names, otherwise="Create a kafka endpoint of this name under Endpoints.")
            self._sink.add(node, f"{path}.endpoint", f"There is no endpoint {node.called}.", hint)
        elif known != "kafka":
            message = f"The endpoint '{node.data}' is of kind {known}, and the trigger listens to Kafka."
            self._sink.add(node, f"{path}.endpoint", message, "Name a kafka endpoint.")

    def _schedule(self, given: Mapping[str, Value], path: str) -> None:
        node = given.get("cron")
        if node is not None:
            try:
                cron.check(str(node.data) if not isinstance(node.data, dict | list) else "")
            except cron.WrongCron as wrong:
                self._sink.add(node, f"{path}.cron", wrong.message, wrong.hint)
        zone = given.get("time_zone")
        if zone is not None and (not isinstance(zone.data, str) or zone.data not in cron.time_zones()):
            hint = meant(str(zone.data), [name for name in cron.time_zones() if "/" in name or name == "UTC"])
            self._sink.add(zone, f"{path}.time_zone", f"There is no time zone {zone.called}.", hint)

    def _inputs(self, node: Value, path: str) -> None:
        if not isinstance(node.data, dict):
            self._sink.add(node, path, f"Inputs are a mapping, and this is {node.called}.", "Write e.g. '{source: nightly}'.")
            return
        self._input_names(node, path)

    def _map(self, node: Value, use: Use, path: str) -> None:
        if not isinstance(node.data, dict):
            hint = f"Write input: expression; there are the variables {', '.join(use.variables)}."
            self._sink.add(node, path, f"A map is a mapping, and this is {node.called}.", hint)
            return
        self._input_names(node, path)
        for name, expression in node.data.items():
            self._expression(expression, use, f"{path}.{name}")

    def _input_names(self, node: Value, path: str) -> None:
        for name in node.data if isinstance(node.data, dict) else ():
            if not _INPUT.fullmatch(name):
                hint = "Begin with a letter or _; then letters, digits and _."
                self._sink.add(node.at(name), f"{path}.{name[:60]}", f"'{name[:60]}' is not a name for an input.", hint)

    def _expression(self, node: Value | None, use: Use, path: str) -> None:
        if node is not None:
            example = f"Write CEL in quotes; there are the variables {', '.join(use.variables)}."
            read_expression(node, path, use, self._sink, example=example)

    def _note(self, error: dict[str, Any], kind: str, item: Value, path: str) -> None:
        key = str(error["loc"][0]) if error["loc"] else ""
        example = f"Write e.g. '{EXAMPLES[kind]}'."
        if error["type"] == "missing":
            self._sink.add(item, f"{path}.{key}", f"A {kind} trigger needs '{key}'.", example)
            return
        at = item.data.get(key, item) if isinstance(item.data, dict) else item
        self._sink.add(at, f"{path}.{key}", f"{at.called} is wrong for '{key}': {error['msg'][0].lower()}{error['msg'][1:]}.", example)
