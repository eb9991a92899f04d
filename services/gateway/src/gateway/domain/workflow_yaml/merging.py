"""Changing a YAML text so that it says something else: only what differs is touched, comments and order stay."""

from collections.abc import Hashable, Mapping
from typing import Any

from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from gateway.domain.workflow_yaml.document import Value

_BREAKS = frozenset("\n\r\x85\u2028\u2029\ufeff")
"""What YAML takes for the end of a line, or of nothing at all."""


def without_removed(text: str, tree: Value, wanted: Mapping[str, Any]) -> str:
    """Return the text without the lines of the keys that are gone.

    They are cut out of the text, because the YAML library hangs the comment of what follows onto what stands before.
    """
    gone: set[int] = set()
    _note_removed(tree, wanted, gone)
    return "".join(line for number, line in enumerate(text.splitlines(keepends=True), 1) if number not in gone)


def _note_removed(mapping: Value, wanted: Mapping[str, Any], gone: set[int]) -> None:
    if not mapping.block or not isinstance(mapping.data, dict) or not set(mapping.data) & set(wanted):
        return
    for key, value in mapping.data.items():
        if key not in wanted:
            gone.update(range(mapping.at(key)[0], value.last + 1))
        elif isinstance(wanted[key], Mapping):
            _note_removed(value, wanted[key], gone)


def merge(target: Any, wanted: Mapping[str, Any]) -> None:
    """Make a mapping say what is wanted, touching only what differs."""
    for key in [key for key in target if key not in wanted]:
        del target[key]
    for key, value in wanted.items():
        old = target.get(key)
        if isinstance(value, dict) and isinstance(old, CommentedMap):
            merge(old, value)
        elif isinstance(value, list) and isinstance(old, CommentedSeq):
            _merge_list(old, value)
        elif key not in target or not _same(old, value):
            target[key if key in target else new(key)] = new(value)


def _merge_list(target: CommentedSeq, wanted: list[Any]) -> None:
    _line_up(target, wanted)
    for index, value in enumerate(wanted):
        if index >= len(target):
            target.append(new(value))
        elif isinstance(value, dict) and isinstance(target[index], CommentedMap):
            # The kind of a connection follows from what it joins: it is written where somebody wrote it.
            kept = {name: item for name, item in value.items() if name in target[index] or name != "kind" or "from" not in value}
            merge(target[index], kept)
        elif not _same(target[index], value):
            target[index] = new(value)
    while len(target) > len(wanted):
        del target[-1]


def _line_up(target: CommentedSeq, wanted: list[Any]) -> None:
    """Remove what goes and insert what comes where it belongs, so that what stays keeps its comments."""
    olds, news = [identity(item) for item in target], [identity(item) for item in wanted]
    if len(set(olds)) < len(olds) or len(set(news)) < len(news):
        return
    for index in reversed(range(len(olds))):
        if olds[index] not in news:
            del target[index]
    stayed = [old for old in olds if old in news]
    if stayed == [item for item in news if item in stayed]:
        for index, value in enumerate(wanted):
            if news[index] not in stayed:
                target.insert(index, new(value))


def identity(item: Any) -> Hashable:
    """Return what an item of a list goes by: the ends of a connection, kind and name of a trigger, else itself."""
    if isinstance(item, Mapping):
        return tuple(str(item.get(key)) for key in (("from", "to") if "from" in item else ("kind", "name")))
    return f"{type(item).__name__}:{item}" if isinstance(item, bool | int | float) else str(item)


def _same(old: Any, new: Any) -> bool:
    if isinstance(new, bool) or isinstance(old, bool):
        return old is new
    return bool(old == new)


def new(value: Any) -> Any:
    """Return a value as the YAML library writes it; a text that would be read as something else gets quotes."""
    if isinstance(value, dict):
        return CommentedMap((new(key), new(item)) for key, item in value.items())
    if isinstance(value, list):
        return CommentedSeq([new(item) for item in value])
    if isinstance(value, str) and _reads_otherwise(value):
        return DoubleQuotedScalarString(value)
    return value


def _reads_otherwise(text: str) -> bool:
    """Whether the text would not be read back as it is. The library quotes what looks like a number and so on; these it forgets."""
    return text == "" or text != text.strip() or text[0] in "?:" or not _BREAKS.isdisjoint(text)
