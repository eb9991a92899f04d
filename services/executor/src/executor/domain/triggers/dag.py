"""What a DAG run means to a DAG trigger."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from executor.domain.triggers.firing import Firing, NotFired, dag_run_id, mapper
from shared.contracts.dags import DagRunSeen
from shared.contracts.workflows import DagTrigger
from shared.runtime.expressions import EvaluationFailed, Uncompilable, Use

SKEW = timedelta(minutes=5)
"""How far a cluster's clock may be off before a DAG run that ended now counts as one of before."""

Mapper = Callable[[dict[str, Any]], dict[str, Any]]


def checked(trigger: DagTrigger) -> tuple[Mapper | None, str]:
    """Return what makes the inputs, or None and why there is none, with the way out."""
    try:
        return mapper(trigger.inputs, trigger.map, Use.DAG_RUN_MAPPING), ""
    except Uncompilable as error:
        return None, f"An expression of the trigger can't be compiled: {error.message} Correct it and publish the workflow again."


def concerns(trigger: DagTrigger, seen: DagRunSeen, since: datetime) -> bool:
    """Whether a DAG run fires the trigger: its DAG, one of its states, and not over before the trigger was there."""
    if seen.dag_id != trigger.dag_id or seen.state not in trigger.states:
        return False
    return seen.ended_at is None or seen.ended_at >= since - SKEW


def judge(trigger: DagTrigger, cluster_id: str, seen: DagRunSeen) -> Firing | NotFired:
    """Say which run a DAG run in its state starts."""
    firing_id = dag_run_id(cluster_id, seen.dag_id, seen.dag_run_id, seen.state)
    make, wrong = checked(trigger)
    if make is None:
        return NotFired("failed", firing_id, wrong)
    try:
        known = {"cluster": trigger.cluster, "dag_id": seen.dag_id, "dag_run_id": seen.dag_run_id, "state": seen.state}
        return Firing(firing_id, make(known))
    except EvaluationFailed as error:
        return NotFired("failed", firing_id, f"An expression has no value for this DAG run: {str(error).rstrip('.')}.")
