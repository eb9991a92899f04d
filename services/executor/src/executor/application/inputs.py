"""Inputs against the schemas that a workflow declares for them (JSON Schema 2020-12)."""

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

from jsonschema_rs import Draft202012Validator, RegexOptions, ValidationError

from executor.domain.graph import GraphRefused
from executor.domain.rules import Refused
from shared.contracts.workflows import WorkflowDefinition
from shared.runtime.plain import MOST_DEPTH, obstacle

Inputs = dict[str, Any]
_MOST_SAID = 20
_LONGEST_SAID = 300


def checker_of(definition: WorkflowDefinition) -> Callable[[Inputs], Inputs]:
    """Return what fills defaults in and refuses wrong inputs; raise GraphRefused when a schema can't be used."""
    validators: dict[str, Draft202012Validator] = {}
    defaults: Inputs = {}
    for name, schema in definition.inputs.items():
        try:
            # “it” stands for the value in messages: values may be long, and are nobody's business in a log.
            validators[name] = Draft202012Validator(
                schema, mask="it", validate_formats=True, retriever=_no_reference, pattern_options=RegexOptions()
            )
        except (ValidationError, ValueError) as error:
            raise GraphRefused(f"The schema of the input “{name}” can't be used: {_first_line(error)}. Correct it.") from error
        if "default" in schema:
            defaults[name] = schema["default"]
    workflow = definition.workflow

    def check(inputs: Inputs) -> Inputs:
        wrong = [_unknown(name, validators) for name in inputs if name not in validators]
        filled = {**defaults, **inputs}
        for name, validator in validators.items():
            if name not in filled:
                wrong.append(f"“{name}” is missing{_expected(definition.inputs[name])}")
                continue
            wrong += _errors(name, validator, filled[name])
        if wrong:
            more = f" And {len(wrong) - _MOST_SAID} more." if len(wrong) > _MOST_SAID else ""
            raise Refused(f"The inputs are not what “{workflow}” declares: {'; '.join(wrong[:_MOST_SAID])}.{more}")
        return filled

    return check


def obstacle_to(inputs: Inputs) -> str | None:
    """Return why these inputs can't be kept, whatever the workflow declares; None = they can."""
    found = obstacle(inputs)
    if found == "nul":
        return "inputs: a text holds the character NUL, which can't be kept. Remove it."
    if found == "deep":
        return f"inputs: lists and objects are nested more than {MOST_DEPTH} deep. Pass where such data is, not the data."
    return None


def _errors(name: str, validator: Draft202012Validator, value: Any) -> list[str]:
    if validator.is_valid(value):
        return []
    found = []
    for error in validator.iter_errors(value):
        path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.instance_path)
        found.append(f"“{name}{path}”: {error.message[:_LONGEST_SAID]}")
        if len(found) > _MOST_SAID * 5:
            break
    return found


def _unknown(name: str, known: dict[str, Any]) -> str:
    close = get_close_matches(name[:200], known, n=1, cutoff=0.55)
    hint = f"did you mean “{close[0]}”?" if close else f"there are: {', '.join(known)}"
    return f"there is no input “{name[:100]}” ({hint})"


def _expected(schema: dict[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = " or ".join(map(str, kind))
    return f" (expected: {kind})" if kind else ""


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0][:_LONGEST_SAID].rstrip(".")


def _no_reference(uri: str) -> Any:
    raise ValueError(f"references to other documents ({uri[:100]}) are not followed")
