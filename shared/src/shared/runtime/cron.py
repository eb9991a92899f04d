"""Cron expressions of five fields in a time zone, as Debian's cron reads them, also where the clocks change.

A job at a fixed time that the spring change skips runs right after the gap; one that the autumn change repeats runs once. Jobs
that run every so many minutes or hours follow the clock on the wall through both.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

_FIELDS = ("minute", "hour", "day of the month", "month", "day of the week")
_RANGES = ("0 to 59", "0 to 23", "1 to 31", "1 to 12 or JAN to DEC", "0 to 7 or SUN to SAT (0 and 7 are Sunday)")
_EXAMPLE = "0 6 * * 1-5"


class WrongCron(ValueError):
    """No cron expression, or one that never fires. The text is a sentence, ``hint`` the way out."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@lru_cache(maxsize=1)
def time_zones() -> frozenset[str]:
    """Return the names of the IANA database that this machine knows; UTC is always one of them."""
    return frozenset(available_timezones()) | {"UTC"}


class Schedule:
    """The times of a cron expression in a time zone; asked and answered in UTC."""

    def __init__(self, cron: str, time_zone: str = "UTC") -> None:
        """Raise WrongCron when the expression can't be read or the zone is not known."""
        check(cron)
        if time_zone not in time_zones():
            hint = "Write a name of the IANA database, e.g. Europe/Berlin or UTC."
            if len(time_zones()) == 1:
                hint = "This machine has no time zone database; install the package tzdata."
            raise WrongCron(f"There is no time zone “{time_zone[:64]}”.", hint)
        self._cron = cron
        self._zone = UTC if time_zone in {"UTC", "Etc/UTC"} else ZoneInfo(time_zone)

    def after(self, moment: datetime) -> datetime | None:
        """Return the first time after ``moment``; None when there is none within fifty years."""
        for found in CronSim(self._cron, moment.astimezone(self._zone)):
            # In the hour that the autumn change repeats the first answer may be its first half, which is over.
            if (time := found.astimezone(UTC)) > moment:
                return time
        return None

    def back_from(self, moment: datetime) -> Iterator[datetime]:
        """Yield the times up to and with ``moment``, the newest first."""
        start = (moment + timedelta(seconds=1)).replace(microsecond=0).astimezone(self._zone)
        for found in CronSim(self._cron, start, reverse=True):
            if (time := found.astimezone(UTC)) <= moment:
                yield time

    @property
    def words(self) -> str:
        """The expression in English."""
        return CronSim(self._cron, datetime(2026, 1, 1, tzinfo=UTC)).explain()


def check(cron: str) -> None:
    """Raise WrongCron unless ``cron`` has five fields that can be read and it fires at some time."""
    fields = cron.split()
    if len(fields) != len(_FIELDS):
        hint = f"Write minute, hour, day of the month, month and day of the week, e.g. {_EXAMPLE}."
        if cron.strip().startswith("@"):
            hint = f"Names like {cron.strip()[:20]} are not taken. {hint}"
        raise WrongCron(f"A cron expression has five fields; “{cron[:60]}” has {len(fields)}.", hint)
    for place, text in enumerate(fields):
        alone = ["*"] * 5
        alone[place] = text
        if not _readable(alone):
            raise WrongCron(f"“{text[:40]}” is no {_FIELDS[place]}.", f"Write {_RANGES[place]}, lists 1,15, ranges 1-5, steps */10 or *.")
    never = WrongCron(f"“{cron[:60]}” never fires: no month has such a day.", "Correct the day of the month or the month.")
    try:
        next(CronSim(cron, datetime(2026, 1, 1, tzinfo=UTC)))
    except (CronSimError, StopIteration):
        # Each field can be read on its own: the days are not in these months.
        raise never from None


def _readable(fields: list[str]) -> bool:
    try:
        CronSim(" ".join(fields), datetime(2026, 1, 1, tzinfo=UTC))
    except (CronSimError, AssertionError, ValueError, TypeError, IndexError):
        return False
    return True
