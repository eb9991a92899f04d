"""Firings: by which name each is known, and the run that it asks for."""

import hashlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal

from shared.runtime.expressions import CompiledExpression, Use, compile_expression

Passed = Literal["filtered", "paused", "missed", "failed"]

MOST_ID = 300
MOST_SHOWN = 20
"""Firings of one transaction and result that are told one by one; the others are added up."""


@dataclass(frozen=True, slots=True)
class Firing:
    """One time that a trigger fired: what starts a run."""

    firing_id: str
    inputs: dict[str, Any]
    planned_at: datetime | None = None
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class NotFired:
    """Firings that started nothing, and why. ``firing_id`` is that of the last one."""

    result: Passed
    firing_id: str
    reason: str
    count: int = 1
    planned_at: datetime | None = None


@dataclass(slots=True)
class Tally:
    """What did not start a run since it was last told. Failures are told one by one as far as they are few."""

    added: dict[str, NotFired] = field(default_factory=dict)
    failures: list[NotFired] = field(default_factory=list)

    def add(self, one: NotFired) -> None:
        """Take one in."""
        if one.result == "failed" and len(self.failures) < MOST_SHOWN:
            self.failures.append(one)
            return
        before = self.added.get(one.result)
        count = one.count + (before.count if before else 0)
        self.added[one.result] = NotFired(one.result, one.firing_id, one.reason, count, one.planned_at)

    def take(self) -> list[NotFired]:
        """Return what is to be told, and begin anew."""
        told = [*self.failures, *self.added.values()]
        self.failures, self.added = [], {}
        return told

    def __bool__(self) -> bool:
        return bool(self.added or self.failures)


def run_id_of(workflow_id: str, trigger: str, firing_id: str) -> str:
    """Return the id of the run that a firing asks for: the same at each try. Two triggers never ask for the same run."""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"flowtower:{workflow_id}/{trigger}/{firing_id}").hex


def message_id(endpoint: str, topic: str, partition: int, offset: int, timestamp_ms: int) -> str:
    """Return the name of a message: where it stands, and its time, which differs when the topic was made anew."""
    return _bounded(f"{endpoint}/{topic}:{partition}:{offset}:{timestamp_ms}")


def time_id(planned_at: datetime) -> str:
    """Return the name of a planned time."""
    return planned_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def dag_run_id(cluster_id: str, dag_id: str, dag_run: str, state: str) -> str:
    """Return the name of a DAG run in a state."""
    return _bounded(f"{cluster_id}/{dag_id}/{dag_run}:{state}")


def _bounded(text: str) -> str:
    return text if len(text) <= MOST_ID else f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


@lru_cache(maxsize=2000)
def compiled(text: str, use: Use) -> CompiledExpression:
    """Return a compiled expression; raises Uncompilable."""
    return compile_expression(text, use)


def mapper(given: dict[str, Any], mapping: dict[str, str], use: Use) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return what makes a run's inputs from variables. Raises Uncompilable; what it returns raises EvaluationFailed."""
    programs = {name: compiled(text, use) for name, text in mapping.items()}

    def make(variables: dict[str, Any]) -> dict[str, Any]:
        inputs = dict(given)
        for name, program in programs.items():
            inputs[name] = program.evaluate(variables)
        return inputs

    return make
