"""Removes, one after the other, what holds the promises of delivery, and demands that a named test notices each time.

    python deploy/test/mutations.py [--list] [WORD ...]

Each mutation is a piece of text that is replaced in a scratch copy of the working tree; nothing here is changed. It fails when a
test is red without a mutation, when a piece of text is not there (any more), and when a mutation stays unnoticed. Words choose the
mutations whose names contain them. Several of the tests start a real PostgreSQL or Kafka.
"""

import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIMIT_SECONDS = 240

EXECUTOR = "services/executor/src/executor"
RUNTIME = "shared/src/shared/runtime"
JOURNAL_TESTS = "services/executor/tests/test_journal_connected.py"
OUTCOME_TESTS = "services/executor/tests/test_outcomes.py"
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
        f"{EXECUTOR}/adapters/journal.py",
        "FROM fence, unnest($5::text[], $6::text[]) AS c (event_id, position)",
        "FROM fence, unnest($5::text[], $6::text[]) AS c (event_id, position) WHERE false",
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
        f"{EXECUTOR}/adapters/journal.py",
        "    WHERE epoch = $1 AND retired_at IS NULL RETURNING epoch\n), entered",
        "    WHERE epoch = $1 RETURNING epoch\n), entered",
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

ALL = (*DELIVERY, *FLOW_CONTROL)


def copy() -> Path:
    """Return a scratch copy of every file that git knows or would take, with the prepared parts linked."""
    target = Path(tempfile.mkdtemp(prefix="flowtower-mutations-"))
    listed = subprocess.run(["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        source = ROOT / name
        if source.is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name)
    if (ROOT / ".flowtower").exists():
        (target / ".flowtower").symlink_to(ROOT / ".flowtower")
    return target


def green(place: Path, tests: list[str]) -> tuple[bool, str]:
    """Run tests in the copy; return whether all passed, and the end of what pytest said."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "--no-header", "-p", "no:cacheprovider", *tests]
    limit = LIMIT_SECONDS * (1 + len(tests) // 4)
    try:
        done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        return False, "out of time"
    if done.returncode not in {0, 1}:
        raise SystemExit(f"pytest could not run {tests}:\n{done.stdout[-3000:]}\n{done.stderr[-2000:]}")
    return done.returncode == 0, done.stdout[-1500:]


def noticed(place: Path, mutation: Mutation) -> str:
    """Apply a mutation, run its test, take it back; return what is wrong, empty when the test noticed it."""
    file = place / mutation.file
    text = file.read_text()
    if text.count(mutation.old) != 1:
        return f"its text stands {text.count(mutation.old)} times in {mutation.file}"
    file.write_text(text.replace(mutation.old, mutation.new))
    try:
        passed, _ = green(place, [mutation.test])
    finally:
        file.write_text(text)
    return f"{mutation.test} stays green" if passed else ""


def main(words: list[str]) -> int:
    """Return 0 when each mutation turned its test red."""
    chosen = [m for m in ALL if all(word == "--list" or word in m.name for word in words)]
    if "--list" in words or not chosen:
        print("\n".join(m.name for m in ALL))
        return 0 if chosen else 2
    place = copy()
    try:
        passed, said = green(place, sorted({m.test for m in chosen}))
        if not passed:
            print(f"red without any mutation:\n{said}", file=sys.stderr)
            return 1
        wrong = {}
        for mutation in chosen:
            problem = noticed(place, mutation)
            print(f"{'NOT noticed' if problem else 'noticed':12} {mutation.name}{f': {problem}' if problem else ''}", flush=True)
            if problem:
                wrong[mutation.name] = problem
        print(f"{len(chosen) - len(wrong)} of {len(chosen)} mutations were noticed")
        return int(bool(wrong))
    finally:
        shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
