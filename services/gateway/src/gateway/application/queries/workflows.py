"""Pages of workflows: the list and one workflow."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from gateway.application.answers.runs import RunAnswer
from gateway.application.definitions import Kind, VersionRecord, WorkflowRecord
from gateway.application.ports.read_model import RunFilter
from gateway.application.queries.base import Queries
from gateway.application.queries.outcomes import outcomes_view
from gateway.application.queries.runs import run_row
from gateway.application.queries.start import start_form
from gateway.application.queries.triggers import trigger_view
from gateway.application.queries.version_pages import version_rows
from gateway.application.queries.words import between, path, plural, took
from gateway.application.triggers import triggers_of
from gateway.application.views.flow import FlowEdge, FlowGraph, FlowNode
from gateway.application.views.parts import Action, Fact, HistoryBar, state_view
from gateway.application.views.shell import Person
from gateway.application.views.workflows import WorkflowPage, WorkflowRow, WorkflowsPage
from gateway.domain.durations import format_duration
from gateway.domain.inputs import required
from shared.runtime.clock import now

MOST_BARS = 25
LAST_RUNS, ROWS = 50, 10
"""Runs that the success of the last runs is taken of, and those of them that are listed."""
DAYS = 7
MOST_VERSIONS = 5


def graph_of(definition: Mapping[str, Any], urls: Mapping[str, str] | None = None) -> FlowGraph:
    """Return the graph of a definition, without a run's colours."""
    nodes = tuple(
        FlowNode(
            id=part["name"], kind=part["kind"], endpoint=part.get("endpoint") or "", url=(urls or {}).get(part.get("endpoint") or "", "")
        )
        for part in definition.get("components", ())
    )
    edges = tuple(
        FlowEdge(id=f"{edge['source']}-{edge['target']}", source=edge["source"], target=edge["target"], kind=edge["kind"])
        for edge in definition.get("connections", ())
    )
    return FlowGraph(nodes=nodes, edges=edges)


def run_bars(runs: Sequence[RunAnswer], most: int = MOST_BARS) -> tuple[HistoryBar, ...]:
    """Return the newest runs of a workflow as bars, oldest first."""
    shown = list(runs[:most])[::-1]
    lasted = [between(run.started_at, run.finished_at or now()) for run in shown]
    longest = max((value for value in lasted if value), default=0.0)
    return tuple(
        HistoryBar(
            state=state_view(run.status),
            share=max((value or 0.0) / longest, 0.06) if longest else 0.06,
            title=state_view(run.status).word + (f", {took(value)}" if value is not None else ""),
            url=path("runs", run.id),
        )
        for run, value in zip(shown, lasted, strict=True)
    )


def _start(workflow: WorkflowRecord, version: VersionRecord | None, *, opens: str = "") -> Action:
    """Return what starts a run: at once after a question, or by the form where there is something to give."""
    declared = (version.definition if version else {}).get("inputs") or {}
    if opens or any(required(schema) for schema in declared.values()):
        return Action(
            label="Run",
            url=path("workflows", workflow.id, "start"),
            method="get",
            look="primary" if opens else "plain",
            icon="play",
            opens=opens,
        )
    return Action(
        label="Run",
        url=path("workflows", workflow.id, "start"),
        look="primary",
        icon="play",
        confirm=f"Run {workflow.name} now?",
        consequence=f"Starts one run of version {workflow.latest}.",
    )


class WorkflowQueries(Queries):
    """The workflows' pages."""

    async def workflows(self, person: Person, asked: Mapping[str, str]) -> WorkflowsPage:  # noqa: ARG002
        words = asked.get("q", "").strip()[:200]
        rows = []
        for workflow, version in await self._reads.workflows():
            if words.casefold() not in f"{workflow.name} {workflow.description}".casefold():
                continue
            runs = (await self._reads.runs(RunFilter(workflow=workflow.id), after=None, limit=MOST_BARS)).items
            rows.append(self._workflow_row(workflow, version, runs))
        return WorkflowsPage(rows=tuple(rows), search=words)

    @staticmethod
    def _workflow_row(workflow: WorkflowRecord, version: VersionRecord | None, runs: Sequence[RunAnswer]) -> WorkflowRow:
        newest = runs[0] if runs else None
        return WorkflowRow(
            id=workflow.id,
            name=workflow.name,
            url=path("workflows", workflow.id),
            description=workflow.description,
            version=workflow.latest,
            kinds=tuple(part["kind"] for part in (version.definition if version else {}).get("components", ())),
            last=state_view(newest.status) if newest else None,
            last_at=(newest.finished_at or newest.started_at or newest.asked_at) if newest else None,
            bars=run_bars(runs),
            changed_at=workflow.updated_at,
            changed_by=workflow.updated_by,
            run=_start(workflow, version),
        )

    async def workflow(self, person: Person, workflow_id: str, asked: Mapping[str, str]) -> WorkflowPage | None:  # noqa: ARG002
        workflow = await self._reads.workflow(workflow_id)
        if workflow is None:
            return None
        wanted = asked.get("version", "")
        number = int(wanted) if wanted.isdecimal() and len(wanted) < 10 else workflow.latest
        shown = await self._reads.version(workflow_id, number) if 1 <= number <= workflow.latest else None
        if shown is None:
            return None
        newest = await self._reads.versions_before(workflow_id, None, limit=MOST_VERSIONS + 1)
        runs = (await self._reads.runs(RunFilter(workflow=workflow_id), after=None, limit=LAST_RUNS)).items
        outcomes = await self._reads.outcomes(workflow.id, now() - timedelta(days=DAYS))
        endpoints = {item.name: path("endpoints", item.id) for item in await self._reads.definitions(Kind.ENDPOINT)}
        return WorkflowPage(
            id=workflow_id,
            name=workflow.name,
            description=str(shown.definition.get("description", "")),
            version=number,
            latest=workflow.latest,
            graph=graph_of(shown.definition, endpoints),
            yaml=shown.yaml,
            facts=_facts(workflow, shown, endpoints),
            versions=version_rows(workflow, newest, shown=number)[:MOST_VERSIONS],
            runs=tuple(run_row(run) for run in runs[:ROWS]),
            bars=run_bars(runs, LAST_RUNS),
            outcomes=outcomes_view(workflow, outcomes, runs),
            start=None if workflow.retired else start_form(workflow, shown),
            actions=() if workflow.retired else _actions(workflow, shown),
            triggers=tuple(trigger_view(workflow_id, item) for item in await triggers_of(self._reads, workflow_id) or ()),
            trouble_text=_trouble(workflow, shown, endpoints),
            trouble=self._away("executor", "Runs do not move on, and new ones wait."),
        )


def _actions(workflow: WorkflowRecord, shown: VersionRecord) -> tuple[Action, ...]:
    return (
        _start(workflow, shown, opens="start-dialog"),
        Action(label="Edit", url=path("workflows", workflow.id, "edit"), method="get"),
        Action(label="Delete", url=path("workflows", workflow.id, "delete"), method="get", look="danger"),
    )


def _facts(workflow: WorkflowRecord, version: VersionRecord, endpoints: Mapping[str, str]) -> tuple[Fact, ...]:
    definition = version.definition
    used = sorted({part["endpoint"] for part in definition.get("components", ()) if part.get("endpoint")})
    triggers = ", ".join(item["kind"] for item in definition.get("triggers", ())) or "people and the API only"
    facts = [
        Fact(label="Version", value=f"{version.version} of {workflow.latest}"),
        Fact(label="Published", value=f"{version.published_at:%Y-%m-%d %H:%M UTC} by {version.published_by}"),
        Fact(label="Started by", value=triggers),
    ]
    facts += _rules(definition)
    facts += [Fact(label="Endpoint", value=name, url=endpoints.get(name, ""), tone=None if name in endpoints else "bad") for name in used]
    return tuple(facts)


def _rules(definition: Mapping[str, Any]) -> list[Fact]:
    """Return what holds for its runs, as far as something is said."""
    found = [Fact(label="Business key", value=definition["business_key"], mono=True)] if definition.get("business_key") else []
    if definition.get("timeout") is not None:
        found.append(Fact(label="Time limit", value=format_duration(definition["timeout"])))
    if definition.get("concurrency") is not None:
        found.append(Fact(label="Runs at once", value=f"at most {definition['concurrency']:,}"))
    if definition.get("priority", 5) != 5:
        found.append(Fact(label="Priority", value=f"{definition['priority']} of 9"))
    return found


def _trouble(workflow: WorkflowRecord, version: VersionRecord, endpoints: Mapping[str, str]) -> str:
    if workflow.retired:
        return "This workflow was deleted: runs in flight go on, and no new one starts."
    missing = sorted({part["endpoint"] for part in version.definition.get("components", ()) if part.get("endpoint")} - set(endpoints))
    if missing:
        names = ", ".join(missing)
        verb = "does" if len(missing) == 1 else "do"
        return f"It can't run as it is: {plural(len(missing), 'endpoint')} that it names {verb} not exist ({names})."
    return ""
