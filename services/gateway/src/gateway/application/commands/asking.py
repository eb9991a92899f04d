"""What people ask of clusters and of the alerter. Commands are durable: asked → sent → confirmed, or refused."""

import json
import re
from datetime import timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from gateway.application.definitions import Actor, Entry, Kind
from gateway.application.ports.work import Work, Works
from gateway.domain.problems import FieldProblem, Invalid, Missing
from shared.contracts.alerts import AcknowledgeAlert, TestChannel
from shared.contracts.base import Json
from shared.contracts.clusters import ClusterAction, ClusterCommand, PauseDag, PollNow, TriggerDag
from shared.contracts.topics import ALERTS_COMMANDS, CLUSTERS_COMMANDS
from shared.runtime.clock import now
from shared.runtime.ids import new_id

EXPIRES_AFTER = timedelta(minutes=15)
"""A command that the poller meets later than this is refused instead of carried out late."""
MAX_CONF_BYTES = 64 * 1024


class CommandInput(BaseModel):
    """What to ask of a cluster: ``pause``, ``unpause`` or ``trigger`` one of its DAGs, or ``poll`` it now."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"action": "pause", "dag_id": "orders_hourly"}, {"action": "poll"}]}
    )

    action: Literal["pause", "unpause", "trigger", "poll"]
    dag_id: str | None = Field(default=None, min_length=1, max_length=250)
    dag_run_id: str | None = Field(default=None, min_length=1, max_length=250)
    conf: dict[str, Json] = {}
    note: str = Field(default="", max_length=1000)


class AskClusters:
    """The commands to clusters."""

    def __init__(self, works: Works) -> None:
        self._works = works

    async def ask(self, actor: Actor, cluster_id: str, given: CommandInput, *, work: Work | None = None) -> ClusterCommand:
        """Ask it and return the command; its outcome arrives later."""
        if work is not None:
            return await self._ask(work, actor, cluster_id, given)
        async with self._works.begin() as own:
            return await self._ask(own, actor, cluster_id, given)

    async def _ask(self, work: Work, actor: Actor, cluster_id: str, given: CommandInput) -> ClusterCommand:
        cluster = await work.definition(Kind.CLUSTER, cluster_id)
        if cluster is None:
            raise Missing("cluster", cluster_id)
        if given.dag_id is not None and not await work.dag_exists(cluster_id, given.dag_id):
            raise Missing("DAG", given.dag_id)
        at = now()
        command_id = new_id()
        command = ClusterCommand(
            command_id=command_id,
            cluster_id=cluster_id,
            requested_by=actor.name,
            requested_at=at,
            expires_at=at + EXPIRES_AFTER,
            do=_action(given, command_id),
        )
        await work.command_asked(command)
        work.publish(CLUSTERS_COMMANDS, command, key=cluster_id)
        subject = f"{cluster.name} · {given.dag_id}" if given.dag_id else cluster.name
        after = command.do.model_dump(mode="json")
        await work.audit(
            Entry(actor.name, f"cluster.{given.action}", "command", command_id, subject, after=after, request_id=actor.request_id)
        )
        await work.changed("command", command_id)
        if given.dag_id:
            await work.changed("dag", f"{cluster_id}/{given.dag_id}")
        return command


def _action(given: CommandInput, command_id: str) -> ClusterAction:
    if given.action == "poll":
        return PollNow()
    if given.dag_id is None:
        raise Invalid(FieldProblem("dag_id", f"'{given.action}' needs a DAG.", "Add 'dag_id'."))
    if any(ord(sign) < 32 for sign in given.dag_id + (given.dag_run_id or "")):
        raise Invalid(FieldProblem("dag_id", "Control characters are not taken.", "Write the id as Airflow shows it."))
    if given.action in ("pause", "unpause"):
        return PauseDag(dag_id=given.dag_id, paused=given.action == "pause")
    if len(json.dumps(given.conf)) > MAX_CONF_BYTES:
        raise Invalid(
            FieldProblem("conf", f"The configuration has more than {MAX_CONF_BYTES // 1024} KB.", "Pass a reference to the data instead.")
        )
    if given.dag_run_id is not None and not re.fullmatch(r"[A-Za-z0-9_.~:+-]+", given.dag_run_id):
        raise Invalid(FieldProblem("dag_run_id", "This is no id that Airflow takes.", "Use letters, digits and _ . ~ : + -."))
    return TriggerDag(dag_id=given.dag_id, dag_run_id=given.dag_run_id or f"flowtower__{command_id}", conf=given.conf, note=given.note)


class AskAlerter:
    """The commands to the alerter."""

    def __init__(self, works: Works) -> None:
        self._works = works

    async def acknowledge(self, actor: Actor, alert_id: str, *, note: str = "", work: Work | None = None) -> None:
        """Say that somebody looks after it. ``work``: a transaction that is open already."""
        if work is None:
            async with self._works.begin() as own:
                return await self.acknowledge(actor, alert_id, note=note, work=own)
        if not await work.alert_exists(alert_id):
            raise Missing("alert", alert_id)
        work.publish(ALERTS_COMMANDS, AcknowledgeAlert(alert_id=alert_id, requested_by=actor.name, note=note), key=alert_id)
        await work.audit(Entry(actor.name, "alert.acknowledge", "alert", alert_id, after={"note": note}, request_id=actor.request_id))
        await work.changed("incident", alert_id)
        return None

    async def test_channel(self, actor: Actor, channel_id: str, *, work: Work | None = None) -> str:
        """Have a test notification sent and return the id under which its outcome will stand."""
        if work is None:
            async with self._works.begin() as own:
                return await self.test_channel(actor, channel_id, work=own)
        channel = await work.definition(Kind.CHANNEL, channel_id)
        if channel is None:
            raise Missing("channel", channel_id)
        request_id = new_id()
        command = TestChannel(channel_id=channel_id, request_id=request_id, requested_by=actor.name)
        work.publish(ALERTS_COMMANDS, command, key=channel_id)
        await work.audit(
            Entry(
                actor.name,
                "channel.test",
                "channel",
                channel_id,
                channel.name,
                after={"request_id": request_id},
                request_id=actor.request_id,
            )
        )
        return request_id
