"""The variables that a rule may name, declared for each subject so that a mistyped one is found when the rule is saved.

A dotted name is one variable of its own: ``scheduler.heartbeat_age`` has a type, and ``scheduler.hartbeat_age`` is an error
with a position.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from shared.contracts.alerts import RuleSubject

Type = Literal["bool", "int", "double", "string", "list(string)", "map(string, string)"]
Value = bool | int | float | str | list[str] | dict[str, str]
Values = Mapping[str, Value]
"""Variable → value. A variable that is not known right now is not there: an expression that needs it has no answer."""

PLACEHOLDER = re.compile(r"\{([a-z_]+(?:\.[a-z_]+)?)\}")
"""A variable in the summary of a rule: ``{dag_id} failed on {cluster}``."""

COMPONENTS = ("metadatabase", "scheduler", "dag_processor", "triggerer")
"""The parts of a cluster that a rule can name, in Airflow's words."""

OBSERVED: frozenset[str] = frozenset(
    {
        *(f"{part}.{fact}" for part in COMPONENTS for fact in ("health", "heartbeat_age")),
        "version",
        "import_errors",
        "dags_total",
        "dags_paused",
        "queued_tasks",
        "oldest_queued",
    },
)
"""What only a cluster that answers can tell. While it does not answer, a rule about these is unknown: neither ok nor firing."""

_CLUSTER: dict[str, Type] = {
    "name": "string",
    "environment": "string",
    "tags": "list(string)",
    "observation_age": "double",
    "answered": "bool",
    "reach": "string",
    "latency": "double",
    "version": "string",
    "import_errors": "int",
    "dags_total": "int",
    "dags_paused": "int",
    "queued_tasks": "int",
    "oldest_queued": "double",
}
for _part in COMPONENTS:
    _CLUSTER[f"{_part}.health"] = "string"
    _CLUSTER[f"{_part}.heartbeat_age"] = "double"

VARIABLES: dict[RuleSubject, Mapping[str, Type]] = {
    RuleSubject.CLUSTER: _CLUSTER,
    RuleSubject.DAG_RUN: {
        "cluster": "string",
        "environment": "string",
        "dag_id": "string",
        "tags": "list(string)",
        "owners": "list(string)",
        "run_id": "string",
        "run_type": "string",
        "state": "string",
        "duration": "double",
        "failed_tasks": "int",
    },
    RuleSubject.WORKFLOW_RUN: {
        "workflow": "string",
        "version": "int",
        "run_id": "string",
        "status": "string",
        "duration": "double",
        "component": "string",
        "failure_code": "string",
        "failure_message": "string",
        "message": "string",
    },
    RuleSubject.SAMPLE: {
        "source": "string",
        "name": "string",
        "value": "double",
        "labels": "map(string, string)",
    },
}
"""Durations and ages are seconds. Each variable is explained in docs/architecture/alerting.md."""


@dataclass(frozen=True)
class Thing:
    """What one alert is about: a cluster, a DAG on a cluster, a workflow, or one series of samples."""

    key: str
    """Never changes for the same thing, e.g. ``<cluster id>/<dag id>``."""
    where: str
    """The thing in words, e.g. ``eu-prod · orders_hourly``."""
    url: str = ""
    """Path of the page that shows the thing."""
    labels: Mapping[str, str] | None = None


def in_words(value: Value) -> str:
    """Return a value as people read it: two decimals at most, lists with commas."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    if isinstance(value, list):
        return ", ".join(value)
    if isinstance(value, dict):
        return ", ".join(f"{key}={entry}" for key, entry in sorted(value.items()))
    return str(value)


def fill(summary: str, values: Values) -> str:
    """Replace ``{variable}`` by its value; one that is not known right now reads ``unknown``."""
    return PLACEHOLDER.sub(lambda found: in_words(values[found[1]]) if found[1] in values else "unknown", summary)


def unknown_placeholders(summary: str, subject: RuleSubject) -> list[str]:
    """Return the ``{…}`` of a summary that name no variable of the subject."""
    return [name for name in PLACEHOLDER.findall(summary) if name not in VARIABLES[subject]]
