"""What people ask of triggers: pause, go on, fire now. An executor obeys; until it says so, nothing is shown as done."""

from typing import Any

from gateway.application.commands.workflows import refuse_retired
from gateway.application.definitions import Actor, Entry, WorkflowRecord
from gateway.application.ports.work import Work, Works
from gateway.domain.problems import Missing
from shared.contracts.topics import TRIGGERS_COMMANDS
from shared.contracts.triggers import FireTrigger, PauseTrigger
from shared.runtime.ids import new_id


class AskTriggers:
    """The use cases of triggers."""

    def __init__(self, works: Works) -> None:
        self._works = works

    async def pause(self, actor: Actor, workflow_id: str, trigger: str, *, paused: bool, work: Work | None = None) -> None:
        """Ask that it fires no more, or again."""
        if work is None:
            async with self._works.begin() as own:
                return await self.pause(actor, workflow_id, trigger, paused=paused, work=own)
        workflow = await self._declares(work, workflow_id, trigger)
        before = await work.trigger_paused(workflow_id, trigger)
        command = PauseTrigger(workflow_id=workflow_id, trigger=trigger, paused=paused, requested_by=actor.name)
        work.publish(TRIGGERS_COMMANDS, command, key=workflow_id)
        action = "trigger.pause" if paused else "trigger.resume"
        return await _note(work, actor, workflow, trigger, action, before={"paused": before}, after={"paused": paused})

    async def fire(self, actor: Actor, workflow_id: str, trigger: str, *, work: Work | None = None) -> str:
        """Ask for a run as if it had fired now; return the firing's id."""
        if work is None:
            async with self._works.begin() as own:
                return await self.fire(actor, workflow_id, trigger, work=own)
        workflow = await self._declares(work, workflow_id, trigger)
        firing_id = new_id()
        command = FireTrigger(workflow_id=workflow_id, trigger=trigger, firing_id=firing_id, requested_by=actor.name)
        work.publish(TRIGGERS_COMMANDS, command, key=workflow_id)
        await _note(work, actor, workflow, trigger, "trigger.fire", before=None, after={"firing_id": firing_id})
        return firing_id

    @staticmethod
    async def _declares(work: Work, workflow_id: str, trigger: str) -> WorkflowRecord:
        """Return the workflow whose newest version declares the trigger; raise Missing or Conflict."""
        workflow = await work.workflow(workflow_id)
        newest = None if workflow is None else await work.version(workflow_id, workflow.latest)
        if workflow is None or newest is None:
            raise Missing("workflow", workflow_id)
        refuse_retired(workflow)
        if all(trigger != (declared.get("name") or declared["kind"]) for declared in newest.definition.get("triggers", ())):
            raise Missing("trigger", f"{workflow.name}/{trigger}")
        return workflow


async def _note(
    work: Work, actor: Actor, workflow: WorkflowRecord, trigger: str, action: str, *, before: dict[str, Any] | None, after: dict[str, Any]
) -> None:
    await work.audit(
        Entry(
            actor.name,
            action,
            "trigger",
            workflow.id,
            f"{workflow.name} · {trigger}",
            before=before,
            after=after,
            reason=actor.reason,
            request_id=actor.request_id,
        )
    )
    await work.changed("trigger", workflow.id)
