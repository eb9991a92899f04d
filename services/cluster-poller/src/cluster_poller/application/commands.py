"""What people and workflows ask of a cluster, carried out durably: asked → sent → confirmed by reading back, or refused.

Before acting, the attempt is written down. Whoever continues after a crash therefore reads the cluster back first, and acts
again only when the cluster does not show the effect; pausing twice and triggering under the same run id change nothing.
Commands of a cluster are carried out one after another, in the order of asking.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from cluster_poller.application.ports import ClusterApi, Clusters, Lease, PendingCommand, Store
from cluster_poller.domain.trouble import AlreadyThere, ClusterTrouble, NotThere
from shared.contracts.clusters import (
    ClusterAction,
    ClusterCommandOutcome,
    ClusterRegistered,
    CommandStatus,
    PauseDag,
    PollNow,
    Reach,
    TriggerDag,
)
from shared.runtime import failpoints
from shared.runtime.tracing import continue_trace

READ_BACK_TRIES = 4
READ_BACK_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 15.0

Observed = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Carried:
    """What a round of commands did: whether the cluster was changed, which commands ask for a poll, and whether some wait."""

    acted: bool = False
    polls: tuple[PendingCommand, ...] = ()
    waiting: bool = False


class Commands:
    """Carries out the commands of one cluster at a time."""

    def __init__(self, clusters: Clusters, store: Store, *, now: Callable[[], datetime]) -> None:
        self._clusters = clusters
        self._store = store
        self._now = now

    async def carry_out(self, cluster: ClusterRegistered, lease: Lease) -> Carried:
        """Carry out what is due. The first command that has to wait stops the round: what follows it was asked later."""
        acted = False
        polls: list[PendingCommand] = []
        for pending in await self._store.pending(lease):
            if not pending.due:
                return Carried(acted, tuple(polls), waiting=True)
            with continue_trace(pending.traceparent):
                if isinstance(pending.command.do, PollNow):
                    if pending.expired:
                        await self._refuse(lease, pending, _expired(pending))
                    else:
                        polls.append(pending)
                    continue
                if not await self._carry_out(cluster, lease, pending):
                    return Carried(acted, tuple(polls), waiting=True)
                acted = True
        return Carried(acted, tuple(polls))

    async def confirm_polls(self, lease: Lease, polls: tuple[PendingCommand, ...], reach: Reach, detail: str) -> None:
        """Settle commands that asked for a poll, now that it is done; a cluster that does not answer was polled all the same."""
        for pending in polls:
            with continue_trace(pending.traceparent):
                await self._settle(lease, pending, CommandStatus.CONFIRMED, reason=detail, observed={"reach": reach.value})

    async def _carry_out(self, cluster: ClusterRegistered, lease: Lease, pending: PendingCommand) -> bool:
        """Bring one command to its end; False = it has to be tried again later."""
        do = pending.command.do
        try:
            api = await self._clusters.api(cluster)
            if pending.attempted:
                observed = await _read_back(api, do)
                if observed is not None and _shows(observed, do):
                    await self._settle(lease, pending, CommandStatus.CONFIRMED, observed=observed)
                    return True
            if pending.expired:
                await self._refuse(lease, pending, _expired(pending))
                return True
            await self._store.mark_attempt(lease, pending.command.command_id)
            await failpoints.reach("poller.before_act")
            await _act(api, do)
            await failpoints.reach("poller.after_act")
            await self._settle(lease, pending, CommandStatus.SENT)
            await failpoints.reach("poller.after_sent")
            await self._confirm(api, lease, pending)
        except ClusterTrouble as trouble:
            return await self._trouble(lease, pending, trouble)
        return True

    async def _confirm(self, api: ClusterApi, lease: Lease, pending: PendingCommand) -> None:
        observed: Observed | None = None
        for turn in range(READ_BACK_TRIES):
            if turn:
                await asyncio.sleep(READ_BACK_SECONDS)
            observed = await _read_back(api, pending.command.do)
            if observed is not None and _shows(observed, pending.command.do):
                await self._settle(lease, pending, CommandStatus.CONFIRMED, observed=observed)
                return
        reason = (
            "Airflow accepted the request, but does not show its effect when it is read back. Somebody may have changed it again meanwhile."
        )
        await self._settle(lease, pending, CommandStatus.REFUSED, reason=reason, observed=observed or {})

    async def _trouble(self, lease: Lease, pending: PendingCommand, trouble: ClusterTrouble) -> bool:
        do = pending.command.do
        if isinstance(trouble, NotThere):
            dag = getattr(do, "dag_id", "")
            await self._refuse(lease, pending, f"There is no DAG {dag!r} on this cluster. Airflow says: {trouble.message}")
            return True
        if not (trouble.passing or trouble.reach is Reach.UNREACHABLE):
            await self._refuse(lease, pending, trouble.message)
            return True
        if pending.expired:
            await self._refuse(lease, pending, f"{_expired(pending)} Until then the cluster could not be reached: {trouble.message}")
            return True
        if pending.overdue:
            await self._refuse(lease, pending, f"The cluster could not be reached for two minutes: {trouble.message}")
            return True
        wait = min(LONGEST_WAIT_SECONDS, 2.0 ** min(pending.attempts, 5))
        await self._store.postpone(lease, pending.command.command_id, seconds=wait, reason=trouble.message)
        return False

    async def _refuse(self, lease: Lease, pending: PendingCommand, reason: str) -> None:
        await self._settle(lease, pending, CommandStatus.REFUSED, reason=reason)

    async def _settle(
        self, lease: Lease, pending: PendingCommand, status: CommandStatus, *, reason: str = "", observed: Observed | None = None
    ) -> None:
        do = pending.command.do
        await self._store.settle(
            lease,
            ClusterCommandOutcome(
                command_id=pending.command.command_id,
                cluster_id=pending.command.cluster_id,
                status=status,
                reason=reason[:4000],
                at=self._now(),
                dag_id=getattr(do, "dag_id", None),
                dag_run_id=getattr(do, "dag_run_id", None),
                observed=dict(observed or {}),
            ),
        )


def _expired(pending: PendingCommand) -> str:
    at = pending.command.expires_at
    return f"It expired{'' if at is None else f' at {at:%H:%M:%S} UTC'} before it could be carried out. Ask again if it is still wanted."


async def _act(api: ClusterApi, do: ClusterAction) -> None:
    if isinstance(do, PauseDag):
        await api.pause(do.dag_id, paused=do.paused)
    elif isinstance(do, TriggerDag):
        try:
            await api.trigger(do)
        except AlreadyThere:
            if await api.run(do.dag_id, do.dag_run_id) is None:
                raise  # another run stands in the way, not this one


async def _read_back(api: ClusterApi, do: ClusterAction) -> Observed | None:
    if isinstance(do, PauseDag):
        return {"is_paused": (await api.dag(do.dag_id)).is_paused}
    if isinstance(do, TriggerDag):
        run = await api.run(do.dag_id, do.dag_run_id)
        return None if run is None else {"dag_run_id": run.dag_run_id, "state": run.state}
    return None


def _shows(observed: Observed, do: ClusterAction) -> bool:
    return observed.get("is_paused") == do.paused if isinstance(do, PauseDag) else True
