"""The statements of the journal in PostgreSQL."""

from functools import cache

FENCE = """
WITH fence AS MATERIALIZED (
    UPDATE executors SET batch = $2, published = $3, lease_until = clock_timestamp() + make_interval(secs => $4)
    WHERE epoch = $1 AND retired_at IS NULL RETURNING epoch
), written AS (
    INSERT INTO journal (run_id, first, last, epoch, batch, body)
    SELECT j.run_id, j.first, j.last, fence.epoch, $2, j.body
    FROM fence, unnest($5::text[], $6::int[], $7::int[], $8::bytea[]) AS j (run_id, first, last, body)
)"""
_PARTS = {
    "entered": """, entered AS (
    INSERT INTO inbox (consumer, event_id, position)
    SELECT 'executor.commands', c.event_id, c.position FROM fence, unnest({0}::text[], {1}::text[]) AS c (event_id, position)
)""",
    "opened": """, opened AS (
    INSERT INTO runs (run_id, workflow_id, workflow, version, status, owner)
    SELECT o.run_id, o.workflow_id, o.workflow, o.version, o.status, CASE WHEN o.status <> 'queued' THEN fence.epoch END
    FROM fence, unnest({0}::text[], {1}::text[], {2}::text[], {3}::int[], {4}::text[]) AS o (run_id, workflow_id, workflow, version, status)
)""",
    # The owner of a run that ends is said so that no index answers it. The planner learns of owners while nothing runs, takes an epoch
    # to own next to nothing, and would compare all runs of the epoch with all that end: a third of the throughput.
    "ended": """, ended AS (
    UPDATE runs SET status = e.status, owner = NULL, ended_at = clock_timestamp()
    FROM fence, unnest({0}::text[], {1}::text[]) AS e (run_id, status)
    WHERE runs.run_id = e.run_id AND runs.owner IS NOT DISTINCT FROM fence.epoch
)""",
}


@cache
def commit_of(*parts: tuple[str, int]) -> str:
    """Return the statement that commits a batch; ``parts``: what it has beside journal lines, each with its number of columns.

    $1 to $4 are epoch, batch, published and lease, $5 to $8 the columns of the lines, then come those of the parts. What a batch has
    nothing of is left out: a part that inserts no row costs a small commit a tenth of its time nevertheless.
    """
    statement, used = FENCE, 8
    for part, columns in parts:
        statement += _PARTS[part].format(*(f"${used + number}" for number in range(1, columns + 1)))
        used += columns
    return statement + "\nSELECT epoch FROM fence\n"


PLAN = """
INSERT INTO waits (run_id, component, due_at) SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[])
ON CONFLICT (run_id, component) DO UPDATE SET due_at = excluded.due_at
"""
UNPLAN = """
DELETE FROM waits USING unnest($1::text[], $2::text[]) AS o (run_id, component)
WHERE waits.run_id = o.run_id AND waits.component = o.component
"""
# A queued run belongs to nobody: whoever has room lets it go on.
REOPEN = """
UPDATE runs SET status = o.status, ended_at = NULL, version = coalesce(o.version, runs.version),
    owner = CASE WHEN o.status <> 'queued' THEN runs.owner END
FROM unnest($1::text[], $2::text[], $3::int[]) AS o (run_id, status, version) WHERE runs.run_id = o.run_id
"""
QUEUE = """
INSERT INTO turns (run_id, workflow_id, priority) SELECT r.run_id, r.workflow_id, o.priority
FROM unnest($1::text[], $2::int[]) AS o (run_id, priority) JOIN runs AS r USING (run_id)
ON CONFLICT (run_id) DO UPDATE SET taken_by = NULL, priority = excluded.priority
"""
JOIN = "INSERT INTO executors (instance, host, lease_until) VALUES ($1, $2, clock_timestamp() + make_interval(secs => $3)) RETURNING epoch"
RETIRE_DEAD = "UPDATE executors SET retired_at = clock_timestamp() WHERE retired_at IS NULL AND lease_until < clock_timestamp()"
INHERIT = """
UPDATE executors SET heir = $1 WHERE epoch = (
    SELECT dead.epoch FROM executors AS dead
    WHERE dead.retired_at IS NOT NULL AND dead.settled_at IS NULL
      AND (dead.heir IS NULL OR dead.heir = $1 OR EXISTS (SELECT FROM executors AS h
          WHERE h.epoch = dead.heir AND h.retired_at IS NOT NULL))
      AND EXISTS (SELECT FROM executors AS me WHERE me.epoch = $1 AND me.retired_at IS NULL)
    ORDER BY dead.epoch LIMIT 1 FOR UPDATE SKIP LOCKED
) RETURNING epoch
"""
# Without a planned attempt: what was under way when the dead executor died is among these, and what waits is not.
BUSY = """
SELECT r.run_id FROM runs AS r
WHERE r.owner = $1 AND NOT EXISTS (SELECT FROM waits AS w WHERE w.run_id = r.run_id AND w.component <> $2) ORDER BY r.started_at
"""
ADOPT = """
WITH fence AS MATERIALIZED (SELECT epoch FROM executors WHERE epoch = $2 AND retired_at IS NULL FOR SHARE), moved AS (
    UPDATE runs SET owner = fence.epoch FROM fence, unnest($3::text[]) AS these (run_id)
    WHERE runs.run_id = these.run_id AND runs.owner IS NOT DISTINCT FROM $1 RETURNING runs.run_id, runs.started_at
)
SELECT epoch, ARRAY(SELECT run_id FROM moved ORDER BY started_at) FROM fence
"""
SETTLE = """
WITH part AS MATERIALIZED (SELECT run_id FROM runs WHERE owner = $1 LIMIT $3)
UPDATE runs SET owner = $2 FROM part WHERE runs.run_id = part.run_id
"""
WAITING = """
SELECT DISTINCT w.run_id FROM waits AS w WHERE w.run_id > $2 AND EXISTS (
    SELECT FROM runs AS r WHERE r.run_id = w.run_id AND r.owner IS NOT DISTINCT FROM $1 OFFSET 0
) ORDER BY w.run_id LIMIT $3
"""
LEFT = """
SELECT j.run_id, j.body FROM journal AS j JOIN executors AS e USING (epoch) WHERE j.epoch = $1 AND j.batch > e.published
ORDER BY j.batch, j.run_id, j.first
"""
DUE = """
SELECT w.run_id, w.component FROM waits AS w WHERE w.due_at <= statement_timestamp() AND EXISTS (
    SELECT FROM runs AS r WHERE r.run_id = w.run_id AND (r.owner = $1 OR (r.owner IS NULL AND r.status = 'queued')) OFFSET 0
) ORDER BY w.due_at LIMIT $2
"""
REQUESTS = """
SELECT q.id, q.run_id, q.external, q.body FROM requests AS q
WHERE EXISTS (SELECT FROM runs AS r WHERE r.run_id = q.run_id AND (r.owner = $1 OR r.owner IS NULL) OFFSET 0) ORDER BY q.id LIMIT $2
"""
# The clock of the statement and not of the moment: only the former can be looked up in the index, so that a look costs the
# same however many attempts are planned. OFFSET 0 has waits and requests looked at first, of which few matter, and not all runs,
# whatever the planner thinks of their numbers.
NEWS = """
SELECT
    (SELECT extract(epoch FROM w.due_at - statement_timestamp())::float8 FROM waits AS w
     WHERE w.due_at <= statement_timestamp() + make_interval(secs => $2) AND EXISTS (
         SELECT FROM runs AS r WHERE r.run_id = w.run_id AND (r.owner = $1 OR (r.owner IS NULL AND r.status = 'queued')) OFFSET 0
     ) ORDER BY w.due_at LIMIT 1),
    EXISTS (SELECT FROM requests AS q
            WHERE EXISTS (SELECT FROM runs AS r WHERE r.run_id = q.run_id AND (r.owner = $1 OR r.owner IS NULL) OFFSET 0))
"""
SEEN = """
SELECT event_id, true FROM inbox WHERE consumer = $1 AND event_id = ANY($2::text[])
UNION ALL SELECT run_id, false FROM runs WHERE run_id = ANY($3::text[])
"""
CLAIM = """
WITH fence AS MATERIALIZED (SELECT epoch FROM executors WHERE epoch = $1 AND retired_at IS NULL FOR SHARE)
UPDATE runs SET owner = fence.epoch FROM fence WHERE run_id = $2 AND (owner IS NULL OR owner = fence.epoch) RETURNING run_id
"""
