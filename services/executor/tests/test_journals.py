"""Journals that earlier engines wrote fold to what they folded to then: a change of the engine never changes what a run says."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from executor.domain.events import decode, encode
from executor.domain.graph import Graph
from executor.domain.journal import State, fold
from executor.domain.run import Run
from shared.contracts.runs import RunEvent
from shared.contracts.workflows import Component, WorkflowDefinition

JOURNALS = sorted(Path(__file__).with_name("journals").glob("*.jsonl"))
ADAPTER: TypeAdapter[Any] = TypeAdapter(RunEvent)


def recorded(path: Path) -> tuple[list[bytes], dict[str, Any]]:
    return path.read_bytes().splitlines(), json.loads(path.with_suffix(".state.json").read_text())


def folded(lines: list[bytes], names: list[str]) -> State:
    events = [decode(line) for line in lines]
    return fold(events[0]["run_id"], events[0]["workflow_id"], names, events)


@pytest.mark.parametrize("path", JOURNALS, ids=lambda path: path.stem)
def test_a_recorded_journal_folds_to_what_it_folded_to_then(path: Path) -> None:
    lines, then = recorded(path)
    state = folded(lines, then.pop("folded_over", list(then["components"])))
    parts = then.pop("components")
    assert {slot: getattr(state, slot) for slot in then} == then
    assert {name: {slot: getattr(state.components[name], slot) for slot in told} for name, told in parts.items()} == parts
    assert set(state.components) == set(parts)


@pytest.mark.parametrize("path", JOURNALS, ids=lambda path: path.stem)
def test_a_recorded_journal_is_what_its_contract_says_and_stays_byte_equal(path: Path) -> None:
    lines, _ = recorded(path)
    for line in lines:
        ADAPTER.validate_json(line)
        assert encode(decode(line)) == line


@pytest.mark.parametrize("path", JOURNALS, ids=lambda path: path.stem)
def test_another_definition_does_not_change_what_a_finished_run_says(path: Path) -> None:
    lines, then = recorded(path)
    other = folded(lines, ["Quite", "Other"])
    assert other.status == then["status"]
    for name, part in other.components.items():
        if name in then["components"] and part.status in {"succeeded", "failed", "cancelled"}:
            assert (part.status, part.output, part.generation) == tuple(
                then["components"][name][slot] for slot in ("status", "output", "generation")
            )


@pytest.mark.parametrize(
    "path", [path for path in JOURNALS if path.stem in {"first-waiting", "first-reopened-and-running"}], ids=lambda p: p.stem
)
def test_a_run_that_an_earlier_engine_began_goes_on_to_its_end(path: Path) -> None:
    lines, then = recorded(path)
    names = list(then["components"])
    # The definitions that they were recorded with: a chain, and a diamond.
    edges = [("A", "B")] if names == ["A", "B"] else [("A", "B"), ("A", "C"), ("B", "D"), ("C", "D")]
    definition = WorkflowDefinition.model_validate(
        {
            "workflow": "orders",
            "components": [Component(name=name, kind="service").model_dump() for name in names],
            "connections": [{"source": a, "target": b, "kind": "processing"} for a, b in edges],
        }
    )
    run = Run(Graph(definition), folded(lines, names), host="h", spans=lambda: "c" * 16, jitter=lambda: 0.0)
    now = datetime.fromisoformat(decode(lines[-1])["at"])
    run.resume(now)
    for _ in range(10):
        for name, part in list(run.state.components.items()):
            if part.status == "retrying":
                run.wake(now, name)
            if part.status == "running":
                run.succeed(now, name, output={})
    assert run.state.status == "succeeded"


def test_there_are_journals_of_each_engine() -> None:
    stems = {path.stem.split("-")[0] for path in JOURNALS}
    assert stems == {"first", "second", "third"}
    assert len(JOURNALS) >= 20
