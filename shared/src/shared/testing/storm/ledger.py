"""Compares both ends after a storm: what was asked, what the journal says, what stands on the topic, what the far end counted."""

import sys
from collections import Counter as Tally
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.contracts.topics import RUNS_OUTCOMES
from shared.testing.storm.fleet import NAMES, Fleet


class Ledger:
    """The account of some runs. ``wrong`` holds what must not be; ``table`` shows all counts."""

    def __init__(self, fleet: Fleet, runs: Sequence[str], faults: Tally[str]) -> None:
        self._fleet = fleet
        self._runs = list(runs)
        self.faults = faults
        self.counts: dict[str, int | float] = {}
        self.wrong: list[str] = []

    async def close(self) -> "Ledger":
        """Read both ends and compare; raise AssertionError with what is wrong, and when no fault was injected at all."""
        topic = await self._topic()
        await self._journal(topic)
        self._far_end()
        self._count("errors that nobody has thought of", self._fleet.unforeseen(), "errors were not foreseen")
        if not sum(self.faults.values()):
            self.wrong.append("no fault was injected: this proves nothing")
        sys.stdout.write(f"\n{self.table()}\n")
        if self.wrong:
            raise AssertionError("; ".join(self.wrong[:20]))
        return self

    def table(self) -> str:
        rows = [*((f"injected: {name}", count) for name, count in sorted(self.faults.items())), *self.counts.items()]
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"{name:{width}}  {count:>8}" for name, count in rows)

    def _count(self, name: str, found: Sequence[Any], wrong: str = "") -> None:
        """Count what must not be when ``wrong`` says why."""
        self.counts[name] = len(found)
        if wrong and found:
            self.wrong.append(f"{len(found)} {wrong}, first {found[0]}")

    async def _topic(self) -> dict[str, dict[int, bytes]]:
        """Return run → seq → bytes, and account for order and repeats."""
        first: dict[str, dict[int, bytes]] = defaultdict(dict)
        differing, inverted, again = [], [], 0
        asked = set(self._runs)
        async for run, value in self._records():
            if run not in asked:
                continue
            event = RUNS_OUTCOMES.decode(value)
            seqs = first[run]
            if event.seq in seqs:
                again += 1
                if seqs[event.seq] != value:
                    differing.append((run, event.seq))
                continue
            if event.seq != len(seqs) + 1:
                inverted.append((run, event.seq, len(seqs)))
            seqs[event.seq] = value
        self._outcomes(first)
        self._count("events of one seq that differ", differing, "events were sent again with other bytes")
        self._count("order inversions or gaps", inverted, "events came before their elders")
        self.counts["events sent again, told by (run, seq)"] = again
        return first

    def _outcomes(self, first: dict[str, dict[int, bytes]]) -> None:
        asked = set(self._runs)
        outcomes: Tally[tuple[str, str, int]] = Tally()
        ends: Tally[str] = Tally()
        lost = 0
        for run, seqs in first.items():
            for value in seqs.values():
                event = RUNS_OUTCOMES.decode(value)
                if event.event == "component.finished":
                    outcomes[run, event.component, event.generation] += 1
                elif event.event == "run.finished":
                    ends[run] += 1
                elif event.event == "attempt.failed":
                    lost += event.failure.code == "ExecutorLost"
        self.counts["runs asked for"] = len(asked)
        self.counts["outcomes on the topic"] = len(outcomes)
        self.counts["attempts lost with their executor"] = lost
        self._count("runs without an end on the topic", [run for run in self._runs if run not in ends], "runs are lost")
        missing = [(run, name) for run in self._runs for name in NAMES if not outcomes[run, name, 1]]
        self._count("outcomes lost", missing, "outcomes are lost")
        self._count("outcomes twice", [key for key, count in outcomes.items() if count > 1], "outcomes are there twice")
        self._count("ends twice", [run for run, count in ends.items() if count > 1], "runs ended twice")

    async def _records(self) -> Any:
        consumer = AIOKafkaConsumer(bootstrap_servers=self._fleet.kafka.bootstrap, auto_offset_reset="earliest", enable_auto_commit=False)
        await consumer.start()
        try:
            lanes = [TopicPartition(RUNS_OUTCOMES.name, number) for number in range(RUNS_OUTCOMES.partitions)]
            consumer.assign(lanes)
            ends = await consumer.end_offsets(lanes)
            await consumer.seek_to_beginning(*lanes)
            while any([await consumer.position(lane) < ends[lane] for lane in lanes]):
                for records in (await consumer.getmany(timeout_ms=500)).values():
                    for record in records:
                        yield record.key.decode(), record.value
        finally:
            await consumer.stop()

    async def _journal(self, topic: dict[str, dict[int, bytes]]) -> None:
        async with self._fleet.database() as connection:
            runs = await connection.fetch("SELECT run_id, status, owner FROM runs WHERE run_id = ANY($1)", self._runs)
            bodies = await connection.fetch("SELECT run_id, body FROM journal WHERE run_id = ANY($1) ORDER BY run_id, first", self._runs)
        lines: dict[str, list[bytes]] = defaultdict(list)
        for run, body in bodies:
            lines[run] += body.split(b"\n")
        there = {run for run, _, _ in runs}
        self._count("commands without a run", [run for run in self._runs if run not in there], "commands are lost")
        self._count("runs not succeeded", [(r, s) for r, s, _ in runs if s != "succeeded"], "runs did not succeed")
        self._count("ended runs that somebody owns", [r for r, _, owner in runs if owner is not None], "ended runs are owned")
        unlike = [run for run in self._runs if lines[run] != [topic[run][seq] for seq in sorted(topic[run])]]
        self._count("runs whose topic differs from the journal", unlike, "runs differ between journal and topic")

    def _far_end(self) -> None:
        asked = {f"{run}:{name}:1" for run in self._runs for name in NAMES}
        calls = self._fleet.counter.calls
        self.counts["effects at the far end"] = sum(key in calls for key in asked)
        self._count("effects missing at the far end", [key for key in asked if key not in calls], "effects are missing at the far end")
        mine = set(self._runs)
        strange = [key for key in calls if key.partition(":")[0] in mine and key not in asked]
        self._count("effects under a strange key", strange, "effects have a key that nobody asked for")
        self.counts["calls made again under the same key"] = sum(calls[key] - 1 for key in asked if key in calls)
