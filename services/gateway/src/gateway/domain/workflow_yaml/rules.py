"""How a component behaves in a run: its deadline, the classes of its errors, its join, and what it compensates."""

import re
from typing import Any, Literal

from gateway.domain.nearest import meant
from gateway.domain.workflow_yaml.document import Value
from gateway.domain.workflow_yaml.limits import positive
from gateway.domain.workflow_yaml.sink import Sink
from shared.contracts.workflows import ErrorClasses

KEYS = ("deadline", "errors", "join", "compensates")
CLASSES = tuple(ErrorClasses.model_fields)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,99}")
_CODE = re.compile(r"(?:[A-Za-z][A-Za-z0-9]*(?::[A-Za-z0-9*]+)?|\*)")
_EXAMPLE = 'Write e.g. \'errors: {retry: [ConnectionRefused], park: ["HttpStatus:404"], fail: ["*"]}\'.'
_JOIN = "Write 'all', 'any', or how many of its connections it waits for."


def read_rules(value: Value, path: str, timeout: float | None, sink: Sink) -> dict[str, Any]:
    """Return those that are there, as the contract's fields. ``timeout``: of one attempt, which the deadline must leave room for."""
    given = value.data if isinstance(value.data, dict) else {}
    found: dict[str, Any] = {}
    if "deadline" in given and given["deadline"].data is not None:
        found["deadline"] = _deadline(given["deadline"], f"{path}.deadline", timeout, sink)
    if "errors" in given and given["errors"].data is not None:
        found["errors"] = _errors(given["errors"], f"{path}.errors", sink)
    if "join" in given and given["join"].data is not None:
        found["join"] = _join(given["join"], f"{path}.join", sink)
    if "compensates" in given and given["compensates"].data is not None:
        found["compensates"] = _compensates(given["compensates"], f"{path}.compensates", sink)
    return {name: rule for name, rule in found.items() if rule is not None}


def _deadline(node: Value, path: str, timeout: float | None, sink: Sink) -> float | None:
    seconds = positive(node, path, sink)
    if seconds is not None and timeout is not None and seconds < timeout:
        message = f"The deadline {node.called} ends before one attempt's 'attempt_timeout' does."
        sink.add(node, path, message, "The deadline holds for all attempts together, waits included: make it longer.")
    return seconds


def _errors(node: Value, path: str, sink: Sink) -> ErrorClasses | None:
    if not isinstance(node.data, dict):
        sink.add(node, path, f"Errors are a mapping of retry, park and fail, and this is {node.called}.", _EXAMPLE)
        return None
    found: dict[str, tuple[str, ...]] = {}
    said: dict[str, str] = {}
    for name, codes in node.data.items():
        below = f"{path}.{name}"
        if name not in CLASSES:
            sink.add(node.at(name), below, f"'{name[:60]}' is not known for errors.", meant(name, CLASSES))
        elif codes.data is None:
            continue
        elif not isinstance(codes.data, list):
            sink.add(codes, below, f"The codes are a list, and this is {codes.called}.", _EXAMPLE)
        else:
            known = [_code(item, f"{below}[{index}]", name, said, sink) for index, item in enumerate(codes.data)]
            found[name] = tuple(code for code in known if code is not None)
    return ErrorClasses(**found)


def _code(item: Value, path: str, name: str, said: dict[str, str], sink: Sink) -> str | None:
    if not isinstance(item.data, str) or not _CODE.fullmatch(item.data) or len(item.data) > 100:
        hint = 'Write it as attempts show it, e.g. QueueNotFound, "HttpStatus:503", or "*" for all others.'
        sink.add(item, path, f"{item.called} is not the code of a failure.", hint)
        return None
    if item.data in said:
        sink.add(
            item, path, f"'{item.data}' stands here already, under '{said[item.data]}'.", "A failure has one class: remove one of them."
        )
        return None
    said[item.data] = name
    return item.data


def _join(node: Value, path: str, sink: Sink) -> Literal["all", "any"] | int | None:
    if isinstance(node.data, bool) or (node.data not in ("all", "any") and not (isinstance(node.data, int) and 1 <= node.data <= 500)):
        hint = meant(node.data, ("all", "any")) if isinstance(node.data, str) and len(node.data) < 10 else ""
        sink.add(node, path, f"{node.called} is wrong for 'join'.", hint if hint.startswith("Did") else _JOIN)
        return None
    return node.data  # type: ignore[return-value]


def _compensates(node: Value, path: str, sink: Sink) -> str | None:
    if not isinstance(node.data, str) or not _NAME.fullmatch(node.data):
        sink.add(node, path, f"{node.called} is not the name of a component.", "Name the component whose work this one undoes.")
        return None
    return node.data
