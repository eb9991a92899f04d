"""Who asked what of a run, how it stood before and after, and what was refused."""

from typing import Any

from gateway.application.answers.definitions import AuditAnswer
from gateway.application.answers.runs import RunDetail, RunEventAnswer
from gateway.application.queries.words import plural
from gateway.application.views.runs import AuditRow

_ASKED = {
    "run.start": "started it",
    "run.cancel": "asked to cancel it",
    "run.pause": "asked to pause it",
    "run.resume": "asked to let it go on",
    "run.retry": "asked for a retry",
    "run.reopened": "let it run again, from outside",
    "run.paused": "paused it, from outside",
    "run.resumed": "let it go on, from outside",
    "run.cancelled": "cancelled it, from outside",
    "run.retry_now": "asked for the next attempt to begin now",
}
_SCOPES = {"following": " with all that follows", "slice": " as a slice", "failed": " of all that failed"}


def audit_of(run: RunDetail, entries: tuple[AuditAnswer, ...], events: list[RunEventAnswer]) -> tuple[AuditRow, ...]:
    """Return what was asked and what was refused, oldest first."""
    rows = [_row(entry) for entry in entries]
    if not any(entry.action == "run.start" for entry in entries):
        rows.append(AuditRow(at=run.asked_at, who=run.requested_by or run.trigger or "a program", what="started it"))
    refused = [(event.at, event.body) for event in events if event.event == "command.refused"]
    if run.refusal is not None and run.refusal.gone:
        # It stands in no journal: the executor has none of this run any more.
        refused.append((run.refusal.at, run.refusal.model_dump()))
    rows += [
        AuditRow(at=at, who="executor", what=f"refused {_command(body.get('command'))}", reason=str(body.get("reason", "")), tone="bad")
        for at, body in refused
    ]
    return tuple(sorted(rows, key=lambda row: row.at))


def refusal_of(run: RunDetail) -> str:
    """Return what was asked last and refused; empty when the run has gone on since."""
    told = run.refusal
    if told is None:
        return ""
    by = f", asked by {told.requested_by}" if told.requested_by else ""
    gone = " The executor keeps this run no longer; start a new one with the same inputs." if told.gone else ""
    return f"{_command(told.command).capitalize()} was refused{by}: {told.reason}{gone}"


def _command(command: object) -> str:
    return f"the {str(command or 'command').replace('_', ' ')}"


def _row(entry: AuditAnswer) -> AuditRow:
    after, what = entry.after or {}, _ASKED.get(entry.action, entry.action)
    names = ", ".join(name for name in after.get("components") or [after.get("component")] if name)
    if entry.action == "run.retry":
        what += (f" of {names}" if names else "") + (
            _SCOPES.get(after.get("scope", ""), "") if after.get("scope") != "failed" or not names else ""
        )
        what += f" up to {after['until']}" if after.get("until") else ""
        what += f", version {after['version']}" if after.get("version") else ""
        what += ", with edited inputs" if after.get("inputs") is not None else ""
        what += " (bulk retry)" if after.get("bulk") else ""
    elif names:
        what += f" of {names}"
    return AuditRow(
        at=entry.at, who=entry.who, what=what, reason=entry.reason, before=_before(entry.before), after=_after(entry.action, after)
    )


def _before(body: dict[str, Any] | None) -> str:
    if not body:
        return ""
    counts: dict[str, int] = {}
    for status in (body.get("components") or {}).values():
        counts[status] = counts.get(status, 0) + 1
    parts = ", ".join(f"{plural(number, 'component')} {status.replace('_', ' ')}" for status, number in counts.items())
    return f"{body.get('status', '')} at event {body.get('seq', 0)}" + (f" ({parts})" if parts else "")


def _after(action: str, body: dict[str, Any]) -> str:
    if action in ("run.retry", "run.reopened") and body.get("again"):
        return f"runs again: {', '.join(f'{name} (generation {generation})' for name, generation in body['again'].items())}"
    if body.get("outside"):
        return _before(body)
    return f"asked to be {body['status']}" if body.get("status") else ""
