"""Durations as people write them: ``500ms``, ``1s``, ``2m``, ``1h``, ``1d``."""

import re
from decimal import Decimal

_UNITS = {"ms": Decimal("0.001"), "s": Decimal(1), "m": Decimal(60), "h": Decimal(3600), "d": Decimal(86_400)}
_WORDS = {
    **dict.fromkeys(("ms", "msec", "msecs", "millis", "millisecond", "milliseconds"), "ms"),
    **dict.fromkeys(("", "s", "sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), "m"),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), "h"),
    **dict.fromkeys(("d", "day", "days"), "d"),
}
_EXACT = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)", re.ASCII)
_LOOSE = re.compile(r"\s*(\d{1,9}(?:[.,]\d{1,3})?)\s*([A-Za-z]{0,12})\.?", re.ASCII)
YEAR = 31_536_000.0


class WrongDuration(ValueError):
    """Not a duration; ``hint`` says what to write instead."""

    def __init__(self, message: str, hint: str) -> None:
        self.hint = hint
        super().__init__(message)


def parse_duration(value: object) -> float:
    """Return the seconds that ``value`` means; raise WrongDuration, which says what to write, when it is none."""
    text = value if isinstance(value, str) else str(value)
    match = _EXACT.fullmatch(text)
    if match is None:
        raise WrongDuration(f"{_shown(text)} is not a duration.", _suggest(text))
    seconds = float(Decimal(match.group(1)) * _UNITS[match.group(2)])
    if seconds > YEAR:
        raise WrongDuration(f"{_shown(text)} is longer than a year.", "Write at most 365d.")
    return seconds


def format_duration(seconds: float) -> str:
    """Return the shortest exact writing, e.g. 90 → ``90s``, 3600 → ``1h``, 0.25 → ``250ms``, 0.0004 → ``0.4ms``.

    What has none is rounded: to a microsecond, and above 999,999,999 ms to a millisecond.
    """
    exact = Decimal(repr(float(seconds)))
    for unit in ("d", "h", "m", "s"):
        whole, rest = divmod(exact, _UNITS[unit])
        if (whole or unit == "s") and not rest:
            return f"{whole:.0f}{unit}"
    unit = "ms" if exact < 1_000_000 else "s"
    return f"{exact / _UNITS[unit]:.3f}".rstrip("0").rstrip(".") + unit


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "…")


def _suggest(text: str) -> str:
    """Read it as generously as possible, only to say how it should have been written."""
    rest, seconds, units = text[:60], Decimal(0), set()
    if not rest.strip() or rest.strip().startswith("-"):
        return "Write a number and its unit, e.g. 500ms, 90s, 2m or 1h."
    while rest.strip():
        match = _LOOSE.match(rest)
        if match is None or match.group(2).lower() not in _WORDS:
            return "Write a number and its unit, e.g. 500ms, 90s, 2m or 1h."
        unit = _WORDS[match.group(2).lower()]
        units.add(unit)
        seconds += Decimal(match.group(1).replace(",", ".")) * _UNITS[unit]
        rest = rest[match.end() :]
    if units == {"s"} and seconds == int(seconds):
        return f"Write {seconds:.0f}s."
    return f"Write {format_duration(float(seconds))}."
