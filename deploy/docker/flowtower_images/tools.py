"""Gets what the check needs: Debian packages, the real docker-compose, and a base image made here."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from flowtower_local.trouble import Trouble

PACKAGES = {"buildah": "buildah", "podman": "podman", "runc": "runc", "debootstrap": "debootstrap"}
COMPOSE = "github.com/docker/compose/v2/cmd"
COMPOSE_VERSION = "v2.40.3"
BASE = "localhost/flowtower/python:bookworm"


def run(command: Sequence[str | Path], *, environment: Mapping[str, str] | None = None, folder: Path | None = None) -> str:
    """Run to the end and return what it printed; a failure shows the end of everything it said."""
    words = [str(word) for word in command]
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, cwd=folder, env={**os.environ, **(environment or {})}, errors="replace"
    )
    if done.returncode != 0:
        said = f"{done.stdout}\n{done.stderr}".strip().splitlines()[-25:]
        raise Trouble(f"'{' '.join(words[:8])} …' ended with {done.returncode}:\n" + "\n".join(f"    {line}" for line in said))
    return done.stdout


def debian_packages() -> None:
    """Install what is missing, as root; otherwise name it."""
    missing = [
        package for program, package in PACKAGES.items() if shutil.which(program) is None and not Path("/usr/sbin", program).exists()
    ]
    if not missing:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise Trouble(f"These Debian packages are missing: {', '.join(missing)}.", f"As root: apt-get install {' '.join(missing)}")
    apt = {"DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "update", "-qq", "-o", "DPkg::Lock::Timeout=300"], environment=apt)
    run(["apt-get", "install", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300", *missing], environment=apt)


def compose(tools: Path) -> Path:
    """The real docker-compose, built once from its own Go module: it needs no engine to check a file."""
    binary = tools / f"docker-compose-{COMPOSE_VERSION}"
    if binary.exists():
        return binary
    if shutil.which("go") is None:
        raise Trouble("Go is missing; docker-compose is built with it.", "Install Go 1.24 or newer (apt-get install golang).")
    source = tools / "docker-compose.source"
    shutil.rmtree(source, ignore_errors=True)
    source.mkdir(parents=True)
    run(["go", "mod", "init", "check"], folder=source)
    run(["go", "get", f"{COMPOSE}@{COMPOSE_VERSION}"], folder=source)
    run(["go", "build", "-o", f"{binary}.new", COMPOSE], folder=source)
    Path(f"{binary}.new").replace(binary)
    shutil.rmtree(source)
    return binary


class Storage:
    """Where buildah and podman keep images: a folder of ours, so that nothing of the machine's own is touched."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        configuration = folder / "storage.conf"
        configuration.write_text(f'[storage]\ndriver = "vfs"\ngraphroot = "{folder}/graph"\nrunroot = "{folder}/run"\n', encoding="utf-8")
        self._environment = {"CONTAINERS_STORAGE_CONF": str(configuration)}

    def buildah(self, *words: str | Path) -> str:
        return run(["buildah", *words], environment=self._environment)

    def podman(self, *words: str | Path) -> str:
        # runc and plain cgroups also work where no service manager runs, and in a virtual machine without systemd.
        command = ["podman", "--runtime", shutil.which("runc") or "/usr/sbin/runc", "--cgroup-manager=cgroupfs", "--events-backend=file"]
        return run([*command, *words], environment=self._environment)

    def base(self) -> str:
        """Debian 12 with its Python 3.11: stands for python:3.11-slim where no image can be pulled."""
        if BASE in self.buildah("images", "--format", "{{.Name}}:{{.Tag}}"):
            return BASE
        tree = self._folder / "base"
        shutil.rmtree(tree, ignore_errors=True)
        packages = "python3,python3-venv,ca-certificates"
        run(["debootstrap", "--variant=minbase", f"--include={packages}", "bookworm", tree], environment={"PATH": _with_sbin()})
        container = self.buildah("from", "scratch").strip()
        self.buildah("add", "-q", container, tree, "/")
        self.buildah("commit", "-q", container, BASE)
        self.buildah("rm", container)
        shutil.rmtree(tree)
        return BASE


def _with_sbin() -> str:
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def pip_volumes(folder: Path) -> list[str]:
    """The machine's own pip settings for the build: its index, and its certificate authority when it has a private one."""
    settings = {}
    listed = run(["python3", "-m", "pip", "config", "list"])
    for line in listed.splitlines():
        name, _, value = line.partition("=")
        settings[name.rpartition(".")[2]] = value.strip().strip("'\"")
    settings |= {name[4:].lower().replace("_", "-"): value for name, value in os.environ.items() if name.startswith("PIP_")}
    kept = {name: settings[name] for name in ("index-url", "extra-index-url", "trusted-host", "cert") if settings.get(name)}
    volumes = []
    if certificate := kept.get("cert"):
        volumes += ["--volume", f"{certificate}:/etc/ssl/pip-ca.pem:ro"]
        kept["cert"] = "/etc/ssl/pip-ca.pem"
    configuration = folder / "pip.conf"
    configuration.write_text("[global]\n" + "".join(f"{name} = {value}\n" for name, value in kept.items()), encoding="utf-8")
    return [*volumes, "--volume", f"{configuration}:/etc/pip.conf:ro"]
