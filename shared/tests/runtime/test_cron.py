"""Cron expressions: what is refused and why, and the days on which the clocks change."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise, takewhile

import pytest

from shared.runtime.cron import Schedule, WrongCron

BERLIN = "Europe/Berlin"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def times(schedule: Schedule, start: datetime, number: int) -> list[datetime]:
    found = [start]
    for _ in range(number):
        following = schedule.after(found[-1])
        assert following is not None
        found.append(following)
    return found[1:]


@pytest.mark.parametrize(
    ("cron", "said"),
    [
        ("0 0 30 2 *", "never fires"),
        ("0 0 31 2,4,6 *", "never fires"),
        ("* * * *", "has 4"),
        ("* * * * * *", "has 6"),
        ("@daily", "has 1"),
        ("", "has 0"),
        ("61 * * * *", "no minute"),
        ("* 24 * * *", "no hour"),
        ("* * 0 * *", "no day of the month"),
        ("* * * FOO *", "no month"),
        ("* * * * 8", "no day of the week"),
        ("*/0 * * * *", "no minute"),
        ("5-1 * * * *", "no minute"),
        ("* * * * 1#2/2", "no day of the week"),
        ("٣ * * * *", "no minute"),
    ],
)
def test_what_is_no_schedule_says_what_and_the_way_out(cron: str, said: str) -> None:
    with pytest.raises(WrongCron, match=said) as refused:
        Schedule(cron)
    assert refused.value.hint


def test_a_zone_that_nobody_knows_is_refused() -> None:
    with pytest.raises(WrongCron, match="no time zone “Europe/Berlni”"):
        Schedule("0 6 * * *", "Europe/Berlni")
    with pytest.raises(WrongCron, match="no time zone"):
        Schedule("0 6 * * *", "../../etc/passwd")


def test_a_leap_day_comes_every_four_years() -> None:
    assert Schedule("0 0 29 2 *").after(at("2026-01-01")) == at("2028-02-29")


def test_in_spring_what_falls_into_the_gap_runs_right_after_it() -> None:
    schedule = Schedule("30 2 * * *", BERLIN)
    assert times(schedule, at("2026-03-27T12:00"), 3) == [at("2026-03-28T01:30"), at("2026-03-29T01:00"), at("2026-03-30T00:30")]


def test_in_autumn_what_the_repeated_hour_holds_runs_once() -> None:
    schedule = Schedule("30 2 * * *", BERLIN)
    assert times(schedule, at("2026-10-24T12:00"), 2) == [at("2026-10-25T00:30"), at("2026-10-26T01:30")]
    for minute in range(0, 120, 7):
        following = schedule.after(at("2026-10-25T00:30") + timedelta(minutes=minute))
        assert following == at("2026-10-26T01:30"), "asked within the repeated hour it does not run again"


def test_every_quarter_of_an_hour_goes_through_both_changes() -> None:
    schedule = Schedule("*/15 * * * *", BERLIN)
    for start in (at("2026-03-28T22:00"), at("2026-10-24T22:00")):
        found = times(schedule, start, 24)
        assert {after - before for before, after in pairwise(found)} == {timedelta(minutes=15)}


@pytest.mark.parametrize("cron", ["30 2 * * *", "0 6 * * MON-FRI", "*/15 * * * *", "15 1,2,3 * * *", "0 0 L * *", "0 3 28-31 3,10 SUN"])
@pytest.mark.parametrize("zone", ["UTC", BERLIN, "America/New_York", "Australia/Lord_Howe"])
@pytest.mark.parametrize("start", ["2026-03-05", "2026-10-01"])
def test_counting_back_finds_what_counting_forth_did(cron: str, zone: str, start: str) -> None:
    schedule = Schedule(cron, zone)
    end = at(start) + timedelta(days=40)
    forth = []
    following = schedule.after(at(start))
    while following is not None and following <= end and len(forth) < 4000:
        forth.append(following)
        following = schedule.after(following)
    back = list(takewhile(lambda time: time > at(start), schedule.back_from(end)))
    assert back[::-1] == forth
