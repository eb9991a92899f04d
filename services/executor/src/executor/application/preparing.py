"""Makes a published definition ready to run: its expressions and schemas are compiled, its plug-ins looked up, once a version."""

from collections.abc import Iterator, Mapping
from typing import Any

from executor.application.inputs import checker_of
from executor.domain.graph import Graph, GraphRefused
from executor.domain.rules import Condition, NextWait, NoAnswer, Rules
from shared.contracts.workflows import CustomRetry, WorkflowDefinition
from shared.runtime.expressions import CompiledExpression, EvaluationFailed, Uncompilable, Use, compile_expression

_LONGEST_KEY = 200

Plugins = Mapping[str, NextWait]
"""Installed retry plug-ins by name."""


def graph_of(definition: WorkflowDefinition, plugins: Plugins) -> Graph:
    """Return the checked graph with its rules; raise GraphRefused with the place of what can't be used.

    A retry plug-in that is not installed is left out: nothing starts without it (see ``missing_plugin``), but runs from before go on.
    """
    conditions: dict[tuple[str, str], Condition] = {}
    for edge in definition.connections:
        if edge.when is not None:
            place = f"when: of “{edge.source}” → “{edge.target}”"
            conditions[edge.source, edge.target] = _condition(_compiled(edge.when, Use.CONDITION, place))
    waits = {component: plugins[plugin] for component, plugin in _named(definition) if plugin in plugins}
    more: dict[str, Any] = {}
    if definition.inputs:
        more["inputs"] = checker_of(definition)
    if definition.business_key is not None:
        key = _compiled(definition.business_key, Use.BUSINESS_KEY, "business_key:")
        more["business_key"] = lambda inputs: _key(key, inputs)
    return Graph(definition, Rules(conditions=conditions, waits=waits, **more))


def missing_plugin(definition: WorkflowDefinition, plugins: Plugins) -> str | None:
    """Return the sentence about a retry plug-in that is not installed here; None = all are."""
    for component, plugin in _named(definition):
        if plugin not in plugins:
            there = f"Installed are: {', '.join(sorted(plugins))}." if plugins else "None is installed."
            return f"“{component}” names the retry plug-in “{plugin}”, which is not installed. {there}"
    return None


def _named(definition: WorkflowDefinition) -> Iterator[tuple[str, str]]:
    for component in definition.components:
        if isinstance(component.retry, CustomRetry) and component.retry.plugin is not None:
            yield component.name, component.retry.plugin


def _compiled(text: str, use: Use, place: str) -> CompiledExpression:
    try:
        return compile_expression(text, use)
    except Uncompilable as error:
        raise GraphRefused(f"{place} is no expression that can be used (line {error.line}, column {error.column}): {error}") from error


def _condition(compiled: CompiledExpression) -> Condition:
    def condition(inputs: dict[str, Any], output: dict[str, Any]) -> bool:
        return bool(_value(compiled, {"inputs": inputs, "output": output}))

    return condition


def _value(compiled: CompiledExpression, values: dict[str, Any]) -> Any:
    try:
        return compiled.evaluate(values)
    except EvaluationFailed as error:
        raise NoAnswer(str(error)) from None


def _key(compiled: CompiledExpression, inputs: dict[str, Any]) -> str | None:
    value = _value(compiled, {"inputs": inputs})
    if isinstance(value, dict | list):
        raise NoAnswer(f"it is {'a list' if isinstance(value, list) else 'an object'}, and must be a text or a number")
    text = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    return text[:_LONGEST_KEY] or None
