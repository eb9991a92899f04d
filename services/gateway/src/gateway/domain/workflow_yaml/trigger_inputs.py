"""What a trigger gives to the runs that it starts, held against the declared inputs: what is wrong there would refuse every start."""

from collections.abc import Mapping
from typing import Any

from gateway.domain.inputs import check_inputs, required
from gateway.domain.nearest import meant
from gateway.domain.workflow_yaml.document import Value
from gateway.domain.workflow_yaml.sink import Sink


def note_wrong_inputs(item: Value, given: Mapping[str, Value], declared: Mapping[str, Any], path: str, sink: Sink) -> None:
    """Note names that are not declared, values that are not what is declared, and what is needed and not given.

    ``given``: the keys of the trigger ``item``. What ``map`` makes of a message is known only then, so its values are not looked at.
    """
    if not declared:
        return
    mapped, fixed = _names(given.get("map")), _names(given.get("inputs"))
    for key, names in (("map", mapped), ("inputs", fixed)):
        for name in names:
            if name not in declared:
                sink.add(
                    given[key].at(name), f"{path}.{key}.{name[:60]}", f"The workflow has no input '{name[:60]}'.", meant(name, declared)
                )
    for name, value in fixed.items():
        if name in declared and name not in mapped:
            for problem in check_inputs({name: declared[name]}, {name: value.plain()}):
                sink.add(value, f"{path}.inputs.{name}", problem.message, problem.hint)
    missing = [name for name, schema in declared.items() if required(schema) and name not in mapped and name not in fixed]
    if missing:
        where = "'inputs'" if given["kind"].data == "schedule" else "'map' or 'inputs'"
        message = f"The trigger gives no {', '.join(missing[:10])}: no run could start without."
        sink.add(item, path, message, f"Add it to {where} of the trigger, or give it a default under 'inputs'.")


def _names(node: Value | None) -> dict[str, Value]:
    return node.data if node is not None and isinstance(node.data, dict) else {}
