"""What people defined: rules, channels, clusters, workflows. A tombstone, or what counts as one, ends the alerts about it."""

from alerter.application.pipeline import Telling
from alerter.application.ports import Compile, NewId, Store
from alerter.application.stages.evaluate import Change
from alerter.domain.alert import Alert, fingerprint, resolve
from alerter.domain.rule import Uncompilable
from shared.contracts.alerts import AlertState, ChannelDefined, RuleDefined
from shared.contracts.clusters import ClusterRegistered
from shared.contracts.workflows import WorkflowPublished

_ITSELF = "rule"
"""The thing of an alert that a rule raises about itself, when it cannot be asked."""


class Definitions:
    """The use cases of the registry topics."""

    def __init__(self, telling: Telling, compile_: Compile, new_id: NewId) -> None:
        self._telling = telling
        self._compile = compile_
        self._new_id = new_id

    async def rule(self, rule_id: str, defined: RuleDefined | None, store: Store) -> None:
        """Keep or forget a rule. One that cannot be asked shows itself as an unknown alert instead of being ok for ever."""
        await store.put_rule(rule_id, defined)
        if defined is None or not defined.enabled:
            await self._end(await self._locked(store, rule_id=rule_id), "The rule was removed or switched off.", store)
            return
        about_itself = [alert for alert in await self._locked(store, rule_id=rule_id) if alert.thing == _ITSELF]
        try:
            self._compile(defined.subject, defined.expression)
        except Uncompilable as error:
            if not about_itself:
                await store.save([await self._unusable(defined, str(error), store)])
            return
        await self._end(about_itself, "The rule can be asked again.", store)

    async def channel(self, channel_id: str, defined: ChannelDefined | None, store: Store) -> None:
        """Keep or forget a channel. After a change, what had failed there is tried again."""
        if await store.put_channel(channel_id, defined) and defined is not None:
            await store.try_again(channel_id)

    async def cluster(self, cluster_id: str, registered: ClusterRegistered | None, store: Store) -> None:
        """Keep or forget a cluster; with it go the alerts about it and about its DAGs."""
        await store.put_cluster(cluster_id, registered)
        if registered is None:
            alerts = await self._locked(store, thing_prefix=cluster_id)
            its = [alert for alert in alerts if alert.thing == cluster_id or alert.thing.startswith(f"{cluster_id}/")]
            await self._end(its, "The cluster was removed.", store)

    async def workflow(self, published: WorkflowPublished, store: Store) -> None:
        """End the alerts about a workflow that was deleted."""
        if published.retired:
            alerts = await self._locked(store, subject="workflow_run", thing_prefix=published.workflow_id)
            await self._end([alert for alert in alerts if alert.thing == published.workflow_id], "The workflow was deleted.", store)

    async def _locked(self, store: Store, *, rule_id: str = "", subject: str = "", thing_prefix: str = "") -> list[Alert]:
        await store.lock()
        return await store.open_of(rule_id=rule_id, subject=subject, thing_prefix=thing_prefix)

    async def _end(self, alerts: list[Alert], why: str, store: Store) -> None:
        if not alerts:
            return
        now = await store.now()
        changes = [Change(alert, resolve(alert, now, why)) for alert in alerts]
        await store.save([change.after for change in changes])
        await self._telling.changed(changes, store, now)

    async def _unusable(self, defined: RuleDefined, why: str, store: Store) -> Alert:
        now = await store.now()
        return Alert(
            alert_id=self._new_id(),
            fingerprint=fingerprint(defined.rule_id, _ITSELF),
            rule_id=defined.rule_id,
            rule=defined.name,
            subject=defined.subject.value,
            thing=_ITSELF,
            state=AlertState.UNKNOWN,
            severity=defined.severity,
            since=now,
            opened_at=now,
            changed_at=now,
            title=f"{defined.name} cannot be asked",
            evidence=why,
        )
