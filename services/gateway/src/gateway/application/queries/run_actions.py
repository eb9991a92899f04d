"""What can be asked of a run as a whole, and what it waits for."""

from gateway.application.answers.runs import ComponentAnswer, RunDetail
from gateway.application.queries.run_retry import seen_seq, standing_of
from gateway.application.queries.run_state import MOVING, held_now
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
        actions += [*_pausing(run), _cancel(run)]
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
            consequence="Nothing more starts. What is under way ends, and its outcome stands.",
            ask_reason=True,
        )
    ]


def _cancel(run: RunDetail) -> Action:
    return Action(
        label="Cancel",
        url=path("runs", run.id, "cancel"),
        look="danger",
        icon="stop",
        confirm=f"Cancel this run of {run.workflow}?",
        consequence="What is confirmed stays where it is; nothing further is sent.",
        refused="It was asked for already" if run.cancel_asked_at else "",
        ask_reason=True,
    )


def waits_of(run: RunDetail) -> tuple[WaitRow, ...]:
    """Return everything that the run waits for, each with its reason and what can be pressed."""
    if run.status not in MOVING:
        return ()
    rows = []
    if run.status == "queued":
        rows.append(
            WaitRow(key="queued", what="The run waits for its turn", why="The workflow's limit is reached.", tone="waiting", icon="queued")
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
        actions=() if hold.limit == "breaker" else (at_once,),
    )
