"""The stage of the benchmarks that need all services: real Kafka, real PostgreSQL and the four services on free ports."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks._shipped import hides_development
from shared.testing.kafka import KafkaPart
from shared.testing.postgres import PostgresPart
from shared.testing.process import scratch_folder
from shared.testing.tower import Tower


@contextmanager
def stage(*, as_shipped: bool = False) -> Iterator[Tower]:
    """Start the parts and the services; stop them in the end, whatever happened.

    ``as_shipped`` hides the packages of development from the services.
    """
    kafka, postgres = KafkaPart(), PostgresPart()
    keys = scratch_folder("keys")
    subprocess.run([sys.executable, "-m", "shared.runtime.keys", str(keys)], check=True, stdout=subprocess.DEVNULL)
    kafka.start()
    postgres.start()
    tower = Tower(kafka, postgres, keys)
    if as_shipped:
        tower.env["PYTHONPATH"] = os.pathsep.join((str(hides_development()), tower.env["PYTHONPATH"]))
    try:
        tower.start_all()
        yield tower
    finally:
        tower.stop_all()
        postgres.stop()
        kafka.stop()
