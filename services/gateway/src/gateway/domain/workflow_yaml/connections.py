"""The connections of a workflow: both ends exist, their kinds can be joined, none stands twice, no cycle."""

from collections.abc import Iterable, Mapping

from gateway.domain.nearest import meant
from gateway.domain.workflow_yaml.document import Value
from gateway.domain.workflow_yaml.expressions import looks_at_nothing, note_unknown_inputs, read_expression
from gateway.domain.workflow_yaml.graph import could_join, find_cycle
from gateway.domain.workflow_yaml.sink import Sink
from shared.contracts.kinds import JOINS, join_between
from shared.contracts.workflows import Connection
from shared.runtime.expressions import Use

KEYS = ("from", "to", "kind", "when")
_EXAMPLE = "Write '- {from: OrderTopic, to: OrderQueue}'."
_WHEN = "Write e.g. 'when: output.confirmed > 0', or 'when: inputs.country == \"DE\"'."
MOST = 2000


def read_connections(tree: Value, kinds: Mapping[str, str], sink: Sink, inputs: Iterable[str] = ()) -> tuple[Connection, ...]:
    """Return the connections.

    ``kinds``: name → end (see ``shared.contracts.kinds.joins``) of the components that could be read; ``inputs``: those that are declared.
    """
    root = tree.data if isinstance(tree.data, dict) else {}
    value = root.get("connections")
    if value is None or value.data is None:
        return ()
    if not isinstance(value.data, list):
        sink.add(value, "connections", f"Connections are a list, and this is {value.called}.", _EXAMPLE)
        return ()
    if len(value.data) > MOST:
        sink.add(value, "connections", f"There are {len(value.data):,} connections.", f"At most {MOST:,} are taken: split the workflow.")
        return ()
    declared = root["components"].data if "components" in root else {}
    names = set(declared) if isinstance(declared, dict) else set()
    found: dict[tuple[str, str], tuple[Connection, Value]] = {}
    for index, item in enumerate(value.data):
        connection = _one(item, f"connections[{index}]", names, kinds, sink)
        when = _when(item, f"connections[{index}].when", inputs, sink)
        if connection is None:
            continue
        if when is not None:
            connection = connection.model_copy(update={"when": when})
        ends = (connection.source, connection.target)
        if ends in found:
            first = found[ends][1].line
            message = f"{ends[0]} and {ends[1]} are connected twice, first in line {first}."
            sink.add(item, f"connections[{index}]", message, "Remove one of them.")
            continue
        found[ends] = (connection, item)
    cycle = find_cycle(found)
    if cycle is not None:
        _, item = found[(cycle[-2], cycle[-1])]
        message = f"The connections go round in a cycle: {' → '.join(cycle)}."
        sink.add(item, "connections", message, f"Remove one of them, e.g. the one from {cycle[-2]} to {cycle[-1]}.")
    return tuple(connection for connection, _ in found.values())


def _one(item: Value, path: str, names: set[str], kinds: Mapping[str, str], sink: Sink) -> Connection | None:
    if not isinstance(item.data, dict):
        sink.add(item, path, f"A connection is a mapping, and this is {item.called}.", _EXAMPLE)
        return None
    for key in item.data:
        if key not in KEYS:
            sink.add(item.at(key), f"{path}.{key}", f"'{key}' is not known for a connection.", meant(key, KEYS))
    ends: list[str] = []
    for key in ("from", "to"):
        node = item.data.get(key)
        if node is None or node.data is None:
            sink.add(item, f"{path}.{key}", f"The connection does not say '{key}'.", _EXAMPLE)
        elif not isinstance(node.data, str) or node.data not in names:
            sink.add(node, f"{path}.{key}", f"There is no component {node.called}.", meant(str(node.data), names))
        else:
            ends.append(node.data)
    if len(ends) != 2:
        return None
    kind = _kind(item, path, ends[0], ends[1], kinds, sink)
    return None if kind is None else Connection(source=ends[0], target=ends[1], kind=kind)


def _when(item: Value, path: str, inputs: Iterable[str], sink: Sink) -> str | None:
    node = item.data.get("when") if isinstance(item.data, dict) else None
    if node is None or node.data is None:
        return None
    text = read_expression(node, path, Use.CONDITION, sink, example=_WHEN)
    if text is not None and looks_at_nothing(text):
        message = "The condition looks at neither inputs nor output: it always says the same."
        sink.add(node, path, message, f"{_WHEN} Or remove it, and the connection always carries on.")
        return None
    if text is not None and inputs:
        note_unknown_inputs(node, path, inputs, sink)
    return text


def _kind(item: Value, path: str, source: str, target: str, kinds: Mapping[str, str], sink: Sink) -> str | None:
    node = item.data.get("kind") if isinstance(item.data, dict) else None
    named = None if node is None or node.data is None else str(node.data)
    if node is not None and named is not None and named not in JOINS:
        sink.add(node, f"{path}.kind", f"There is no connection of kind '{named[:60]}'.", meant(named, JOINS))
        return None
    if source not in kinds or target not in kinds:
        return None  # their own problem is noted already
    fitting = join_between(kinds[source], kinds[target])
    hint = could_join(kinds[source], kinds[target])
    if named is None:
        if fitting is None:
            sink.add(item, path, f"{source} ({kinds[source]}) can't be joined to {target} ({kinds[target]}).", hint)
            return None
        return fitting.name
    if (kinds[source], kinds[target]) not in JOINS[named].pairs:
        message = f"'{named}' can't join {source} ({kinds[source]}) to {target} ({kinds[target]})."
        sink.add(node if node is not None else item, f"{path}.kind", message, hint)
        return None
    return named
