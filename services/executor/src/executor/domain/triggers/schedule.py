"""Which times of a schedule fire, and which were missed."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from shared.runtime.cron import Schedule

GRACE = timedelta(seconds=60)
"""A time that is late by no more than this is on time: another executor needs up to ten seconds to take over."""
MOST_COUNTED = 5_000
"""Missed times are counted up to here."""


@dataclass(frozen=True, slots=True)
class Due:
    """What is to be done now. ``fire``: planned times, oldest first. ``missed``: how many others passed, at least."""

    fire: tuple[datetime, ...]
    missed: int
    next_at: datetime | None
    missed_last: datetime | None = None


def due(schedule: Schedule, next_at: datetime, now: datetime, *, catch_up: Literal["none", "last", "all"], most: int) -> Due:
    """Say what happens with the times from ``next_at`` to ``now``. With catch_up all the newest ``most`` are made up for."""
    if next_at > now:
        return Due((), 0, next_at)
    fire: list[datetime] = []
    missed, missed_last = 0, None
    for planned in schedule.back_from(now):
        if planned < next_at or missed >= MOST_COUNTED:
            break
        wanted = {"none": int(now - planned <= GRACE), "last": 1, "all": most}[catch_up]
        if missed == 0 and len(fire) < wanted:
            fire.append(planned)
        else:
            missed += 1
            missed_last = missed_last or planned
    return Due(tuple(reversed(fire)), missed, schedule.after(now), missed_last)
