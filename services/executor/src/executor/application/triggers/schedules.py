"""Schedules: what is due by the database's clock, whoever looks first."""

from datetime import datetime

from executor.application.triggers.ports import Book, Decision, TriggerRow
from executor.domain.triggers.firing import Firing, NotFired, time_id
from executor.domain.triggers.schedule import MOST_COUNTED, due
from shared.contracts.workflows import ScheduleTrigger
from shared.runtime.cron import Schedule, WrongCron

_WHY = {
    "none": "Nobody could fire at that time, and catch_up is none.",
    "last": "Nobody could fire at these times; with catch_up last one run was started for the newest.",
    "all": "Nobody could fire at these times, and there are more of them than most_catch_up allows.",
}


def first_time(trigger: ScheduleTrigger, now: datetime) -> tuple[datetime | None, str]:
    """Return when a schedule fires next, and why it never does, with the way out."""
    try:
        return Schedule(trigger.cron, trigger.time_zone).after(now), ""
    except WrongCron as wrong:
        return None, f"{wrong.message} {wrong.hint}"


def decide(row: TriggerRow, now: datetime) -> Decision:
    """Say what a schedule whose time has come does."""
    trigger = row.trigger
    assert isinstance(trigger, ScheduleTrigger)  # noqa: S101 - only schedules have a time
    try:
        schedule = Schedule(trigger.cron, trigger.time_zone)
    except WrongCron as wrong:
        return Decision((), (), None, f"{wrong.message} {wrong.hint}")
    found = due(schedule, row.next_at or now, now, catch_up=trigger.catch_up, most=trigger.most_catch_up)
    fire = [Firing(time_id(planned), dict(trigger.inputs), planned) for planned in found.fire]
    told = []
    if found.missed and found.missed_last is not None:
        reason = _WHY[trigger.catch_up] + (f" There are more than {MOST_COUNTED}." if found.missed >= MOST_COUNTED else "")
        told.append(NotFired("missed", time_id(found.missed_last), reason, found.missed, found.missed_last))
    return Decision(fire, told, found.next_at)


async def fire_due(book: Book) -> int:
    """Fire everything that is due; return how many schedules that was."""
    fired = 0
    while await book.take_due(decide):
        fired += 1
    return fired
