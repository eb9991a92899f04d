"""The Python environment: exactly what the locks name, every file checked by its hash, and our five packages linked into it."""

import shutil
import subprocess
import sys
from pathlib import Path

from flowtower_local import commands
from flowtower_local.places import PACKAGES, Places
from flowtower_local.progress import Step
from flowtower_local.stamps import Stamp, digest
from flowtower_local.trouble import Trouble

_REGISTRY = "Is a Python package index reachable from here? Another one is named by pip's own configuration or PIP_INDEX_URL."
LOCAL_SETS: tuple[str, ...] = ("runtime", "local")
DEV_SETS: tuple[str, ...] = ("dev",)


def install(places: Places, running: Step, sets: tuple[str, ...] = LOCAL_SETS) -> bool:
    """Bring the environment to what the locks say; False when it was already there.

    `DEV_SETS` come on top of `LOCAL_SETS`, which are installed first: a step that was broken off, whichever of the two,
    leaves half-unpacked packages, so the next `LOCAL_SETS` begin with a fresh environment and forget both.
    """
    locks = [places.root / "requirements" / f"{name}.txt" for name in sets]
    projects = [places.root / package / "pyproject.toml" for package in PACKAGES]
    stamps = {one: Stamp(places.stamps, f"python-{'-'.join(one)}") for one in (LOCAL_SETS, DEV_SETS)}
    stamp = stamps[sets]
    broken_off = any(one.was_broken_off for one in stamps.values())
    value = digest([*locks, *projects], sys.version, str(places.root))
    if not broken_off and stamp.is_current(value, places.python) and _works(places.python):
        running.say("nothing to do")
        return False
    if broken_off or not _is_ours(places.python):
        running.say("making a fresh environment")
        shutil.rmtree(places.venv, ignore_errors=True)
        # What any step put there went with it.
        for one in stamps.values():
            one.forget()
    stamp.begin()
    if not places.python.exists():
        _create(places)
    log = places.logs / "install.log"
    environment = {"PIP_CACHE_DIR": str(places.cache / "pip"), "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PYTHONPATH": ""}
    pip: list[str | Path] = [places.python, "-m", "pip", "install", "--no-input", "--progress-bar=off"]
    wanted = [word for lock in locks for word in ("-r", lock)]
    commands.run(
        [*pip, "--require-hashes", "--no-deps", "--only-binary=:all:", *wanted],
        running=running, log=log, folder=places.root, registry=_REGISTRY, environment=environment,
    )  # fmt: skip
    if sets == LOCAL_SETS:
        links = [word for package in PACKAGES for word in ("-e", places.root / package)]
        commands.run(
            [*pip, "--no-deps", "--no-build-isolation", *links],
            running=running, log=log, folder=places.root, registry=_REGISTRY, environment=environment,
        )  # fmt: skip
    stamp.finish(value)
    running.say("")
    return True


def _create(places: Places) -> None:
    """With the Python that runs us, so the version that was checked is the version that is used."""
    made = subprocess.run([sys.executable, "-m", "venv", str(places.venv)], capture_output=True, text=True, check=False, timeout=300)
    if made.returncode != 0:
        shutil.rmtree(places.venv, ignore_errors=True)
        raise Trouble(
            f"Python cannot make a virtual environment: {(made.stdout + made.stderr).strip()[-400:]}",
            "On Debian and Ubuntu its package is apart: apt install python3.11-venv",
        )


def _works(python: Path) -> bool:
    """Say whether it starts and finds our code."""
    asked = subprocess.run(
        [str(python), "-c", "import shared, supervisor"], capture_output=True, check=False, timeout=60, env={"PATH": "/usr/bin:/bin"}
    )
    return asked.returncode == 0


def _is_ours(python: Path) -> bool:
    """Was it made by the same Python, with pip inside? Otherwise a fresh one is made."""
    if not python.exists():
        return False
    asked = subprocess.run(
        [str(python), "-c", "import pip, sys; print(sys.version)"], capture_output=True, text=True, check=False, timeout=60
    )
    return asked.returncode == 0 and asked.stdout.strip() == sys.version.strip()
