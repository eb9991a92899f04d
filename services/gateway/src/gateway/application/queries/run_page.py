"""The page of one run."""

import json
from collections.abc import Mapping
from urllib.parse import quote

from gateway.application.answers.runs import ComponentAnswer, RunDetail, RunEventAnswer
from gateway.application.queries.base import Queries
from gateway.application.queries.run_actions import actions_of, waits_of
from gateway.application.queries.run_audit import audit_of, refusal_of
from gateway.application.queries.run_log import log_line
from gateway.application.queries.run_panel import panel_of
from gateway.application.queries.run_state import MOVING, component_state, run_state, what_happens
from gateway.application.queries.run_timeline import axis_of, gantt_of, spans_of
from gateway.application.queries.run_tried import tried_of
from gateway.application.queries.runs import run_took
from gateway.application.queries.words import count, path, plural, with_query
from gateway.application.views.flow import FlowEdge, FlowGraph, FlowNode
from gateway.application.views.parts import Seen, state_view
from gateway.application.views.runs import LogSearch, MovedRow, RunPage
from gateway.application.views.shell import Person

MOST_LINES = 500


class RunPageQueries(Queries):
    """One run."""

    async def run(self, person: Person, run_id: str, asked: Mapping[str, str]) -> RunPage | None:  # noqa: ARG002
        run = await self._reads.run(run_id)
        if run is None:
            return None
        events = await self._reads.run_events(run_id, after=max(run.seq - MOST_LINES, 0), limit=MOST_LINES)
        audit = await self._reads.audit(subject_id=run_id, after=None, limit=50)
        version = await self._reads.version(run.workflow_id, run.version) if run.version else None
        chosen = _chosen(run, asked.get("component", ""))
        lines, search, note = await self._log(run, events, asked)
        moving = run.status in MOVING
        return RunPage(
            id=run.id,
            workflow=run.workflow or "not known",
            workflow_url=with_query(path("workflows", run.workflow_id), version=str(run.version or "")) if run.workflow_id else "",
            version=run.version or 0,
            version_url=with_query(path("workflows", run.workflow_id), version=str(run.version)) if run.workflow_id and run.version else "",
            label=run.business_key or run.id[-12:],
            state=run_state(run),
            sentence=what_happens(run),
            refusal=refusal_of(run),
            started=run.started_at or run.asked_at,
            ended=run.finished_at,
            deadline=run.deadline_at if moving else None,
            took_seconds=run_took(run),
            by=run.requested_by or run.trigger,
            trace_id=run.trace_id or "",
            validation="",
            graph=_graph(run, chosen.component if chosen else ""),
            panel=panel_of(run, chosen) if chosen else None,
            waits=waits_of(run),
            gantt=gantt_of(run),
            axis=axis_of(run),
            tried=tried_of(run),
            moved=_moved(run),
            spans=spans_of(run),
            inputs=json.dumps(run.inputs, indent=2, ensure_ascii=False) if run.inputs else "",
            yaml=version.yaml if version else "",
            audit=audit_of(run, audit.items, events),
            log=tuple(log_line(event) for event in lines),
            log_note=note,
            log_url=f"/api/runs/{quote(run.id, safe='')}/events.jsonl",
            log_search=search,
            seen=Seen(at=run.updated_at, stale=False, source="executor"),
            live=moving,
            actions=actions_of(run),
            trouble=self._away("executor", "The run does not move on.") if moving else None,
        )

    async def _log(
        self, run: RunDetail, newest: list[RunEventAnswer], asked: Mapping[str, str]
    ) -> tuple[list[RunEventAnswer], LogSearch | None, str]:
        """Return the events that the log shows, its search, and what is not shown, in words."""
        words, component, last = asked.get("q", "").strip()[:200], asked.get("component", "")[:100], asked.get("after", "")
        if not words:
            if run.seq <= MOST_LINES:
                return newest, None, ""
            return newest, LogSearch(events=run.seq, component=component), f"The newest {MOST_LINES} of {run.seq:,} events"
        after = int(last) if last.isdecimal() and len(last) < 10 else 0
        found = await self._reads.run_events(run.id, after=after, limit=MOST_LINES + 1, words=words)
        shown = found[:MOST_LINES]
        further = str(shown[-1].seq) if len(found) > MOST_LINES else ""
        url = with_query(path("runs", run.id), component=component, q=words, after=further) if further else ""
        note = f"{plural(len(shown), 'event')} of {run.seq:,} hold “{words}”" + (f", behind event {after:,}" if after else "")
        if further:
            note = f"The {'next' if after else 'first'} {MOST_LINES} events that hold “{words}”"
        return shown, LogSearch(words=words, events=run.seq, component=component, next_url=url), note


def _chosen(run: RunDetail, wanted: str) -> ComponentAnswer | None:
    by_name = {item.component: item for item in run.components}
    if wanted in by_name:
        return by_name[wanted]
    for status in ("parked", "retrying", "failed", "running", "upstream_failed"):
        found = [item for item in run.components if item.status == status]
        if found:
            return found[0]
    return run.components[-1] if run.components else None


def _figures(item: ComponentAnswer) -> tuple[str, str]:
    left = (
        f"attempt {item.attempt}" + (f" of {item.attempts}" if item.attempts else "")
        if item.attempt > 1 or item.status == "retrying"
        else ""
    )
    transfer = item.transfer
    if transfer is None:
        return left, ""
    return left, f"{count(transfer.confirmed)} / {count(transfer.total)}" if transfer.total else count(transfer.confirmed)


def _graph(run: RunDetail, selected: str) -> FlowGraph:
    by_name = {item.component: item for item in run.components}
    nodes = []
    for node in run.nodes:
        item = by_name.get(node.name)
        left, right = _figures(item) if item else ("", "")
        nodes.append(
            FlowNode(
                id=node.name,
                kind=node.kind,
                endpoint=node.endpoint or "",
                state=component_state(item) if item else None,
                left=left,
                right=right,
                url=f"?component={node.name}",
            )
        )
    edges = []
    for edge in run.edges:
        target = by_name.get(edge.target)
        transfer = target.transfer if target else None
        label = "" if transfer is None else count(transfer.confirmed)
        if transfer is not None and transfer.per_second and target is not None and target.status == "running":
            label = f"{transfer.per_second:,.0f}/s"
        state = component_state(target) if target else None
        edges.append(
            FlowEdge(id=f"{edge.source}-{edge.target}", source=edge.source, target=edge.target, kind=edge.kind, label=label, state=state)
        )
    return FlowGraph(nodes=tuple(nodes), edges=tuple(edges), selected=selected)


def _moved(run: RunDetail) -> tuple[MovedRow, ...]:
    by_name = {item.component: item for item in run.components}
    rows = []
    for edge in run.edges:
        target = by_name.get(edge.target)
        transfer = target.transfer if target else None
        rows.append(
            MovedRow(
                connection=f"{edge.source} → {edge.target}",
                kind=edge.kind,
                state=state_view(target.status) if target else state_view("pending"),
                read=transfer.read if transfer else None,
                confirmed=transfer.confirmed if transfer else None,
                skipped=None,
                duplicates=transfer.duplicates_possible if transfer else None,
                invalid=None,
                bytes=transfer.bytes if transfer else None,
                rate=transfer.per_second if transfer else None,
                position=f"of {plural(transfer.total, 'message')}" if transfer and transfer.total is not None else "",
            )
        )
    return tuple(rows)
