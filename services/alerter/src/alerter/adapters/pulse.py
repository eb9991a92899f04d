"""Cheap looks at the database, every second for as long as the service lives: has anything changed, is anything due.

Each is one prepared statement on a bare connection. A transaction is opened only when the answer asks for one.
"""

from alerter.application.watch import Beat
from shared.runtime.database import Database

# A digest and not the newest time: transactions do not commit in the order of their clocks.
_BEAT = """
SELECT clock_timestamp() AS now,
    (SELECT concat(count(*), ':', sum(hashtextextended(concat(rule_id, changed_at), 0))) FROM rules)
    || '/' || (SELECT concat(count(*), ':', sum(hashtextextended(concat(cluster_id, changed_at), 0))) FROM clusters)
    || '/' || (SELECT concat(count(*), ':', sum(hashtextextended(concat(alert_id, changed_at), 0))) FROM alerts
               WHERE resolved_at IS NULL AND subject = 'cluster') AS versions,
    EXISTS (SELECT 1 FROM alerts WHERE resolved_at IS NULL AND (
        state = 'pending' AND pending_until <= clock_timestamp()
        OR state = 'firing' AND NOT told
        OR subject = 'sample' AND state <> 'no_data' AND heard_at < clock_timestamp() - make_interval(secs => $1))) AS due
"""
_NEXT = """
SELECT extract(epoch FROM min(greatest(c.next_send_at, CASE WHEN n.status = 'waiting' THEN n.next_attempt_at ELSE n.lease_until END))
    - clock_timestamp())::float8
FROM notifications AS n JOIN channels AS c USING (channel_id) WHERE n.status IN ('waiting', 'sending')
"""


class Pulse:
    """Asks the alerter's schema."""

    def __init__(self, database: Database, *, samples_silent_after: float) -> None:
        self._database = database
        self._samples_silent_after = samples_silent_after

    async def beat(self) -> Beat:
        """Return the database's time, what versions of things there are, and whether time alone has made something due."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_BEAT, self._samples_silent_after)
        return Beat(row["now"], row["versions"], row["due"])

    async def next_notification(self) -> float | None:
        """Return in how many seconds a notification may be sent, negative when one may now, None when there is none."""
        async with self._database.connection() as connection:
            seconds: float | None = await connection.fetchval(_NEXT)
        return seconds
