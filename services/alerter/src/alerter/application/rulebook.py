"""The rules and the clusters as this process knows them, read again only where they have changed.

Any replica may have taken the change from the topic, so the database is asked which versions there are; that is one small
query for each. What did not change is neither read nor compiled again.
"""

from datetime import datetime

from alerter.application.ports import Compile, Knowledge
from alerter.domain.cluster import Cluster
from alerter.domain.rule import Rule, Uncompilable
from shared.contracts.alerts import RuleSubject
from shared.runtime.logging import get_logger

log = get_logger(__name__)


class RuleBook:
    """The compiled rules that are switched on, by subject."""

    def __init__(self, compile_: Compile) -> None:
        self._compile = compile_
        self._versions: dict[str, datetime] = {}
        self._rules: dict[str, Rule] = {}

    async def refresh(self, knowledge: Knowledge) -> None:
        """Bring the book up to date."""
        versions = await knowledge.rule_versions()
        for gone in self._versions.keys() - versions.keys():
            self._rules.pop(gone, None)
        changed = [rule_id for rule_id, version in versions.items() if self._versions.get(rule_id) != version]
        for defined in await knowledge.rules(changed) if changed else []:
            self._rules.pop(defined.rule_id, None)
            if not defined.enabled:
                continue
            try:
                self._rules[defined.rule_id] = Rule.of(defined, self._compile(defined.subject, defined.expression))
            except Uncompilable as error:
                log.warning("a rule cannot be asked", rule=defined.name, reason=str(error))
        # Only now: whoever looks while the rules are read must not take them for read already.
        self._versions = versions

    def about(self, subject: RuleSubject) -> list[Rule]:
        """Return the rules about a subject, in a fixed order."""
        return sorted((rule for rule in self._rules.values() if rule.subject is subject), key=lambda rule: rule.rule_id)


class ClusterBook:
    """The clusters and their newest observations."""

    def __init__(self) -> None:
        self._versions: dict[str, datetime] = {}
        self._clusters: dict[str, Cluster] = {}

    @property
    def registered(self) -> list[Cluster]:
        """Return the clusters as they were at the last refresh, without those that nobody registered or somebody removed."""
        return [cluster for cluster in self._clusters.values() if cluster.registered is not None]

    async def refresh(self, knowledge: Knowledge) -> None:
        """Read what has changed."""
        versions = await knowledge.cluster_versions()
        changed = [cluster_id for cluster_id, version in versions.items() if self._versions.get(cluster_id) != version]
        read = {cluster.cluster_id: cluster for cluster in (await knowledge.clusters(changed) if changed else [])}
        self._clusters = {key: cluster for key, cluster in {**self._clusters, **read}.items() if key in versions}
        self._versions = versions
