"""Any text is read back as it was written, also one that YAML would take for something else."""

import time

from hypothesis import given, settings
from hypothesis import strategies as some

from gateway.domain.workflow_yaml import read, write
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
