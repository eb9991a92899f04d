"""Versions of a workflow, and two of them compared."""

from datetime import datetime
from typing import Any, Literal

from pydantic import ConfigDict, Field

from gateway.application.answers.base import Answer
from gateway.application.definitions import VersionRecord
from gateway.domain.text_diff import TextDiff
from gateway.domain.workflow_changes import Change


class VersionListed(Answer):
    """A version in the list: who published it, when, and what it changed."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "workflow_id": "01977d10-0000-7000-8000-000000000001",
                    "version": 7,
                    "published_at": "2026-11-22T03:12:40Z",
                    "published_by": "mk",
                    "note": "longer retry",
                    "changes": ["OrderQueue: queue is “orders” instead of “order”."],
                }
            ]
        }
    )

    workflow_id: str
    version: int
    published_at: datetime
    published_by: str
    note: str = ""
    changes: tuple[str, ...] = Field(default=(), description="In words, against the version before; empty when only the text differs.")


class ChangeAnswer(Answer):
    """One difference between two versions."""

    what: Literal["added", "removed", "changed"]
    part: Literal["workflow", "input", "component", "connection", "trigger"]
    name: str = Field(default="", description="Of what: a component, “A → B”, an input, a trigger; empty = the workflow itself.")
    field: str = Field(default="", description="What of it, e.g. options.queue; empty = the whole.")
    before: Any = None
    after: Any = None
    sentence: str = Field(description="The same in words.")


class DiffRow(Answer):
    """A line of both texts; a side that has none is null. A gap stands for lines that are the same."""

    kind: Literal["same", "added", "removed", "changed", "gap"]
    before: int | None = None
    after: int | None = None
    before_text: str = ""
    after_text: str = ""
    skipped: int = 0


class ComparisonAnswer(Answer):
    """Two versions of a workflow compared: what the model says differently, and the lines of the texts."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "workflow_id": "01977d10-0000-7000-8000-000000000001",
                    "before": 6,
                    "after": 7,
                    "changes": [
                        {
                            "what": "changed",
                            "part": "component",
                            "name": "OrderQueue",
                            "field": "options.queue",
                            "before": "order",
                            "after": "orders",
                            "sentence": "OrderQueue: queue is “orders” instead of “order”.",
                        }
                    ],
                    "rows": [{"kind": "changed", "before": 5, "after": 5, "before_text": "queue: order", "after_text": "queue: orders"}],
                    "added": 1,
                    "removed": 1,
                    "cut": False,
                }
            ]
        }
    )

    workflow_id: str
    before: int
    after: int
    changes: tuple[ChangeAnswer, ...] = ()
    rows: tuple[DiffRow, ...] = Field(default=(), description="With three lines around each change; empty when the texts are the same.")
    added: int = Field(default=0, description="Lines that only the later text has.")
    removed: int = Field(default=0, description="Lines that only the earlier text has.")
    cut: bool = Field(default=False, description="There are more rows than are given.")


def comparison(before: VersionRecord, after: VersionRecord, changes: tuple[Change, ...], lines: TextDiff) -> ComparisonAnswer:
    """Join what was found."""
    return ComparisonAnswer(
        workflow_id=after.workflow_id,
        before=before.version,
        after=after.version,
        changes=tuple(ChangeAnswer(**vars(change)) for change in changes),
        rows=tuple(DiffRow(**vars(row)) for row in lines.rows),
        added=lines.added,
        removed=lines.removed,
        cut=lines.cut,
    )
