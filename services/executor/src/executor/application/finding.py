"""The workflows that a batch of starts names. Their topic may be behind that of the commands, so what is not here gets time to come."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal

from executor.application.asked import Asked
from executor.application.copies import REMEMBERED_SECONDS, Copy
from executor.application.registries import Plan, Plans
from executor.domain.graph import GraphRefused
from shared.contracts.runs import StartRun

PATIENCE_SECONDS = 2.0
"""How long a start waits for a workflow that may have been sent after it."""
_MOST_REMEMBERED = 10_000

Version = tuple[str, int | Literal["latest"]]
Found = dict[Version, "Plan | GraphRefused | None"]
"""What the workflows of a batch are, by name and version as asked: a plan, why there can be none, or not known here."""


class Finding:
    """Finds workflows. What was looked for in vain a moment ago is not waited for again: one wrong name must not hold up the others."""

    def __init__(self, plans: Plans, caught_up: Callable[[], Awaitable[None]]) -> None:
        self._plans = plans
        self._copy = Copy("workflows", caught_up)
        self._in_vain: dict[Version, tuple[int, float]] = {}
        """Version → the state of the registries and the time at which it was looked for last."""

    @property
    def behind(self) -> bool:
        """Whether the copy was found behind its topic a moment ago, so that what is not in it may be there."""
        return self._copy.behind

    async def workflows(self, starts: Sequence[Asked]) -> Found:
        """Return what the workflows of these starts are."""
        wanted = {(asked.command.workflow, asked.command.version) for asked in starts if isinstance(asked.command, StartRun)}
        until = time.monotonic() + PATIENCE_SECONDS
        found = await self._looked_up(wanted)
        if None not in found.values():
            return found
        await self._copy.wait()
        found = await self._looked_up(wanted)
        # Our own services name what they know: that is on its way.
        ours = {
            (asked.command.workflow, asked.command.version)
            for asked in starts
            if isinstance(asked.command, StartRun) and not asked.external
        }
        while (missing := self._missing(found, ours)) and time.monotonic() < until:
            await asyncio.sleep(0.1)
            found |= await self._looked_up(missing)
        self._remember(found)
        return found

    def _missing(self, found: Found, ours: set[Version]) -> set[Version]:
        """Return what is not here and may still come."""
        return {version for version, plan in found.items() if plan is None and (version in ours or not self._known_as_missing(version))}

    def _known_as_missing(self, version: Version) -> bool:
        state, at = self._in_vain.get(version, (-1, float("-inf")))
        return state == self._plans.changes and time.monotonic() - at < REMEMBERED_SECONDS

    def _remember(self, found: Found) -> None:
        state, now = self._plans.changes, time.monotonic()
        if len(self._in_vain) > _MOST_REMEMBERED:
            self._in_vain.clear()
        for version, plan in found.items():
            if plan is None:
                self._in_vain[version] = state, now
            else:
                self._in_vain.pop(version, None)

    async def _looked_up(self, wanted: set[Version]) -> Found:
        found: Found = {}
        for name, version in wanted:
            try:
                found[name, version] = await self._plans.named(name, None if version == "latest" else int(version))
            except GraphRefused as error:
                found[name, version] = error
        return found
