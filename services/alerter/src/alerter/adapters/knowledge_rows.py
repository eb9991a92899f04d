"""What was learnt from the topics: rules, channels, clusters, DAGs, workflow runs, silences."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import delete, func, select, text, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from alerter.adapters.notification_rows import NotificationRows
from alerter.adapters.tables import ChannelRow, ClusterRow, DagRow, RuleRow, RunRow, SilenceRow
from alerter.domain.cluster import Cluster
from alerter.domain.happening import DagFacts, RunFacts
from alerter.domain.silence import Silence
from shared.contracts.alerts import ChannelDefined, RuleDefined
from shared.contracts.clusters import ClusterObserved, ClusterRegistered
from shared.contracts.dags import DagSeen

_RUN = TypeAdapter(RunFacts)
_KEPT = "30 days"
_TIDY = tuple(
    text(statement)
    for statement in (
        f"""
        DELETE FROM messages AS m WHERE created_at < clock_timestamp() - interval '{_KEPT}' AND NOT EXISTS
        (SELECT 1 FROM message_alerts JOIN alerts USING (alert_id) WHERE message_id = m.message_id AND resolved_at IS NULL)
        """,  # noqa: S608
        f"DELETE FROM notifications WHERE changed_at < clock_timestamp() - interval '{_KEPT}' AND status IN ('sent', 'failed')",  # noqa: S608
        f"DELETE FROM alerts WHERE resolved_at < clock_timestamp() - interval '{_KEPT}'",  # noqa: S608
        f"DELETE FROM runs WHERE changed_at < clock_timestamp() - interval '{_KEPT}'",  # noqa: S608
        "DELETE FROM clusters WHERE registered IS NULL AND changed_at < clock_timestamp() - interval '1 hour'",
        "DELETE FROM silences WHERE until < clock_timestamp()",
    )
)


class KnowledgeRows(NotificationRows):
    """The port ``Knowledge`` over one transaction."""

    async def now(self) -> datetime:
        found: datetime = (await self._session.execute(select(func.clock_timestamp()))).scalar_one()
        return found

    async def rule_versions(self) -> dict[str, datetime]:
        return {row.rule_id: row.changed_at for row in await self._session.execute(select(col(RuleRow.rule_id), col(RuleRow.changed_at)))}

    async def rules(self, rule_ids: Iterable[str]) -> list[RuleDefined]:
        found = await self._session.execute(select(col(RuleRow.definition)).where(col(RuleRow.rule_id).in_(list(rule_ids))))
        return [RuleDefined.model_validate(definition) for definition in found.scalars()]

    async def put_rule(self, rule_id: str, defined: RuleDefined | None) -> None:
        if defined is None:
            await self._session.execute(delete(RuleRow).where(col(RuleRow.rule_id) == rule_id))
            return
        values = {"definition": defined.model_dump(mode="json"), "changed_at": func.clock_timestamp()}
        await self._put(RuleRow, {"rule_id": rule_id}, values)

    async def channel(self, channel_id: str) -> ChannelDefined | None:
        definition = await self._session.scalar(select(col(ChannelRow.definition)).where(col(ChannelRow.channel_id) == channel_id))
        return ChannelDefined.model_validate(definition) if definition is not None else None

    async def put_channel(self, channel_id: str, defined: ChannelDefined | None) -> bool:
        before = await self.channel(channel_id)
        if before == defined:
            return False
        if defined is None:
            await self._session.execute(delete(ChannelRow).where(col(ChannelRow.channel_id) == channel_id))
        else:
            await self._put(ChannelRow, {"channel_id": channel_id}, {"definition": defined.model_dump(mode="json")})
        return True

    async def cluster_versions(self) -> dict[str, datetime]:
        found = await self._session.execute(select(col(ClusterRow.cluster_id), col(ClusterRow.changed_at)))
        return {row.cluster_id: row.changed_at for row in found}

    async def clusters(self, cluster_ids: Iterable[str]) -> list[Cluster]:
        found = await self._session.execute(
            select(col(ClusterRow.cluster_id), col(ClusterRow.registered), col(ClusterRow.observed), col(ClusterRow.known_since)).where(
                col(ClusterRow.cluster_id).in_(list(cluster_ids)),
            ),
        )
        return [
            Cluster(
                cluster_id=row.cluster_id,
                registered=ClusterRegistered.model_validate(row.registered) if row.registered else None,
                observed=ClusterObserved.model_validate(row.observed) if row.observed else None,
                known_since=row.known_since,
            )
            for row in found
        ]

    async def put_cluster(self, cluster_id: str, registered: ClusterRegistered | None) -> None:
        if registered is None:
            await self._session.execute(delete(ClusterRow).where(col(ClusterRow.cluster_id) == cluster_id))
            await self._session.execute(delete(DagRow).where(col(DagRow.cluster_id) == cluster_id))
            return
        kept = registered.model_dump(mode="json", exclude={"sealed_secret", "ca_pem"})
        await self._put(ClusterRow, {"cluster_id": cluster_id}, {"registered": kept, "changed_at": func.clock_timestamp()})

    async def observe(self, observed: Sequence[ClusterObserved]) -> None:
        newest = {seen.cluster_id: seen for seen in sorted(observed, key=lambda seen: seen.observed_at)}
        for cluster_id in sorted(newest):
            seen = newest[cluster_id]
            dumped = seen.model_dump(mode="json")
            kept: dict[str, Any] = {"observed": dumped, "changed_at": func.clock_timestamp()}
            statement = insert(ClusterRow).values(cluster_id=cluster_id, **kept)
            older = func.coalesce(col(ClusterRow.observed)["observed_at"].astext, "") <= dumped["observed_at"]
            await self._session.execute(statement.on_conflict_do_update(index_elements=["cluster_id"], set_=kept, where=older))

    async def put_dags(self, cluster_id: str, dags: Sequence[DagSeen]) -> None:
        rows = [
            {"cluster_id": cluster_id, "dag_id": dag.dag_id, "tags": list(dag.tags), "owners": list(dag.owners)}
            for dag in sorted({dag.dag_id: dag for dag in dags}.values(), key=lambda dag: dag.dag_id)
        ]
        if not rows:
            return
        statement = insert(DagRow)
        new = statement.excluded
        changed = tuple_(col(DagRow.tags), col(DagRow.owners)).is_distinct_from(tuple_(new.tags, new.owners))
        statement = statement.on_conflict_do_update(
            index_elements=["cluster_id", "dag_id"],
            set_={"tags": new.tags, "owners": new.owners},
            where=changed,
        )
        await self._session.execute(statement, rows)

    async def dags(self, cluster_id: str, dag_ids: Iterable[str]) -> Mapping[str, DagFacts]:
        found = await self._session.execute(
            select(col(DagRow.dag_id), col(DagRow.tags), col(DagRow.owners)).where(
                col(DagRow.cluster_id) == cluster_id,
                col(DagRow.dag_id).in_(list(dag_ids)),
            ),
        )
        return {row.dag_id: DagFacts(tuple(row.tags), tuple(row.owners)) for row in found}

    async def runs(self, run_ids: Iterable[str]) -> dict[str, RunFacts]:
        found = await self._session.execute(select(col(RunRow.run_id), col(RunRow.facts)).where(col(RunRow.run_id).in_(list(run_ids))))
        return {row.run_id: _RUN.validate_python(row.facts) for row in found}

    async def put_runs(self, runs: Sequence[RunFacts]) -> None:
        if not runs:
            return
        statement = insert(RunRow)
        changed = {"facts": statement.excluded.facts, "changed_at": func.clock_timestamp()}
        rows = [{"run_id": run.run_id, "facts": _RUN.dump_python(run, mode="json")} for run in sorted(runs, key=lambda run: run.run_id)]
        await self._session.execute(statement.on_conflict_do_update(index_elements=["run_id"], set_=changed), rows)

    async def forget_runs(self, run_ids: Iterable[str]) -> None:
        if ids := sorted(set(run_ids)):
            await self._session.execute(delete(RunRow).where(col(RunRow.run_id).in_(ids)))

    async def silences(self) -> list[Silence]:
        found = await self._session.execute(select(SilenceRow))
        return [Silence(row.rule_id, row.until, row.by, row.reason) for row in found.scalars()]

    async def put_silence(self, silence: Silence) -> None:
        values = {"until": silence.until, "by": silence.by, "reason": silence.reason}
        await self._put(SilenceRow, {"rule_id": silence.rule_id}, values)

    async def tidy(self) -> None:
        for statement in _TIDY:
            await self._session.execute(statement)

    async def _put(self, table: Any, key: Mapping[str, str], values: Mapping[str, Any]) -> None:
        statement = insert(table).values(**key, **values)
        await self._session.execute(statement.on_conflict_do_update(index_elements=list(key), set_=dict(values)))
