"""The triggers of a workflow for its page."""

from collections import Counter
from collections.abc import Sequence

from gateway.application.answers.triggers import FiringAnswer, TriggerAnswer
from gateway.application.queries.words import path
from gateway.application.views.parts import Action, HistoryBar, Seen, StateView, state_view
from gateway.application.views.triggers import TriggerView
from shared.runtime.cron import Schedule, WrongCron

MOST_BARS = 20

_STATES = {
    "active": StateView(tone="ok", word="Active"),
    "paused": StateView(tone="waiting", word="Paused"),
    "troubled": StateView(tone="retry", word="Held up"),
    "never": StateView(tone="bad", word="Never fires"),
    "unknown": StateView(tone="unknown", word="Unknown"),
}
_RESULTS = {
    "started": StateView(tone="run", word="Started"),
    "filtered": StateView(tone="skipped", word="Filtered out"),
    "paused": StateView(tone="waiting", word="Passed over while paused"),
    "missed": StateView(tone="retry", word="Missed"),
    "failed": StateView(tone="bad", word="Failed"),
}


def trigger_view(workflow_id: str, trigger: TriggerAnswer) -> TriggerView:
    """Return a trigger as the page shows it."""
    last = trigger.firings[0] if trigger.firings else None
    return TriggerView(
        name=trigger.name,
        kind=trigger.kind,
        listens_to=trigger.listens_to,
        about=_in_words(trigger),
        state=_STATES[trigger.state],
        told=Seen(at=trigger.told_at, stale=trigger.state == "unknown", source="triggers.events.v1"),
        next_at=trigger.next_at,
        last_at=last.at if last else None,
        last_word=_word(last) if last else "",
        why_not=trigger.why_not,
        bars=tuple(_bar(firing) for firing in reversed(trigger.firings[:MOST_BARS])),
        fired=_added_up(trigger.firings[:MOST_BARS]),
        actions=_actions(workflow_id, trigger),
    )


def _in_words(trigger: TriggerAnswer) -> str:
    if trigger.kind != "schedule":
        return ""
    cron, _, zone = trigger.listens_to.rpartition(" in ")
    try:
        return f"{Schedule(cron, zone).words}, {zone}"
    except WrongCron as wrong:
        return wrong.message


def _word(firing: FiringAnswer) -> str:
    if firing.refused:
        return "run refused"
    state = _RESULTS.get(firing.result, state_view(firing.result))
    return f"{state.word.lower()}{f' {firing.count:,} times' if firing.count > 1 else ''}"


def _bar(firing: FiringAnswer) -> HistoryBar:
    asked = firing.result == "started" and firing.run_status is not None
    state = state_view(firing.run_status) if asked else _RESULTS.get(firing.result, state_view(firing.result))
    many = f", {firing.count:,} in all" if firing.count > 1 else ""
    said = f"{'Asked for' if firing.refused else 'Started'}: run {state.word.lower()}{many}" if asked else f"{state.word}{many}"
    if firing.reason:
        said += f". {firing.reason}"
    return HistoryBar(
        state=state,
        share=1.0 if firing.result == "started" else 0.45,
        title=f"{firing.at:%Y-%m-%d %H:%M:%S UTC} · {said}"[:300],
        url=path("runs", firing.run_id) if firing.run_id else "",
    )


def _added_up(firings: Sequence[FiringAnswer]) -> str:
    """Return e.g. ``18 started, 3 filtered out``."""
    counts: Counter[str] = Counter()
    for firing in firings:
        counts["refused" if firing.refused else firing.result] += firing.count
    words = {
        "started": "started",
        "refused": "refused",
        "filtered": "filtered out",
        "paused": "passed over",
        "missed": "missed",
        "failed": "failed",
    }
    return ", ".join(f"{counts[result]:,} {word}" for result, word in words.items() if counts[result])


def _actions(workflow_id: str, trigger: TriggerAnswer) -> tuple[Action, ...]:
    url = path("workflows", workflow_id, "triggers", trigger.name)
    resume = trigger.paused is True
    meanwhile = "what came meanwhile follows catch_up" if trigger.kind == "schedule" else "what came meanwhile is passed over"
    return (
        Action(
            label=f"{'Resume' if resume else 'Pause'} {trigger.name}",
            url=f"{url}{'resume' if resume else 'pause'}/",
            icon="play" if resume else "pause",
            confirm="" if resume else f"Pause the trigger {trigger.name}?",
            consequence=f"It fires again from now on; {meanwhile}." if resume else "It starts no run until somebody resumes it.",
        ),
        Action(
            label=f"Fire {trigger.name} now",
            url=f"{url}fire/",
            icon="fire",
            confirm=f"Fire {trigger.name} now?",
            consequence="Starts one run with the trigger's own inputs, as if it had fired.",
        ),
    )
