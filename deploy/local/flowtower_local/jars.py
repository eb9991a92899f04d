"""The Java archives of the embedded Kafka: locked by coordinate and sha256, fetched by the kept library jgo.

The lock names no place to fetch from. jgo asks the repositories of its own configuration file, if the machine has one
(`JGO_CONFIG_FILE`, section `[repositories]`), and Maven Central otherwise. Its `download` is neither atomic nor strict
about checksums, so each archive is fetched into a staging folder, checked against the lock and only then moved to its
place: what stands in the final folder is always whole.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from flowtower_local.trouble import Trouble

LOCK = Path(__file__).resolve().parents[2] / "kafka" / "jars.lock"
PARALLEL = 12
ATTEMPTS = 3
_HEX_DIGITS_OF_SHA256 = 64


@dataclass(frozen=True)
class Jar:
    """One line of the lock."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def coordinate(self) -> str:
        return f"{self.group}:{self.artifact}:{self.version}"

    @property
    def file_name(self) -> str:
        return f"{self.artifact}-{self.version}.jar"


def read_lock(lock: Path = LOCK) -> list[Jar]:
    """All archives that the lock names; a line that cannot be read is an error with its number."""
    jars = []
    for number, line in enumerate(lock.read_text(encoding="utf-8").splitlines(), start=1):
        text = line.split("#", 1)[0].strip()
        if not text:
            continue
        coordinate, _, digest = text.partition(" ")
        parts = coordinate.split(":")
        if len(parts) != 3 or len(digest.strip()) != _HEX_DIGITS_OF_SHA256:
            raise Trouble(f"{lock}:{number}: '{text}' is not 'group:artifact:version sha256'.")
        group, artifact, version = parts
        jars.append(Jar(group, artifact, version, digest.strip()))
    return jars


def sha256_of(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def missing(jars: Iterable[Jar], folder: Path) -> list[Jar]:
    """The archives that are not in the folder, or are there with other bytes than the lock says."""
    return [jar for jar in jars if not (folder / jar.file_name).is_file() or sha256_of(folder / jar.file_name) != jar.sha256]


def fetch(folder: Path, lock: Path = LOCK, *, on_progress: Callable[[int, int], None] | None = None) -> int:
    """Bring the folder to exactly what the lock says; returns how many archives had to be fetched.

    Archives that the lock does not name are removed, because the class path is `folder/*`.
    """
    jars = read_lock(lock)
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {jar.file_name for jar in jars}
    for stray in folder.glob("*.jar"):
        if stray.name not in wanted:
            stray.unlink()
    todo = missing(jars, folder)
    if todo:
        _fetch_all(todo, folder, on_progress or (lambda _done, _all: None))
    return len(todo)


def _fetch_all(todo: Sequence[Jar], folder: Path, on_progress: Callable[[int, int], None]) -> None:
    staging = Path(tempfile.mkdtemp(prefix=".fetching-", dir=folder))
    try:
        with ThreadPoolExecutor(PARALLEL) as pool:
            running = {pool.submit(_fetch_one, jar, staging, folder): jar for jar in todo}
            try:
                for done, future in enumerate(as_completed(running), start=1):
                    future.result()
                    on_progress(done, len(todo))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _fetch_one(jar: Jar, staging: Path, folder: Path) -> None:
    why = ""
    for attempt in range(ATTEMPTS):
        cache = staging / f"{jar.file_name}.{attempt}"
        try:
            got = _download(jar, cache)
        except Exception as error:  # noqa: BLE001 - requests, sockets and jgo each raise their own kinds; all mean "try again, then tell"
            why = f"{type(error).__name__}: {error}"
            continue
        digest = sha256_of(got)
        if digest == jar.sha256:
            os.replace(got, folder / jar.file_name)  # noqa: PTH105 - same file system on purpose: the move is atomic
            return
        why = f"its sha256 is {digest}, the lock says {jar.sha256}"
    raise Trouble(
        f"Kafka's archive {jar.coordinate} could not be fetched: {why}.",
        "Is a Maven repository reachable from here? Another one than Maven Central is named in jgo's "
        "configuration file (JGO_CONFIG_FILE, section [repositories]). Or use a Kafka that runs already: FLOWTOWER_KAFKA=host:port.",
    )


def _download(jar: Jar, cache: Path) -> Path:
    """Fetch one coordinate by itself: no dependency is resolved, so jgo's trouble with version ranges cannot matter."""
    from jgo.config import GlobalSettings  # noqa: PLC0415 - comes with the locks, see the package's docstring
    from jgo.maven import MavenContext, PythonResolver  # noqa: PLC0415

    repositories = GlobalSettings.load().repositories or None
    maven = MavenContext(resolver=PythonResolver(), repo_cache=cache, remote_repos=repositories, timeout=30)
    artifact = maven.project(jar.group, jar.artifact).at_version(jar.version).artifact()
    return Path(artifact.resolve())
