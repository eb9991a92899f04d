"""What can be asked of a run as a whole, and what it waits for."""

from datetime import UTC

from gateway.application.answers.runs import ComponentAnswer, RunDetail
from gateway.application.commands.runs import PASSABLE
from gateway.application.queries.run_retry import seen_seq, standing_of
from gateway.application.queries.run_state import MOVING, held_now, queued_for
from gateway.application.queries.words import path, with_query
from gateway.application.views.parts import Action
from gateway.application.views.runs import WaitRow
from gateway.domain.retrying import Wish, preview

_LIMITS = {
    "concurrency": "as many attempts as the endpoint allows are under way",
    "breaker": "the endpoint's breaker is open",
    "retry_budget": "the endpoint's retry budget is used up",
}


def actions_of(run: RunDetail) -> tuple[Action, ...]:
    """Return the buttons of the page's head."""
    actions = []
    broken = [item.component for item in run.components if item.status in ("failed", "parked")]
    if broken and run.status not in ("asked", "queued", "running", "waiting", "paused"):
        found = preview(standing_of(run), Wish(scope="failed"))
        consequence = f"Runs again: {', '.join(found.again)}." + (f" Stays as it is: {', '.join(found.stays)}." if found.stays else "")
        refused = f"{found.refused[0].message} {found.refused[0].hint}".strip() if found.refused else ""
        fields = {"scope": "failed", "expected_seq": str(seen_seq(run))}
        actions.append(
            Action(
                label="Retry what failed",
                url=path("runs", run.id, "retry"),
                look="primary",
                icon="retry",
                fields=fields,
                consequence=consequence,
                refused=refused,
            )
        )
    if run.components and run.status != "asked":
        gone = "The executor keeps this run no longer" if run.refusal is not None and run.refusal.gone else ""
        actions.append(Action(label="Retry …", url=path("runs", run.id, "retry"), method="get", icon="retry-from", refused=gone))
    if run.components:
        actions.append(Action(label="Compare", url=with_query("/runs/compare/", a=run.id), method="get", icon="compare"))
    if run.status in MOVING:
        actions += [_stop_undoing(run)] if undoing(run) else [*_pausing(run), _cancel(run)]
    return tuple(actions)


def _pausing(run: RunDetail) -> list[Action]:
    if run.status == "asked":
        return []
    if run.status == "paused":
        url = path("runs", run.id, "resume")
        return [Action(label="Resume", url=url, look="primary", icon="play", consequence="What waits goes on, and what is due starts.")]
    return [
        Action(
            label="Pause",
            url=path("runs", run.id, "pause"),
            icon="pause",
            confirm=f"Pause this run of {run.workflow}?",
            consequence="Nothing more starts. What is under way ends, and its outcome stands." + _limit(run),
            ask_reason=True,
        )
    ]


def _limit(run: RunDetail) -> str:
    if run.deadline_at is None:
        return ""
    return f" Its time limit goes on counting: it must still end by {run.deadline_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC."


def undoing(run: RunDetail) -> bool:
    """Return whether the run's compensations have begun: before that they are no part of it."""
    there = {item.component for item in run.components}
    return any(node.compensates and node.name in there for node in run.nodes)


def _cancel(run: RunDetail) -> Action:
    statuses = {item.component: item.status for item in run.components}
    undone = [f"{node.name} (undoes {node.compensates})" for node in run.nodes if statuses.get(node.compensates or "") == "succeeded"]
    declared = any(node.compensates for node in run.nodes)
    consequence = "What is under way is stopped. What is confirmed stays where it is; nothing further is sent."
    if undone:
        consequence = f"What is under way is stopped. Then this runs, to undo what was done: {', '.join(undone)}. Everything else stays."
    elif declared:
        consequence = "What is under way is stopped. Nothing that is done so far has a compensation; what is confirmed stays where it is."
    return Action(
        label="Cancel",
        url=path("runs", run.id, "cancel"),
        look="danger",
        icon="stop",
        confirm=f"Cancel this run of {run.workflow}?",
        consequence=consequence,
        refused="It was asked for already" if run.cancel_asked_at else "",
        ask_reason=True,
    )


def _stop_undoing(run: RunDetail) -> Action:
    return Action(
        label="Stop undoing",
        url=path("runs", run.id, "cancel"),
        look="danger",
        icon="stop",
        confirm=f"Stop undoing what this run of {run.workflow} did?",
        consequence="The compensation under way is stopped, and no other begins. What is not undone yet stays; it can be retried alone.",
        ask_reason=True,
    )


def waits_of(run: RunDetail) -> tuple[WaitRow, ...]:
    """Return everything that the run waits for, each with its reason and what can be pressed."""
    if run.status not in MOVING:
        return ()
    rows = []
    if run.status == "queued":
        why = queued_for(run)
        rows.append(
            WaitRow(key="queued", what="The run waits for its turn", why=f"{why[0].upper()}{why[1:]}.", tone="waiting", icon="queued")
        )
    if run.status == "paused":
        by = f"{run.paused_by} asked for it" if run.paused_by else "Somebody asked for it"
        why = f"{by}: {run.pause_reason}" if run.pause_reason else f"{by}. No reason was given."
        rows.append(WaitRow(key="paused", what="The run is paused", why=why, tone="waiting", icon="pause"))
    rows += [row for item in run.components if (row := _wait(run, item)) is not None]
    return tuple(rows)


def _wait(run: RunDetail, item: ComponentAnswer) -> WaitRow | None:
    failure = item.failure.message if item.failure else ""
    fields = {"component": item.component}
    at_once = Action(
        label=f"Retry {item.component} now",
        url=path("runs", run.id, "retry-now"),
        icon="retry",
        fields=fields,
        consequence="It waits no longer.",
    )
    if item.status == "retrying":
        why = " ".join(part for part in (failure, item.why) if part)
        return WaitRow(
            key=item.component,
            what=f"{item.component} waits for its next attempt",
            why=why,
            tone="retry",
            icon="timer",
            until=item.next_attempt_at,
            actions=(at_once,) if run.status != "paused" else (),
        )
    if item.status == "parked":
        menu = with_query(path("runs", run.id, "retry"), component=item.component)
        return WaitRow(
            key=item.component,
            what=f"{item.component} waits for a person",
            why=" ".join(part for part in (failure, item.why) if part),
            tone="bad",
            icon="parked",
            actions=(Action(label="Retry …", url=menu, method="get", icon="retry-from"),),
        )
    hold = held_now(item)
    if hold is None:
        return None
    return WaitRow(
        key=item.component,
        what=f"{item.component} is held: {_LIMITS.get(hold.limit, hold.limit)}",
        why=hold.reason,
        tone="waiting",
        icon="timer",
        until=hold.until,
        actions=(at_once,) if hold.limit == PASSABLE else (),
    )
