"""Reading YAML without holding up anybody else."""

from collections.abc import Collection, Mapping
from typing import Protocol

from gateway.domain.text_diff import TextDiff
from gateway.domain.workflow_yaml import Reading
from shared.contracts.workflows import WorkflowDefinition


class YamlReader(Protocol):
    """Reads, writes and compares workflows away from the event loop, a bounded number at once."""

    async def read(self, text: str, endpoints: Mapping[str, str] | None, clusters: Collection[str] | None = None) -> Reading: ...
    async def write(self, definition: WorkflowDefinition, before: str) -> str: ...
    async def diff(self, before: str, after: str) -> TextDiff: ...
