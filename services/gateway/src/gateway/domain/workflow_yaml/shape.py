"""What can only be judged with components and connections together: joins and compensations."""

from collections import Counter
from collections.abc import Iterable

from gateway.domain.nearest import meant
from gateway.domain.workflow_yaml.document import Value
from gateway.domain.workflow_yaml.sink import Sink
from shared.contracts.workflows import Component, Connection


def check_shape(tree: Value, components: Iterable[Component], connections: Iterable[Connection], sink: Sink) -> None:
    """Note joins that can never be met, and compensations of what isn't there or that have connections."""
    by_name = {component.name: component for component in components}
    connections = tuple(connections)
    incoming = Counter(connection.target for connection in connections)
    joined = set(incoming) | {connection.source for connection in connections}
    undone: dict[str, str] = {}
    for component in by_name.values():
        place = _node(tree, component.name)
        if component.compensates is not None:
            _compensation(component, place, by_name, _declared(tree), joined, sink)
            first = undone.setdefault(component.compensates, component.name)
            if first != component.name:
                message = f"{component.compensates[:60]} is compensated twice, by {first} and {component.name}."
                sink.add(place["compensates"], f"components.{component.name}.compensates", message, "Keep one of them.")
        elif "join" in place:
            _join(component, place["join"], incoming[component.name], sink)


def _join(component: Component, node: Value, incoming: int, sink: Sink) -> None:
    path = f"components.{component.name}.join"
    if component.join == "all":
        return
    if not incoming:
        message = f"'join: {component.join}' waits for connections, and none leads to {component.name}."
        sink.add(node, path, message, "Remove it, or connect something to it.")
    elif isinstance(component.join, int) and component.join > incoming:
        led = f"{incoming} connection{'s lead' if incoming > 1 else ' leads'}"
        sink.add(node, path, f"'join: {component.join}' is never met: {led} to {component.name}.", f"Write at most {incoming}, or 'all'.")


def _compensation(
    component: Component, place: dict[str, Value], known: dict[str, Component], declared: set[str], joined: set[str], sink: Sink
) -> None:
    name, path = component.compensates or "", f"components.{component.name}.compensates"
    node = place["compensates"]
    if name == component.name:
        sink.add(node, path, f"{name} can't compensate itself.", "Name the component whose work it undoes.")
    elif name not in declared:
        sink.add(node, path, f"There is no component '{name[:60]}'.", meant(name, declared - {component.name}))
    elif name in known and known[name].compensates is not None:
        sink.add(node, path, f"{name} is a compensation itself.", "Name the component whose work this one undoes.")
    if component.name in joined:
        message = f"{component.name} compensates {name[:60]} and has connections too."
        sink.add(node, path, message, "It runs only when a run is cancelled: remove its connections.")
    if "join" in place:
        sink.add(place["join"], f"components.{component.name}.join", "A compensation waits for no connection.", "Remove 'join'.")


def _node(tree: Value, name: str) -> dict[str, Value]:
    components = tree.data.get("components") if isinstance(tree.data, dict) else None
    node = components.data.get(name) if components is not None and isinstance(components.data, dict) else None
    return node.data if node is not None and isinstance(node.data, dict) else {}


def _declared(tree: Value) -> set[str]:
    components = tree.data.get("components") if isinstance(tree.data, dict) else None
    return set(components.data) if components is not None and isinstance(components.data, dict) else set()
