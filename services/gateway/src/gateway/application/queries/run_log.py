"""The log of a run: its events as lines."""

from typing import Any

from gateway.application.answers.runs import RunEventAnswer
from gateway.application.queries.words import count
from gateway.application.views.dags import LogLine


def _by(body: dict[str, Any]) -> str:
    return f" by {body['requested_by']}" if body.get("requested_by") else ""


def _asked_by(body: dict[str, Any]) -> str:
    return f", asked{_by(body)}" if body.get("requested_by") else ""


def log_line(event: RunEventAnswer) -> LogLine:  # noqa: C901 - one case for each kind of event
    """Return an event as a line; one of a kind that is not known here stands by its name."""
    body = event.body
    name = str(body.get("component", "run"))
    level, text = "info", event.event
    transfer = body.get("transfer") or {}
    moved = f", {count(transfer.get('confirmed'))} confirmed" if transfer else ""
    match event.event:
        case "run.started":
            text = f"started, version {body.get('version')}" + (" · waits for its turn" if body.get("queued") else "")
        case "run.released":
            text = "has its turn"
        case "run.paused" | "run.resumed":
            text = f"{event.event[4:]} by {body.get('requested_by') or 'somebody'}" + (f": {body['reason']}" if body.get("reason") else "")
        case "attempt.held":
            level, text = "warning", f"attempt {body.get('attempt')} is held: {body.get('reason')}"
        case "attempt.started":
            text = f"attempt {body.get('attempt')} begins" + (f" on {body['host']}" if body.get("host") else "") + _asked_by(body)
        case "attempt.progressed":
            text = f"{count(transfer.get('read'))} read{moved}" if transfer else "goes on"
            text += f": {body['message']}" if body.get("message") else ""
        case "attempt.failed":
            level, failure = "error", body.get("failure") or {}
            after = f"; next attempt at {str(body['next_attempt_at'])[11:19]}" if body.get("next_attempt_at") else ""
            decided = f" [{body['decision']}]" if body.get("decision") else ""
            why = f" ({body['why']})" if body.get("why") else ""
            text = f"attempt {body.get('attempt')} failed: {failure.get('code', '')}: {failure.get('message', '')}{after}{decided}{why}"
        case "component.finished":
            level = "error" if body.get("status") in ("failed", "upstream_failed") else "info"
            text = f"{str(body.get('status', '')).replace('_', ' ')}{moved}{_by(body)}" + (
                f": {body['message']}" if body.get("message") else ""
            )
        case "run.finished":
            level = "error" if body.get("status") == "failed" else "info"
            text = f"{body.get('status')}{_by(body)}" + (f": {body['message']}" if body.get("message") else "")
        case "run.reopened":
            text = f"runs again: {', '.join(body.get('again', {}))}" + (f", version {body['version']}" if body.get("version") else "")
            text += ", with edited inputs" if body.get("inputs") is not None else ""
            text += _asked_by(body)
        case "command.refused":
            level, text = "warning", f"refused {body.get('command')}: {body.get('reason')}"
    return LogLine(text=text, at=event.at.strftime("%H:%M:%S.%f")[:-3], source=name, level=level)
