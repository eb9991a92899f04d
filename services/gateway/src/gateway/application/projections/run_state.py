"""A run while its events are folded."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

MOST_WORDS = 8000
"""Signs of a run's words that can be searched; what stands behind them in very large inputs is not found."""


@dataclass
class RunState:
    """A run as it is known, with what this batch changed. Component and attempt columns are plain dictionaries."""

    run_id: str
    row: dict[str, Any]
    components: dict[str, dict[str, Any]] = field(default_factory=dict)
    attempts: dict[tuple[str, int, int], dict[str, Any]] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    """Components that the version of a retry no longer has."""
    renamed: bool = False
    """Whether the words changed by which people find it."""
    new: bool = False
    """Whether no row of it stands yet."""
    declared: Callable[[str, int], Iterable[str]] = lambda _workflow, _version: ()
    """Names of the components of a workflow's version."""

    @property
    def unknown(self) -> bool:
        """Whether nobody has told of such a run yet."""
        return self.new and self.seq == 0

    @property
    def seq(self) -> int:
        """Number of the last event that is in it."""
        return int(self.row["seq"])


def words_of(run_id: str, business_key: str | None, inputs: Any) -> str:
    """Return what a run is found by: business key, id, inputs as JSON."""
    parts = (business_key or "", run_id, json.dumps(inputs, ensure_ascii=False) if inputs else "")
    return "\n".join(part for part in parts if part)[:MOST_WORDS]
