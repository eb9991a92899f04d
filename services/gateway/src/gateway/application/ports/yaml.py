"""Reading YAML without holding up anybody else."""

from collections.abc import Collection, Mapping
from typing import Protocol

from gateway.domain.workflow_yaml import Reading


class YamlReader(Protocol):
    """Reads workflows away from the event loop, a bounded number at once."""

    async def read(self, text: str, endpoints: Mapping[str, str] | None, clusters: Collection[str] | None = None) -> Reading: ...
