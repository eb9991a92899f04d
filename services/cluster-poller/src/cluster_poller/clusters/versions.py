"""Airflow's version numbers."""

import re

_NUMBERS = re.compile(r"^\d+(?:\.\d+)*")


def parse_version(version: str) -> tuple[int, ...]:
    """Give the numbers of a version, ``3.1.0b2`` → (3, 1, 0); nothing readable → (0,)."""
    found = _NUMBERS.match(version.strip())
    return tuple(int(part) for part in found[0].split(".")) if found else (0,)
