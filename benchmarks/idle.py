"""Memory and CPU of each service while nothing happens; the bars are 150 MB and 3 % of a core.

The services run as they would anywhere, over real Kafka and PostgreSQL and with the packages of the locks alone, signed in to by
nobody and with no cluster.
RSS counts what libraries share with other processes too, so PSS (each page divided by its users) is shown beside it.
"""

import time

import psutil

from benchmarks._figures import note
from benchmarks._stage import stage
from shared.testing.tower import SERVICES

SETTLE_SECONDS = 20.0
WATCH_SECONDS = 60.0
MEMORY_MB, CPU_PERCENT = 150, 3.0


def main() -> None:
    """Start everything, let it settle, and watch it for a minute."""
    with stage(as_shipped=True) as tower:
        time.sleep(SETTLE_SECONDS)
        processes = {name: psutil.Process(tower.process(name).pid) for name in SERVICES}
        before = {name: process.cpu_times() for name, process in processes.items()}
        began = time.monotonic()
        time.sleep(WATCH_SECONDS)
        watched = time.monotonic() - began
        for name, process in processes.items():
            memory = process.memory_full_info()
            spent = process.cpu_times()
            busy = (spent.user + spent.system - before[name].user - before[name].system) / watched * 100
            resident = memory.rss / 2**20
            note(
                "idle",
                f"{name} while nothing happens",
                f"{resident:.0f} MB, {busy:.1f} % CPU",
                bar=f"≤ {MEMORY_MB} MB, ≤ {CPU_PERCENT:g} %",
                reached=resident <= MEMORY_MB and busy <= CPU_PERCENT,
                beside=f"{memory.pss / 2**20:.0f} MB without what it shares",
            )


if __name__ == "__main__":
    main()
