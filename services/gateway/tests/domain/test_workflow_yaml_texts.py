"""Any text is read back as it was written, also one that YAML would take for something else; any value anywhere is a problem at most."""

import json
import time
from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as some

from gateway.domain.workflow_yaml import read, write
from gateway.domain.workflow_yaml.document import load
from shared.contracts.workflows import Component, WorkflowDefinition

_SIGNS = "ab01 :#-?[]{},&*!|>'\"%@`=<.~\\\t_+eE\x85\xa0\u2028\u2029\ufeffü\x01\n\r"
_ODD = (
    "true",
    "no",
    "~",
    "1e3",
    "1_000",
    "0x10",
    "1:20",
    "2026-01-01",
    "? a",
    "?",
    ":",
    ": a",
    "a: b",
    "a #b",
    "---",
    "...",
    "<<",
    ".inf",
    "-",
)


@settings(max_examples=100, deadline=None)
@given(some.lists(some.text(_SIGNS, max_size=6) | some.sampled_from(_ODD), min_size=1, max_size=30))
def test_any_text_is_read_back_as_it_was_written(texts: list[str]) -> None:
    component = Component(name="A", kind="mq", endpoint="m", options={"queue": "q"})
    inputs = {"a": {"enum": texts}, "b": {"examples": [{text: text} for text in texts]}}
    definition = WorkflowDefinition(workflow="w", description=texts[0], inputs=inputs, components=(component,))
    assert read(write(definition)).definition == definition


def test_many_texts_are_written_quickly() -> None:
    """Each costs a look at its signs, not a parser: 30,000 of them took a quarter of a minute."""
    inputs = {"a": {"enum": [f"text {number}" for number in range(20_000)]}}
    component = Component(name="A", kind="mq", endpoint="m", options={"queue": "q"})
    began = time.process_time()
    write(WorkflowDefinition(workflow="w", inputs=inputs, components=(component,)))
    assert time.process_time() - began < 8


EVERYTHING = """
workflow: w
description: d
inputs: {day: {type: string, default: x}, n: integer}
business_key: inputs.day
timeout: 1h
concurrency: 5
priority: 7
components:
  A: {kind: kafka, endpoint: prod, topic: a, since: beginning, errors: {retry: [X], fail: ["*"]}, retry: {strategy: fixed, every: 2s}}
  B: {kind: database, endpoint: shop, query: SELECT 1, parameters: [inputs.day], retry: {strategy: custom, waits: [1s]}}
  C: {kind: api, endpoint: http, path: "/{day}", query: {a: b}, headers: {X-A: b}, body: {a: ["{day}"]}, expect: [200], output: {a: body.b}}
  D: {kind: airflow, cluster: eu, dag_id: d, conf: {day: "{day}"}, states: [success], at_most: 6h}
  F: {kind: service, endpoint: s, path: /f, join: any, deadline: 1h, attempt_timeout: 1m}
  E: {kind: mq, endpoint: mq, queue: q, declare: true, compensates: A}
connections: [{from: A, to: C, kind: then, when: inputs.day == "x"}, {from: C, to: D}, {from: C, to: F}]
triggers:
  - {kind: kafka, name: k, endpoint: prod, topic: t, filter: value.a > 1, map: {day: value.b, n: value.n}, most_per_minute: 5}
  - {kind: schedule, cron: 0 6 * * *, time_zone: UTC, catch_up: last, most_catch_up: 5, inputs: {n: 1}}
  - {kind: dag, cluster: eu, dag_id: d, states: [success], map: {day: state}, inputs: {n: 1}}
  - {kind: event}
"""
ENDPOINTS = {"prod": "kafka", "shop": "database", "http": "api", "s": "service", "mq": "mq"}
_OTHERS: tuple[Any, ...] = (["UTC"], {"a": {}}, True, "2026-01-01")


def _changed(value: Any) -> Iterator[Any]:
    """Yield the value with each of its parts, and itself, replaced by something of another kind."""
    yield from _OTHERS
    if isinstance(value, dict):
        for key, below in value.items():
            yield from ({**value, key: other} for other in _changed(below))
    elif isinstance(value, list):
        for index, below in enumerate(value):
            yield from ([*value[:index], other, *value[index + 1 :]] for other in _changed(below))


def test_any_value_at_any_place_is_a_problem_at_most() -> None:
    tree, _ = load(EVERYTHING)
    assert tree is not None
    assert read(EVERYTHING, ENDPOINTS, {"eu"}).problems == ()
    cases = list(_changed(tree.plain()))
    assert len(cases) > 400
    refused = [read(json.dumps(case), ENDPOINTS, {"eu"}).definition is None for case in cases]
    assert sum(refused) > len(refused) / 2
