"""What the use cases need of the outside. Everything here happens inside one database transaction."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from alerter.domain.alert import Alert
from alerter.domain.cluster import Cluster
from alerter.domain.group import Live
from alerter.domain.happening import DagFacts, RunFacts
from alerter.domain.notification import Notification
from alerter.domain.rule import Expression
from alerter.domain.silence import Silence
from shared.contracts.alerts import ChannelDefined, RuleDefined, RuleSubject
from shared.contracts.clusters import ClusterObserved, ClusterRegistered
from shared.contracts.dags import DagSeen

NewId = Callable[[], str]
Compile = Callable[[RuleSubject, str], Expression]


class Alerts(Protocol):
    """The alerts, and the events that tell of their changes."""

    async def lock(self) -> None:
        """Let nobody else change alerts until this transaction ends: incidents are opened and closed one after the other."""

    async def newest(self, fingerprints: Iterable[str]) -> dict[str, Alert]:
        """Return the newest incident of each fingerprint, open or not."""

    async def open_of(self, *, rule_id: str = "", subject: str = "", thing_prefix: str = "") -> list[Alert]:
        """Return open alerts; an empty filter filters nothing."""

    async def by_id(self, alert_id: str) -> Alert | None: ...

    async def due(self, now: datetime) -> list[Alert]:
        """Return pending alerts whose time has come, and firing ones that nobody was told of yet."""

    async def unheard_since(self, moment: datetime) -> list[Alert]:
        """Return open alerts about samples whose series sent nothing since then."""

    async def heard(self, fingerprints: Iterable[str]) -> None:
        """Note that the series behind these alerts sent a sample."""

    async def save(self, alerts: Sequence[Alert]) -> None:
        """Write the alerts and publish each."""

    async def mark_told(self, alert_ids: Iterable[str]) -> None: ...


class Notifications(Protocol):
    """Live messages and the notifications about them."""

    async def live(self, rule_ids: Iterable[str], alert_ids: Iterable[str]) -> list[Live]:
        """Return the messages of these rules that are about an alert that is open, or about one of ``alert_ids``."""

    async def open_message(self, message: Live) -> None: ...

    async def join_message(self, message_id: str, alert_id: str) -> None: ...

    async def unsent(self, message_ids: Iterable[str]) -> list[Notification]:
        """Return the waiting notifications of these messages, locked: none is claimed before this transaction ends."""

    async def queue(self, notifications: Sequence[Notification]) -> None:
        """Write new notifications and publish each; they are sent after the commit."""

    async def channel_kinds(self) -> dict[str, str]:
        """Return channel id → kind of all channels that are defined."""

    async def claim(self, holder: str, lease: float) -> Notification | None:
        """Take the oldest notification that may be sent now, raise its epoch and keep its channel for as long."""

    async def shown(self, message_id: str, limit: int) -> tuple[list[Alert], int, bool, str]:
        """Return a message's alerts (open ones first, at most ``limit``), how many there are, whether it is shared, its receipt."""

    async def record(self, notification: Notification, *, pace: float) -> bool:
        """Write what became of a claim and free its channel in ``pace`` seconds; False when the claim is stale by now."""

    async def release(self, holder: str) -> int:
        """Give back what an earlier life of this replica had claimed; it may have been sent."""

    async def try_again(self, channel_id: str) -> int:
        """Let what failed in this channel within a day be sent again: its settings have changed."""

    async def fail_orphans(self, older_than: float) -> int:
        """Fail what waits for a channel that does not exist, and say so."""


class Knowledge(Protocol):
    """What was learnt from the topics."""

    async def now(self) -> datetime:
        """Return the database's clock."""

    async def rule_versions(self) -> dict[str, datetime]: ...

    async def rules(self, rule_ids: Iterable[str]) -> list[RuleDefined]: ...

    async def put_rule(self, rule_id: str, defined: RuleDefined | None) -> None: ...

    async def channel(self, channel_id: str) -> ChannelDefined | None: ...

    async def put_channel(self, channel_id: str, defined: ChannelDefined | None) -> bool:
        """Keep or forget a channel; return whether anything changed."""

    async def cluster_versions(self) -> dict[str, datetime]: ...

    async def clusters(self, cluster_ids: Iterable[str]) -> list[Cluster]: ...

    async def put_cluster(self, cluster_id: str, registered: ClusterRegistered | None) -> None: ...

    async def observe(self, observed: Sequence[ClusterObserved]) -> None:
        """Keep the newest observation of each cluster."""

    async def put_dags(self, cluster_id: str, dags: Sequence[DagSeen]) -> None: ...

    async def dags(self, cluster_id: str, dag_ids: Iterable[str]) -> Mapping[str, DagFacts]: ...

    async def runs(self, run_ids: Iterable[str]) -> dict[str, RunFacts]: ...

    async def put_runs(self, runs: Sequence[RunFacts]) -> None: ...

    async def forget_runs(self, run_ids: Iterable[str]) -> None: ...

    async def silences(self) -> list[Silence]: ...

    async def put_silence(self, silence: Silence) -> None: ...

    async def tidy(self) -> None:
        """Forget what is long over."""


class Store(Alerts, Notifications, Knowledge, Protocol):
    """One transaction."""
