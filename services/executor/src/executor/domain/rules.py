"""What of a workflow version is code by the time that it runs: compiled outside, once for each version, and handed in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Inputs = dict[str, Any]
Condition = Callable[[Inputs, dict[str, Any]], bool]
"""Tells whether a connection carries on, from the run's inputs and the source's output. Raises NoAnswer."""
NextWait = Callable[[int, str], float | None]
"""A retry plug-in: from the number of failures and the last one's code to the seconds to wait; None = no further attempt."""


class Refused(Exception):
    """The command cannot be obeyed; the text says why and what to do instead."""


class NoAnswer(Exception):
    """An expression has no value; the text is a sentence that says why."""


def _as_they_are(inputs: Inputs) -> Inputs:
    return inputs


def _nameless(_inputs: Inputs) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of one version. Nothing declared = nothing asked."""

    conditions: Mapping[tuple[str, str], Condition] = field(default_factory=dict)
    """(source, target) → the condition of the connection; the others always carry on."""
    waits: Mapping[str, NextWait] = field(default_factory=dict)
    """Component → its retry plug-in."""
    inputs: Callable[[Inputs], Inputs] = _as_they_are
    """Returns the inputs with the defaults filled in; raises Refused with every field that is wrong."""
    business_key: Callable[[Inputs], str | None] = _nameless
    """Returns the name by which people find the run; raises NoAnswer."""
