"""Durations as people write them: ``500ms``, ``30s``, ``2m``, ``1h``, ``1d``."""

import re

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_FORM = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)", re.ASCII)


def seconds_of(text: str) -> float:
    """Return the seconds; raise ValueError that shows the form."""
    match = _FORM.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"“{text}” is no duration. Write a number and its unit, for example 500ms, 30s, 2m or 1h.")
    return float(match[1]) * _UNITS[match[2]]
