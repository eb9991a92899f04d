"""A snapshot as JSON, without its runs: they have a table of their own."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from cluster_poller.domain.snapshot import KnownRun, RunKey, Snapshot
from shared.contracts.clusters import ComponentHealth, ImportError_


class Memory(BaseModel):
    """What of a snapshot outlives the process. Unknown fields of another version are ignored, missing ones start empty."""

    base_url: str = ""
    api: str | None = None
    version: str | None = None
    first_read_done: bool = False
    watermark: datetime | None = None
    offset: int = 0
    dags_digest: str = ""
    dags_total: int | None = None
    dags_paused: int | None = None
    components: tuple[ComponentHealth, ...] = ()
    last_answer_at: datetime | None = None
    import_errors: tuple[ImportError_, ...] | None = None


def write_memory(snapshot: Snapshot) -> dict[str, Any]:
    return Memory.model_validate(snapshot, from_attributes=True).model_dump(mode="json")


def read_memory(value: dict[str, Any], runs: dict[RunKey, KnownRun]) -> Snapshot:
    """Bring back a snapshot. What is read only now and then is due at once, which also refills what was only in memory."""
    memory = Memory.model_validate(value)
    fields = {name: getattr(memory, name) for name in Memory.model_fields}
    return replace(Snapshot(), runs=runs, **fields)
