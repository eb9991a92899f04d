"""Retrying what failed in many runs: a job that is chosen by a filter, previewed, paced, and told run by run.

The job and its items are rows. One step takes the next items in one transaction: their commands stand in the outbox exactly when
they are marked as asked, so a crash between two steps forgets nothing and sends nothing twice.
"""

import math
from collections import Counter
from dataclasses import asdict
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from gateway.application.answers.bulk import BulkAnswer, BulkItemAnswer, BulkPreview, BulkVersion
from gateway.application.commands.bulk_versions import changes_for, chosen_version, of_version
from gateway.application.commands.runs import note
from gateway.application.definitions import Actor, Entry
from gateway.application.ports.read_model import ReadModel, RunFilter
from gateway.application.ports.work import BulkRecord, Candidate, Work, Works
from gateway.domain.problems import Conflict, Missing
from gateway.domain.retrying import Wish, graph_of, preview
from shared.contracts.base import Count
from shared.contracts.runs import RetryRun
from shared.contracts.topics import RUNS_COMMANDS
from shared.runtime.ids import new_id

MOST_RUNS = 20_000
"""Runs of one job; more are taken by the next one."""
SAMPLE = 10
STEP_SECONDS = 0.5
"""A step asks what the rate allows for this long."""
MARK = " · bulk "
"""Stands between the person and the job in ``requested_by``, so that the answer to a job's command is known as such."""
RETRIED = ("failed", "parked")
Body = dict[str, Any]
_WHY_NOT = {
    "succeeded": "succeeded: nothing failed in them",
    "cancelled": "were cancelled: retry them one by one",
    "refused": "were refused and never began: start them again",
    "paused": "are paused: resume them first",
    "busy": "are part of another bulk retry",
    "gone": "are not known",
}
_STILL = "are still moving: wait for their end"


class BulkSelection(BaseModel):
    """Which runs: the filter of the list, or runs by their ids. Of what matches, those that failed or are parked are retried."""

    model_config = ConfigDict(extra="forbid")

    workflow: str = Field(default="", max_length=100, description="Name or id.")
    status: str = Field(default="", max_length=200, description="One or more, with commas; left out: failed and parked.")
    trigger: str = Field(default="", max_length=160, description="Its kind, or kind:name.")
    q: str = Field(default="", max_length=200, description="In the business key, the id or the inputs.")
    since: AwareDatetime | None = Field(default=None, description="Asked at this time or later.")
    until: AwareDatetime | None = Field(default=None, description="Asked before this time.")
    run_ids: tuple[str, ...] = Field(default=(), max_length=1000, description="These runs, instead of the filter.")

    def filter(self, status: str) -> RunFilter:
        """Return the filter, for these states."""
        return RunFilter(workflow=self.workflow, status=status, words=self.q, trigger=self.trigger, since=self.since, until=self.until)


class BulkInput(BaseModel):
    """A bulk retry: which runs, how fast, and why."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "selection": {"workflow": "order-processing", "since": "2026-11-22T00:00:00Z", "q": "eu-"},
                    "per_second": 5,
                    "reason": "the queue stands again",
                }
            ]
        },
    )

    selection: BulkSelection
    per_second: float = Field(default=5.0, ge=0.1, le=200, description="Runs that are asked each second.")
    version: Count | None = Field(default=None, description="Version of the workflow from here on; all runs must be of one workflow.")
    reason: str = Field(default="", max_length=1000)


class BulkRetries:
    """The use cases of bulk retries."""

    def __init__(self, works: Works, reads: ReadModel) -> None:
        self._works = works
        self._reads = reads

    async def preview(self, selection: BulkSelection, per_second: float = 5.0, version: int | None = None) -> BulkPreview:
        """Return what the job would do. Nothing is changed. Raises Invalid for a version with which no run can go on."""
        ids, capped, excluded = await self._chosen(selection)
        async with self._works.begin() as work:
            taken, left = split(await work.candidates(ids), ids)
            excluded.update(left)
            workflow_id, versions = "", tuple[BulkVersion, ...]()
            if version is not None:
                record = await chosen_version(work, selection.workflow, taken, version)
                taken, workflow_id = of_version(record, taken, excluded), record.workflow_id
                versions = await changes_for(work, record, taken)
        return BulkPreview(
            total=len(taken),
            capped=capped,
            by_workflow=dict(Counter(item.workflow for item in taken).most_common(20)),
            by_failure=dict(Counter(item.failure_code or "not told" for item in taken).most_common(20)),
            excluded=dict(excluded),
            sample=tuple(_sample(place, item) for place, item in enumerate(taken[:SAMPLE], start=1)),
            workflow_id=workflow_id,
            versions=versions,
            seconds=len(taken) / per_second,
        )

    async def create(self, actor: Actor, given: BulkInput, *, work: Work | None = None, of: str | None = None) -> str:
        """Make the job and return its id; a worker begins it. ``work``: a transaction that is open already."""
        ids, _, excluded = await self._chosen(given.selection)
        if work is not None:
            return await self._create(work, actor, given, ids, excluded, of)
        async with self._works.begin() as own:
            return await self._create(own, actor, given, ids, excluded, of)

    async def _create(self, work: Work, actor: Actor, given: BulkInput, ids: list[str], excluded: Counter[str], of: str | None) -> str:
        taken, left = split(await work.candidates(ids), ids)
        excluded.update(left)
        if given.version is not None:
            record = await chosen_version(work, given.selection.workflow, taken, given.version)
            taken = of_version(record, taken, excluded)
        if not taken:
            why = "; ".join(f"{count} {reason}" for reason, count in excluded.items())
            raise Conflict(f"No run of this selection can be retried{': ' + why if why else ''}. Choose others.", field="selection")
        bulk = BulkRecord(
            id=new_id(),
            status="running",
            selection=given.selection.model_dump(mode="json", exclude_defaults=True),
            per_second=given.per_second,
            total=len(taken),
            requested_by=actor.name,
            reason=given.reason or actor.reason,
            version=given.version,
            of=of,
            excluded=dict(excluded),
        )
        await work.add_bulk(bulk, taken)
        await self._note(
            work, actor, bulk, "bulk.create", None, {**asdict(bulk), "by_workflow": dict(Counter(item.workflow for item in taken))}
        )
        return bulk.id

    async def change(self, actor: Actor, bulk_id: str, to: str, *, reason: str = "", work: Work | None = None) -> BulkAnswer:
        """Pause, go on, or cancel: ``to`` is ``paused``, ``running`` or ``cancelled``. What was asked already stays asked.

        Returns the job as it stands after that.
        """
        if work is None:
            async with self._works.begin() as own:
                return await self.change(actor, bulk_id, to, reason=reason, work=own)
        bulk = await self._held(work, bulk_id)
        allowed = {"paused": ("running",), "running": ("paused",), "cancelled": ("running", "paused")}[to]
        if bulk.status not in allowed:
            raise Conflict(f"The bulk retry is {bulk.status}; it can't become {to}.")
        await work.set_bulk(bulk_id, to, leave=to == "cancelled")
        await self._note(work, actor, bulk, f"bulk.{to}", {"status": bulk.status}, {"status": to}, reason=reason)
        return await work.bulk_answer(bulk_id)

    async def retry_failures(self, actor: Actor, bulk_id: str, *, work: Work | None = None) -> str:
        """Make a new job of the runs that were refused or failed again, and return its id."""
        if work is None:
            async with self._works.begin() as own:
                return await self.retry_failures(actor, bulk_id, work=own)
        bulk = await self._held(work, bulk_id)
        failed = await work.failed_items(bulk_id)
        if not failed:
            raise Conflict("No run of this bulk retry was refused or failed again.")
        selection = BulkSelection(workflow=bulk.selection.get("workflow", ""))
        again = BulkInput(selection=selection, per_second=bulk.per_second, version=bulk.version, reason=bulk.reason)
        return await self._create(work, actor, again, failed, Counter(), bulk_id)

    async def step(self) -> bool:
        """Ask the next runs of one job that is due; False when there is nothing to do now."""
        async with self._works.begin() as work:
            bulk = await work.due_bulk()
            if bulk is None:
                return False
            most = max(1, math.ceil(bulk.per_second * STEP_SECONDS))
            items = await work.waiting_items(bulk.id, most)
            for place, run_id in items:
                await self._ask(work, bulk, place, run_id)
            if len(items) < most:
                await work.set_bulk(bulk.id, "done")
            else:
                await work.postpone_bulk(bulk.id, len(items) / bulk.per_second)
            await work.changed("bulk", bulk.id)
            return True

    async def _ask(self, work: Work, bulk: BulkRecord, place: int, run_id: str) -> None:
        run = await work.standing(run_id)
        if run is None:
            await work.set_item(bulk.id, place, "refused", reason="The run is not known any more.")
            return
        other = None
        if bulk.version is not None and bulk.version != run.version:
            version = await work.version(run.workflow_id, bulk.version)
            if version is None:
                await work.set_item(bulk.id, place, "refused", reason=f"'{run.workflow}' has no version {bulk.version}.")
                return
            other = graph_of(version.definition)
        found = preview(run, Wish(scope="failed"), other=other)
        if found.refused:
            await work.set_item(bulk.id, place, "refused", reason=f"{found.refused[0].message} {found.refused[0].hint}".strip())
            return
        who = f"{bulk.requested_by[:120]}{MARK}{bulk.id}"
        command = RetryRun(
            run_id=run_id,
            components=found.chosen,
            scope="failed",
            version=None if other is None else bulk.version,
            expected_seq=run.seq or None,
            requested_by=who,
        )
        event_id = f"bulk:{bulk.id}:{place}"
        work.publish(RUNS_COMMANDS, command, key=run_id, event_id=event_id)
        await work.set_item(bulk.id, place, "asked", seq=run.seq, event_id=event_id)
        actor = Actor(bulk.requested_by, reason=bulk.reason)
        await note(work, actor, run, "run.retry", {"scope": "failed", "bulk": bulk.id, "again": dict(found.again)})

    async def _chosen(self, selection: BulkSelection) -> tuple[list[str], bool, Counter[str]]:
        """Return the runs that match, whether there are more than one job takes, and how many others match and why they are left out."""
        if selection.run_ids:
            return list(dict.fromkeys(selection.run_ids)), False, Counter()
        asked = [part for part in selection.filter(selection.status).statuses if part]
        wanted = [state for state in RETRIED if not asked or state in asked]
        ids = await self._reads.run_ids(selection.filter(",".join(wanted)), limit=MOST_RUNS + 1) if wanted else []
        excluded: Counter[str] = Counter()
        others = [state for state in asked if state not in RETRIED]
        if others and not selection.q:
            for state, count in (await self._reads.count_runs(selection.filter(",".join(others)))).items():
                if count:
                    excluded[_WHY_NOT.get(state, _STILL)] += count
        return ids[:MOST_RUNS], len(ids) > MOST_RUNS, excluded

    async def _held(self, work: Work, bulk_id: str) -> BulkRecord:
        bulk = await work.bulk(bulk_id, lock=True)
        if bulk is None:
            raise Missing("bulk retry", bulk_id)
        return bulk

    async def _note(
        self, work: Work, actor: Actor, bulk: BulkRecord, action: str, before: Body | None, after: Body, *, reason: str = ""
    ) -> None:
        why, subject = reason or bulk.reason or actor.reason, f"{bulk.total} runs"
        entry = Entry(actor.name, action, "bulk", bulk.id, subject, before=before, after=after, reason=why, request_id=actor.request_id)
        await work.audit(entry)
        await work.changed("bulk", bulk.id)


def _sample(place: int, item: Candidate) -> BulkItemAnswer:
    return BulkItemAnswer(
        place=place, run_id=item.run_id, workflow=item.workflow, failure_code=item.failure_code, status="waiting", reason=""
    )


def split(found: list[Candidate], wanted: list[str]) -> tuple[list[Candidate], Counter[str]]:
    """Return the runs that can be retried, and how many can't and why."""
    left: Counter[str] = Counter()
    taken = []
    for item in found:
        if item.busy:
            left[_WHY_NOT["busy"]] += 1
        elif item.status in RETRIED:
            taken.append(item)
        else:
            left[_WHY_NOT.get(item.status, _STILL)] += 1
    unknown = len(set(wanted)) - len({item.run_id for item in found})
    if unknown:
        left[_WHY_NOT["gone"]] += unknown
    return taken, left
