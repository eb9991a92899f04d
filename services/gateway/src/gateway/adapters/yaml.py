"""Reads and writes YAML in two threads at most: the parser is pure Python, and a hostile text may take it a second."""

import asyncio
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor

from gateway.domain.text_diff import TextDiff, diff
from gateway.domain.workflow_yaml import Reading, read, write
from shared.contracts.workflows import WorkflowDefinition


class ThreadedYaml:
    """The port YamlReader. What waits is bounded by the requests that wait, each of a bounded size."""

    def __init__(self, threads: int = 2) -> None:
        self._pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="yaml")

    async def read(self, text: str, endpoints: Mapping[str, str] | None, clusters: Collection[str] | None = None) -> Reading:
        return await asyncio.get_running_loop().run_in_executor(self._pool, read, text, endpoints, clusters)

    async def write(self, definition: WorkflowDefinition, before: str) -> str:
        return await asyncio.get_running_loop().run_in_executor(self._pool, write, definition, before)

    async def diff(self, before: str, after: str) -> TextDiff:
        return await asyncio.get_running_loop().run_in_executor(self._pool, diff, before, after)

    async def start(self) -> None:
        """Threads begin with the first text."""

    async def stop(self) -> None:
        """Drop what waits."""
        self._pool.shutdown(wait=False, cancel_futures=True)
