"""What a workflow says of its runs as a whole: business key, time limit, how many at once, which first."""

from collections.abc import Mapping
from typing import Any

from gateway.domain.workflow_yaml.document import Value
from gateway.domain.workflow_yaml.expressions import note_unknown_inputs, read_expression
from gateway.domain.workflow_yaml.sink import Sink
from shared.runtime.expressions import Use

KEYS = ("business_key", "timeout", "concurrency", "priority")
_KEY_EXAMPLE = "Write e.g. 'business_key: inputs.order.id'."


def read_limits(tree: Value, inputs: Mapping[str, Any], sink: Sink) -> dict[str, Any]:
    """Return those that are there, as the contract's fields."""
    root = tree.data if isinstance(tree.data, dict) else {}
    found: dict[str, Any] = {}
    node = root.get("business_key")
    if node is not None and node.data is not None:
        found["business_key"] = read_expression(node, "business_key", Use.BUSINESS_KEY, sink, example=_KEY_EXAMPLE)
        if found["business_key"] is not None and inputs:
            note_unknown_inputs(node, "business_key", inputs, sink)
    node = root.get("timeout")
    if node is not None and node.data is not None:
        found["timeout"] = positive(node, "timeout", sink)
    node = root.get("concurrency")
    if node is not None and node.data is not None:
        found["concurrency"] = _whole(
            node, "concurrency", 1, 100_000, sink, "How many runs may be under way at once; leave it out for no limit."
        )
    node = root.get("priority")
    if node is not None and node.data is not None:
        found["priority"] = _whole(node, "priority", 0, 9, sink, "0 waits longest, 9 goes first, 5 is usual.")
    return {name: value for name, value in found.items() if value is not None}


def positive(node: Value, path: str, sink: Sink) -> float | None:
    """Read a time limit: a duration that is longer than nothing."""
    seconds = sink.duration(node, path)
    if seconds == 0:
        sink.add(node, path, "A limit of no time at all lets nothing happen.", "Write e.g. 30s, or leave it out for no limit.")
        return None
    return seconds


def _whole(node: Value, path: str, least: int, most: int, sink: Sink, hint: str) -> int | None:
    if not isinstance(node.data, int) or isinstance(node.data, bool) or not least <= node.data <= most:
        sink.add(node, path, f"{node.called} is wrong for '{path}': it is a whole number from {least} to {most:,}.", hint)
        return None
    return node.data
