"""What must be true before anything is installed or started; every refusal says what to change."""

import shutil
import sys

from flowtower_local import ports, strays
from flowtower_local.places import Places
from flowtower_local.postgres import postmaster_pid
from flowtower_local.progress import Step
from flowtower_local.settings import LocalSettings
from flowtower_local.supervision import Supervisor
from flowtower_local.trouble import Trouble

OLDEST_PYTHON = (3, 11)
FIRST_TIME_BYTES = 3_000_000_000
LATER_BYTES = 300_000_000


def check(places: Places, settings: LocalSettings, running: Step, *, demo: bool = False) -> None:
    check_python()
    check_disk(places)
    supervisor = Supervisor(places)
    if supervisor.is_alive():
        running.say("already running, looking for what changed")
        return
    end_strays(places, running)
    ports.refuse_taken(settings.host, settings.ports_needed(demo=demo))


def check_python() -> None:
    if sys.version_info < OLDEST_PYTHON:
        found = ".".join(str(part) for part in sys.version_info[:3])
        raise Trouble(f"This is Python {found}; Flowtower needs 3.11 or newer.", "Name another one: make up PYTHON=/path/to/python3.11")
    if sys.platform == "win32":
        raise Trouble("Windows itself is not supported.", "Run it inside WSL 2, or use docker compose up.")


def check_disk(places: Places) -> None:
    """The first install needs about 2.5 GB; afterwards room for logs and data is enough."""
    folder = places.state
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    needed = LATER_BYTES if places.python.exists() else FIRST_TIME_BYTES
    if free < needed:
        raise Trouble(
            f"Only {free / 1e9:.1f} GB are free below {folder}; {needed / 1e9:.1f} GB are needed.",
            "Make room, or move the checkout to a larger disk.",
        )


def end_strays(places: Places, running: Step) -> None:
    """Without a supervisor nothing of ours should run; what does was left behind by one that was killed."""
    ended = strays.end(places.state, postmaster=postmaster_pid(places.postgres), say=running.say)
    if ended:
        running.say(f"ended {len(ended)} processes that a killed supervisor had left behind")
