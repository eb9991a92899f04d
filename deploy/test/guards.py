"""The guards of delivery and of flow control, each with the text that is it and the test that notices when it is gone."""

from dataclasses import dataclass

EXECUTOR = "services/executor/src/executor"
RUNTIME = "shared/src/shared/runtime"
JOURNAL_TESTS = "services/executor/tests/test_journal_connected.py"
OUTCOME_TESTS = "services/executor/tests/test_outcomes.py"
FENCE_TESTS = "services/executor/tests/test_fences_connected.py"
GATE_TESTS = "services/executor/tests/test_gate.py"


@dataclass(frozen=True)
class Mutation:
    """``old`` stands exactly once in the file and becomes ``new``; ``test`` must then fail."""

    name: str
    file: str
    old: str
    new: str
    test: str


DELIVERY = (
    Mutation(
        "inbox insert of the engine",
        f"{EXECUTOR}/adapters/journal_sql.py",
        "FROM fence, unnest({0}::text[], {1}::text[]) AS c (event_id, position)",
        "FROM fence, unnest({0}::text[], {1}::text[]) AS c (event_id, position) WHERE false",
        f"{JOURNAL_TESTS}::test_a_command_that_comes_twice_begins_one_run",
    ),
    Mutation(
        "inbox insert of the services",
        f"{RUNTIME}/delivery/inbox.py",
        "    return frozenset(result.scalars())",
        "    return frozenset(positions)",
        "shared/tests/runtime/test_consumer.py::test_an_event_id_is_handled_once_within_and_across_batches",
    ),
    Mutation(
        "epoch clause of the journal",
        f"{EXECUTOR}/adapters/journal_sql.py",
        "    WHERE epoch = $1 AND retired_at IS NULL RETURNING epoch\n), written",
        "    WHERE epoch = $1 RETURNING epoch\n), written",
        f"{JOURNAL_TESTS}::test_a_stale_epoch_changes_no_row",
    ),
    Mutation(
        "epoch clause of the checkpoints",
        f"{EXECUTOR}/adapters/checkpoints.py",
        "WHERE e.epoch = $1 AND e.retired_at IS NULL AND",
        "WHERE e.epoch = $1 AND",
        f"{JOURNAL_TESTS}::test_a_stale_epoch_changes_no_row",
    ),
    Mutation(
        "epoch clause of leases",
        f"{RUNTIME}/delivery/lease.py",
        '_GUARD = "SELECT 1 FROM leases WHERE name = $1 AND epoch = $2 AND held_until >= clock_timestamp() FOR SHARE"',
        '_GUARD = "SELECT 1 FROM leases WHERE name = $1 AND $2::bigint IS NOT NULL FOR SHARE"',
        "shared/tests/runtime/test_lease.py::test_a_holder_that_slept_too_long_is_refused",
    ),
    Mutation(
        "explicit commit of commands",
        f"{EXECUTOR}/entrypoints/commands.py",
        "                await consumer.commit(ours)",
        "                pass",
        "services/executor/tests/test_offsets_connected.py::test_what_stands_in_the_journal_is_committed",
    ),
    Mutation(
        "explicit commit of the services",
        f"{RUNTIME}/consumer/intake.py",
        "            await consumer.commit(offsets)",
        "            pass",
        "shared/tests/runtime/test_consumer.py::test_offsets_are_committed_up_to_what_is_finished",
    ),
    Mutation(
        "mark of the outbox",
        f"{RUNTIME}/delivery/outbox.py",
        "UPDATE outbox SET published_at = clock_timestamp()",
        "UPDATE outbox SET held_until = clock_timestamp() + interval '1 hour'",
        "shared/tests/runtime/test_outbox.py::test_a_commit_publishes_at_once_and_marks_after_the_acknowledgement",
    ),
    Mutation(
        "published trails the acknowledgement",
        f"{EXECUTOR}/adapters/outcomes.py",
        "                await self._until_sent(together)\n                failpoints",
        "                self.published = last\n                await self._until_sent(together)\n                failpoints",
        f"{OUTCOME_TESTS}::test_published_trails_the_acknowledgement",
    ),
    Mutation(
        "published is told at all",
        f"{EXECUTOR}/adapters/outcomes.py",
        "                self.published = last\n",
        "",
        f"{OUTCOME_TESTS}::test_published_trails_the_acknowledgement",
    ),
    Mutation(
        "what was committed is offered to Kafka",
        f"{EXECUTOR}/application/writer.py",
        "        self._outcomes.offer(self._batch, entries)\n",
        "",
        f"{JOURNAL_TESTS}::test_what_comes_during_a_commit_is_written_by_the_next_one",
    ),
    Mutation(
        "retention leaves what Kafka does not have",
        f"{EXECUTOR}/adapters/retention.py",
        "j.batch > e.published)",
        "j.batch < 0)",
        "services/executor/tests/test_retention_connected.py::test_only_what_is_over_old_and_known_to_kafka_is_removed_in_batches",
    ),
)

FENCES = (
    Mutation(
        "epoch clause of claims",
        f"{EXECUTOR}/adapters/journal_sql.py",
        'CLAIM = """\nWITH fence AS MATERIALIZED (SELECT epoch FROM executors WHERE epoch = $1 AND retired_at IS NULL FOR SHARE)',
        'CLAIM = """\nWITH fence AS MATERIALIZED (SELECT epoch FROM executors WHERE epoch = $1 FOR SHARE)',
        f"{JOURNAL_TESTS}::test_a_stale_epoch_changes_no_row",
    ),
    Mutation(
        "claims leave what another owns",
        f"{EXECUTOR}/adapters/journal_sql.py",
        "AND (owner IS NULL OR owner = fence.epoch) RETURNING run_id",
        "RETURNING run_id",
        f"{JOURNAL_TESTS}::test_a_stale_epoch_changes_no_row",
    ),
    Mutation(
        "epoch clause of adoption",
        f"{EXECUTOR}/adapters/journal_sql.py",
        "(SELECT epoch FROM executors WHERE epoch = $2 AND retired_at IS NULL FOR SHARE), moved",
        "(SELECT epoch FROM executors WHERE epoch = $2 FOR SHARE), moved",
        f"{JOURNAL_TESTS}::test_a_stale_epoch_changes_no_row",
    ),
    Mutation(
        "adoption takes only what the dead one owned",
        f"{EXECUTOR}/adapters/journal_sql.py",
        "runs.owner IS NOT DISTINCT FROM $1 RETURNING runs.run_id",
        "true RETURNING runs.run_id",
        f"{JOURNAL_TESTS}::test_a_stale_epoch_changes_no_row",
    ),
    Mutation(
        "epoch clause of settling",
        f"{EXECUTOR}/adapters/journal.py",
        '"SELECT epoch FROM executors WHERE epoch = $1 AND retired_at IS NULL FOR SHARE", epoch)',
        '"SELECT epoch FROM executors WHERE epoch = $1 FOR SHARE", epoch)',
        f"{JOURNAL_TESTS}::test_a_stale_epoch_changes_no_row",
    ),
    Mutation(
        "epoch clause of turns",
        f"{EXECUTOR}/adapters/run_turns.py",
        '_FENCE = "SELECT epoch FROM executors WHERE epoch = $1 AND retired_at IS NULL FOR SHARE"',
        '_FENCE = "SELECT epoch FROM executors WHERE epoch = $1 FOR SHARE"',
        f"{FENCE_TESTS}::test_a_stale_epoch_takes_and_gives_back_no_turn",
    ),
    Mutation(
        "turns leave runs that another owns",
        f"{EXECUTOR}/adapters/run_turns.py",
        "AND (owner IS NULL OR owner = $1) RETURNING run_id",
        "RETURNING run_id",
        f"{FENCE_TESTS}::test_a_turn_takes_no_run_that_another_owns",
    ),
    Mutation(
        "epoch clause of slots that are asked for",
        f"{EXECUTOR}/adapters/gates.py",
        "WHERE EXISTS (SELECT FROM executors WHERE epoch = $2 AND retired_at IS NULL)",
        "WHERE true",
        f"{FENCE_TESTS}::test_a_stale_epoch_changes_no_slot",
    ),
    Mutation(
        "epoch clause of slots that are given back",
        f"{EXECUTOR}/adapters/gates.py",
        "AND slots.epoch = $1 AND slots.endpoint_id = $4",
        "AND $1::bigint IS NOT NULL AND slots.endpoint_id = $4",
        f"{FENCE_TESTS}::test_a_stale_epoch_changes_no_slot",
    ),
    Mutation(
        "epoch clause of slots that are hurried",
        f"{EXECUTOR}/adapters/gates.py",
        'slots.component = o.component AND slots.epoch = $1\n"""\n_TAKEN',
        'slots.component = o.component AND $1::bigint IS NOT NULL\n"""\n_TAKEN',
        f"{FENCE_TESTS}::test_a_stale_epoch_changes_no_slot",
    ),
    Mutation(
        "slots of a retired epoch are free",
        f"{EXECUTOR}/adapters/gates.py",
        "e.epoch = slots.epoch AND e.retired_at IS NOT NULL",
        "e.epoch = slots.epoch AND false",
        f"{FENCE_TESTS}::test_a_stale_epoch_changes_no_slot",
    ),
)

FLOW_CONTROL = (
    Mutation(
        "breaker",
        f"{EXECUTOR}/domain/gate.py",
        "            if self.failures >= breaker.failures:",
        "            if self.failures < 0:",
        f"{GATE_TESTS}::test_the_breaker_opens_after_failures_in_a_row_and_lets_one_try",
    ),
    Mutation(
        "the breaker's single trial",
        f"{EXECUTOR}/domain/gate.py",
        "(trying or now < self.opened_until)",
        "(now < self.opened_until)",
        f"{GATE_TESTS}::test_the_breaker_opens_after_failures_in_a_row_and_lets_one_try",
    ),
    Mutation(
        "retry budget",
        f"{EXECUTOR}/domain/gate.py",
        "self.tokens is not None and self.tokens < 1:",
        "self.tokens is not None and self.tokens < -1_000_000:",
        f"{GATE_TESTS}::test_retries_come_a_sixth_at_once_and_then_evenly_and_first_attempts_pass",
    ),
    Mutation(
        "attempts at once",
        f"{EXECUTOR}/domain/gate.py",
        "taken >= limits.concurrency:",
        "taken >= limits.concurrency + 1:",
        f"{GATE_TESTS}::test_never_more_than_the_limit_never_two_trials_and_all_are_served",
    ),
)

ALL = (*DELIVERY, *FENCES, *FLOW_CONTROL)
