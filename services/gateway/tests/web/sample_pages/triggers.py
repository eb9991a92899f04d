"""Triggers in every state, made by the page's own query from answers as the read model gives them."""

from datetime import timedelta

from gateway.application.answers.triggers import FiringAnswer, TriggerAnswer
from gateway.application.queries.triggers import trigger_view
from sample_pages.frame import NOW, ago


def _firings(word: str, every: float) -> tuple[FiringAnswer, ...]:
    """One firing per letter, the newest first: (s)ucceeded, (f)ailed, (r)unning, (x) filtered, (p)assed over, (m)issed, (e)rror."""
    results = {"x": "filtered", "p": "paused", "m": "missed", "e": "failed"}
    runs = {"s": "succeeded", "f": "failed", "r": "running"}
    return tuple(
        FiringAnswer(
            firing_id=f"f{place}",
            at=ago(every * (place + 0.2)),
            result=results.get(letter, "started"),
            run_id=f"r{place}" if letter in runs else None,
            run_status=runs.get(letter),
            count=17 if letter == "x" else 1,
            reason={"x": "The filter is false for it.", "e": "An expression has no value for this message: no such key: total."}.get(
                letter, ""
            ),
        )
        for place, letter in enumerate(word)
    )


_ANSWERS = (
    TriggerAnswer(
        name="big-orders",
        kind="kafka",
        state="active",
        paused=False,
        told_at=ago(5000),
        version=7,
        listens_to="orders on prod-kafka",
        firings=_firings("rsxssfssexssssssss", 40),
    ),
    TriggerAnswer(
        name="weekdays",
        kind="schedule",
        state="active",
        paused=False,
        told_at=ago(7000),
        next_at=NOW + timedelta(hours=14, minutes=3),
        version=7,
        listens_to="0 6 * * 1-5 in Europe/Berlin",
        firings=_firings("sssmsssfs", 86_400),
    ),
    TriggerAnswer(
        name="after-etl",
        kind="dag",
        state="troubled",
        paused=False,
        told_at=ago(60),
        version=7,
        trouble="There is no cluster “eu-prdo”. Register it, or correct cluster: in the trigger.",
        why_not="There is no cluster “eu-prdo”. Register it, or correct cluster: in the trigger.",
        listens_to="daily_orders on eu-prdo: success",
    ),
    TriggerAnswer(
        name="refunds",
        kind="kafka",
        state="paused",
        paused=True,
        told_at=ago(600),
        version=7,
        why_not="It is paused; what comes meanwhile starts nothing.",
        listens_to="refunds on prod-kafka",
        firings=_firings("psss", 400),
    ),
    TriggerAnswer(
        name="event",
        kind="event",
        state="unknown",
        why_not="No executor has said how it stands since this version was published. Look whether the executor runs.",
        listens_to="a message on runs.commands.v1",
    ),
)

TRIGGERS = tuple(trigger_view("order-processing", answer) for answer in _ANSWERS)
