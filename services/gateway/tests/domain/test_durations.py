"""Durations are written so that they are read back as they were."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from gateway.domain.durations import format_duration, parse_duration


@given(some.integers(0, 999_999_999_999))
def test_every_microsecond_is_read_back_as_it_was_written(microseconds: int) -> None:
    assert parse_duration(format_duration(microseconds / 1e6)) == microseconds / 1e6


@given(some.integers(0, 31_536_000_000))
def test_every_millisecond_of_a_year_is_read_back_as_it_was_written(milliseconds: int) -> None:
    assert parse_duration(format_duration(milliseconds / 1e3)) == milliseconds / 1e3


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.0004, "0.4ms"),
        (0.25, "250ms"),
        (1.5, "1500ms"),
        (90, "90s"),
        (120, "2m"),
        (3600, "1h"),
        (86_400, "1d"),
        (0.7, "700ms"),
    ],
)
def test_the_shortest_exact_writing_is_taken(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
    assert parse_duration(text) == seconds
