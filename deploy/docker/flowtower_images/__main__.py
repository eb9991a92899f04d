"""`python -m flowtower_images [SERVICE …]`: checks Dockerfile and compose file, builds every image, starts each one. See the package."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flowtower_images import tools
from flowtower_images.running import UID, Container
from flowtower_images.tools import Storage
from flowtower_local import settings, strays, tower, ui_build
from flowtower_local.places import ROOT, Places
from flowtower_local.postgres import postmaster_pid
from flowtower_local.progress import step
from flowtower_local.settings import SERVICES
from flowtower_local.supervision import Supervisor
from flowtower_local.trouble import Trouble
from shared.testing.ports import free_port, free_ports

_DOCKERFILE = ROOT / "deploy" / "docker" / "Dockerfile"
_OUR_PACKAGES = {"flowtower-shared"}


def main(words: list[str]) -> int:
    places = Places()
    chosen = words or list(SERVICES)
    if unknown := set(chosen) - set(SERVICES):
        print(f"There is no service {', '.join(sorted(unknown))}. There are: {', '.join(SERVICES)}.", file=sys.stderr)
        return 2
    storage_folder = places.state / "images"
    try:
        with step("Tools from Debian"):
            tools.debian_packages()
        with step("hadolint: the Dockerfile") as running:
            tools.run([Path(sys.executable).parent / "hadolint", _DOCKERFILE])
            running.say("no findings")
        with step("docker-compose: the compose file, all profiles") as running:
            check_compose(tools.compose(places.state / "tools"))
            running.say("accepted, and a wrong one refused")
        if "gateway" in chosen:
            with step("The user interface") as running:
                ui_build.install(places, running)
        storage = Storage(storage_folder)
        with step("The base image by debootstrap"):
            base = storage.base()
        for service in chosen:
            with step(f"Build flowtower/{service}"):
                build(storage, service, base, storage_folder)
        with real_parts() as line:
            for service in chosen:
                check(storage, service, line)
    except Trouble as trouble:
        print(f"\n{trouble}", file=sys.stderr)
        return 1
    print(f"\n{', '.join(chosen)}: built, started as an unprivileged user with a read-only root, and stopped.")
    return 0


def check_compose(binary: Path) -> None:
    """The real tool must accept our file and refuse a broken copy, or it checks nothing."""
    tools.run([binary, "-f", ROOT / "docker-compose.yml", "--profile", "*", "config", "-q"], folder=ROOT)
    broken = (ROOT / "docker-compose.yml").read_text(encoding="utf-8").replace("kafka: {condition:", "kafla: {condition:", 1)
    refused = subprocess.run(
        [str(binary), "-f", "-", "--project-directory", str(ROOT), "config", "-q"],
        input=broken,
        text=True,
        capture_output=True,
        check=False,
    )
    if refused.returncode == 0:
        raise Trouble("docker-compose accepts a dependency on a service that does not exist: it checks nothing here.")


def build(storage: Storage, service: str, base: str, folder: Path) -> None:
    storage.buildah(
        "bud", "--isolation=chroot", "--pull-never", "--layers=false", "--format=docker", *tools.pip_volumes(folder),
        "--build-arg", f"SERVICE={service}", "--build-arg", f"BASE={base}", "--build-arg", f"NODE={base}", "--build-arg", "UI=prebuilt",
        "-f", _DOCKERFILE, "-t", f"localhost/flowtower/{service}", ROOT,
    )  # fmt: skip


def check(storage: Storage, service: str, line: tower.Line) -> None:
    keys = _keys_for(service)
    environment = {
        "FLOWTOWER_KAFKA": line.kafka,
        # The address stands in a file, as in the compose file.
        "FLOWTOWER_DATABASE_URL_FILE": "/flowtower/keys/database-url",
        "FLOWTOWER_HOST": "127.0.0.1",
    }
    (keys / "database-url").write_text(line.database_url, encoding="utf-8")
    for path in (keys, *keys.iterdir()):
        os.chown(path, UID, UID)
    port = free_port()
    with step(f"Run flowtower/{service}") as running:
        container = Container.start(storage, service, f"localhost/flowtower/{service}", port=port, keys=keys, environment=environment)
        try:
            container.wait("/healthz", 60)
            seen = container.refuse_privileges()
            _refuse_strangers(service, container.contents())
            container.wait("/readyz", 120)
            began = time.monotonic()
            code = container.stop()
            if code != 0:
                raise Trouble(f"{container.name} ended with {code} when it was asked to stop.")
            running.say(f"healthy and ready; {seen}; stopped by itself in {time.monotonic() - began:.1f} s")
        finally:
            container.remove()
            shutil.rmtree(keys)


def _keys_for(service: str) -> Path:
    """A folder with what this service is given in the compose file, and nothing else."""
    everything = Path(tempfile.mkdtemp(prefix="flowtower-keys-"))
    tools.run([sys.executable, "-m", "shared.runtime.keys", everything])
    wanted = {f"{service}.key", "internal.key"}
    for file in everything.iterdir():
        if file.suffix != ".pub" and file.name not in wanted:
            file.unlink()
    return everything


def _refuse_strangers(service: str, inside: set[str]) -> None:
    """Inside are the packages of the lock and our own two, nothing else: no pip, no test tools."""
    lock = (ROOT / "requirements" / f"{service}.txt").read_text(encoding="utf-8")
    allowed = {name.lower().replace("_", "-").replace(".", "-") for name in re.findall(r"^([A-Za-z0-9._-]+)==", lock, flags=re.MULTILINE)}
    strangers = inside - allowed - _OUR_PACKAGES - {f"flowtower-{service}"}
    if strangers:
        raise Trouble(f"The image of {service} holds packages that its lock does not name: {', '.join(sorted(strangers))}.")


@contextmanager
def real_parts() -> Iterator[tower.Line]:
    """PostgreSQL and Kafka by the code of `make up`, in a state folder of their own."""
    state = Path(tempfile.mkdtemp(prefix="flowtower-images-"))
    places = Places(root=ROOT, state=state)
    places.make()
    if (already := Places().jars).is_dir():
        shutil.copytree(already, places.jars)
    names = ("FLOWTOWER_KAFKA_PORT", "FLOWTOWER_KAFKA_CONTROLLER_PORT", "FLOWTOWER_POSTGRES_PORT")
    chosen = settings.read(state, {name: str(port) for name, port in zip(names, free_ports(len(names)), strict=True)})
    try:
        line = tower.prepare_parts(places, chosen)
        tower.start(places, chosen, line)
        yield line
    finally:
        if Supervisor(places).is_alive():
            Supervisor(places).shut_down()
        strays.end(state, postmaster=postmaster_pid(places.postgres))
        shutil.rmtree(state, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
