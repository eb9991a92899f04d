"""The page of one run."""

from gateway.application.answers.definitions import AuditAnswer
from gateway.application.answers.runs import ComponentAnswer, RunDetail, RunEventAnswer
from gateway.application.queries.base import Queries
from gateway.application.queries.run_panel import panel_of
from gateway.application.queries.run_timeline import axis_of, gantt_of, spans_of
from gateway.application.queries.runs import run_state, run_took, what_happens
from gateway.application.queries.words import count, path, plural, with_query
from gateway.application.views.dags import LogLine
from gateway.application.views.flow import FlowEdge, FlowGraph, FlowNode
from gateway.application.views.parts import Action, Seen, state_view
from gateway.application.views.runs import AuditRow, MovedRow, RunPage
from gateway.application.views.shell import Person

MOST_LINES = 500
_ASKED = {
    "run.start": "started it",
    "run.cancel": "asked to cancel it",
    "run.retry": "asked for a retry",
    "run.retry_now": "asked for the next attempt to begin now",
}


class RunPageQueries(Queries):
    """One run."""

    async def run(self, person: Person, run_id: str, component: str) -> RunPage | None:  # noqa: ARG002
        run = await self._reads.run(run_id)
        if run is None:
            return None
        events = await self._reads.run_events(run_id, after=max(run.seq - MOST_LINES, 0), limit=MOST_LINES)
        audit = await self._reads.audit(subject_id=run_id, after=None, limit=50)
        version = await self._reads.version(run.workflow_id, run.version) if run.version else None
        chosen = _chosen(run, component)
        moving = run.status in ("asked", "running", "waiting")
        return RunPage(
            id=run.id,
            workflow=run.workflow or "not known",
            workflow_url=with_query(path("workflows", run.workflow_id), version=str(run.version or "")) if run.workflow_id else "",
            version=run.version or 0,
            label=run.id[-12:],
            state=run_state(run),
            sentence=what_happens(run),
            started=run.started_at or run.asked_at,
            ended=run.finished_at,
            took_seconds=run_took(run),
            by=run.requested_by or run.trigger,
            trace_id=run.trace_id or "",
            validation="",
            graph=_graph(run, chosen.component if chosen else ""),
            panel=panel_of(run, chosen) if chosen else None,
            gantt=gantt_of(run),
            axis=axis_of(run),
            moved=_moved(run),
            spans=spans_of(run),
            yaml=version.yaml if version else "",
            audit=_audit(run, audit.items, events),
            log=tuple(_line(event) for event in events),
            seen=Seen(at=run.updated_at, stale=False, source="executor"),
            live=moving,
            actions=_actions(run, moving=moving),
            trouble=self._away("executor", "The run does not move on.") if moving else None,
        )


def _chosen(run: RunDetail, wanted: str) -> ComponentAnswer | None:
    by_name = {item.component: item for item in run.components}
    if wanted in by_name:
        return by_name[wanted]
    for status in ("retrying", "failed", "running", "upstream_failed"):
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
                state=state_view(item.status) if item else None,
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
        state = state_view(target.status) if target else None
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


def _actions(run: RunDetail, *, moving: bool) -> tuple[Action, ...]:
    actions = []
    failed = [item.component for item in run.components if item.status == "failed"]
    if failed and not moving:
        stays = [item.component for item in run.components if item.status == "succeeded"]
        consequence = f"Runs again: {', '.join(failed)}, and what could not run because of {'it' if len(failed) == 1 else 'them'}."
        if stays:
            consequence += f" Stays as it is: {', '.join(stays)}."
        actions.append(
            Action(
                label="Retry what failed",
                url=path("runs", run.id, "retry"),
                look="primary",
                icon="retry",
                fields={"scope": "failed"},
                consequence=consequence,
            )
        )
    if moving:
        actions.append(
            Action(
                label="Cancel",
                url=path("runs", run.id, "cancel"),
                look="danger",
                confirm=f"Cancel this run of {run.workflow}?",
                consequence="What is confirmed stays where it is; nothing further is sent.",
                refused="It was asked for already" if run.cancel_asked_at else "",
            )
        )
    return tuple(actions)


def _audit(run: RunDetail, entries: tuple[AuditAnswer, ...], events: list[RunEventAnswer]) -> tuple[AuditRow, ...]:
    rows = []
    for entry in entries:
        what = _ASKED.get(entry.action, entry.action)
        components = (entry.after or {}).get("components") or [(entry.after or {}).get("component")]
        names = ", ".join(name for name in components if name)
        rows.append(AuditRow(at=entry.at, who=entry.who, what=f"{what} of {names}" if names else what))
    if not entries:
        rows.append(AuditRow(at=run.asked_at, who=run.requested_by or run.trigger or "a program", what="started it"))
    rows += [
        AuditRow(at=event.at, who="executor", what=f"refused {event.body.get('command', '')}: {event.body.get('reason', '')}")
        for event in events
        if event.event == "command.refused"
    ]
    return tuple(sorted(rows, key=lambda row: row.at))


def _line(event: RunEventAnswer) -> LogLine:
    body = event.body
    name = str(body.get("component", "run"))
    level, text = "info", event.event
    transfer = body.get("transfer") or {}
    moved = f", {count(transfer.get('confirmed'))} confirmed" if transfer else ""
    match event.event:
        case "run.started":
            text = f"started, version {body.get('version')}"
        case "attempt.started":
            text = f"attempt {body.get('attempt')} begins" + (f" on {body['host']}" if body.get("host") else "")
        case "attempt.progressed":
            text = f"{count(transfer.get('read'))} read{moved}"
        case "attempt.failed":
            level, failure = "error", body.get("failure") or {}
            after = f"; next attempt at {str(body['next_attempt_at'])[11:19]}" if body.get("next_attempt_at") else ""
            text = f"attempt {body.get('attempt')} failed: {failure.get('code', '')}: {failure.get('message', '')}{after}"
        case "component.finished":
            level = "error" if body.get("status") in ("failed", "upstream_failed") else "info"
            text = f"{str(body.get('status', '')).replace('_', ' ')}{moved}" + (f": {body['message']}" if body.get("message") else "")
        case "run.finished":
            level = "error" if body.get("status") == "failed" else "info"
            text = f"{body.get('status')}" + (f": {body['message']}" if body.get("message") else "")
        case "run.reopened":
            text = f"runs again: {', '.join(body.get('again', {}))}"
        case "command.refused":
            level, text = "warning", f"refused {body.get('command')}: {body.get('reason')}"
    return LogLine(text=text, at=event.at.strftime("%H:%M:%S.%f")[:-3], source=name, level=level)
