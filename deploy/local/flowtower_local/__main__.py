"""The commands behind the Makefile.

    python -m flowtower_local up | demo | down | status | logs [SERVICE] | install [--dev]

`up` runs in two stages: the first needs only Python's standard library and makes the environment, the second runs inside
that environment and starts everything.
"""

import argparse
import os
import subprocess
import sys
import time

from flowtower_local import overview, preflight, python_environment, settings, strays
from flowtower_local.lock import one_at_a_time
from flowtower_local.places import ROOT, Places
from flowtower_local.postgres import postmaster_pid
from flowtower_local.progress import step
from flowtower_local.supervision import ProgramState, Supervisor
from flowtower_local.trouble import Trouble


def main(words: list[str] | None = None) -> int:
    asked = _parser().parse_args(words)
    places = Places()
    try:
        return int(asked.run(places, asked))
    except Trouble as trouble:
        print(f"\n{trouble}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. What was begun is finished or thrown away by the next make up.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="flowtower_local", description="Flowtower on one machine.")
    commands = parser.add_subparsers(required=True)
    for name, run in (("up", _up), ("demo", _up), ("start", _start), ("start-demo", _start), ("down", _down), ("status", _status)):
        command = commands.add_parser(name)
        command.set_defaults(run=run, demo=name.endswith("demo"))
    logs = commands.add_parser("logs")
    logs.add_argument("service", nargs="?")
    logs.add_argument("--no-follow", dest="follow", action="store_false")
    logs.set_defaults(run=lambda places, asked: overview.logs(places, asked.service or None, follow=asked.follow))
    install = commands.add_parser("install")
    install.add_argument("--dev", action="store_true", help="also what the tests and linters need")
    install.set_defaults(run=_install)
    return parser


def _up(places: Places, asked: argparse.Namespace) -> int:
    """Stage one: check, make the environment, then go on inside it."""
    begun = time.monotonic()
    chosen = settings.read(ROOT)
    with step("This machine") as running:
        preflight.check_python()
        places.make()
        lock = one_at_a_time(places)
        preflight.check(places, chosen, running, demo=asked.demo)
    with lock:
        with step("The Python environment") as running:
            python_environment.install(places, running)
        # The environment's own Python has what stage two needs; the lock stays with us until it is done.
        return subprocess.run(
            [str(places.python), "-m", "flowtower_local", "start-demo" if asked.demo else "start"],
            check=False,
            env={**os.environ, "PYTHONPATH": _import_path(places), "FLOWTOWER_LOCAL_BEGUN": str(begun)},
        ).returncode


def _import_path(places: Places) -> str:
    return os.pathsep.join([str(places.root / "deploy" / "local"), str(places.root / "deploy" / "demo")])


def _start(places: Places, asked: argparse.Namespace) -> int:
    """Stage two."""
    from flowtower_local import tower  # noqa: PLC0415 - its packages exist only now

    chosen = settings.read(ROOT)
    line = tower.prepare_parts(places, chosen)
    tower.prepare_services(places, chosen, line)
    told = ""
    if asked.demo:
        from flowtower_local import demo  # noqa: PLC0415

        scene = demo.add_programs(places, chosen, line)
        tower.start(places, chosen, line)
        told = demo.register(places, chosen, line, scene)
    else:
        tower.start(places, chosen, line)
    url = chosen.public_url or chosen.url("gateway")
    took = time.monotonic() - float(os.environ.get("FLOWTOWER_LOCAL_BEGUN", time.monotonic()))
    print(f"\nFlowtower is ready at {url} ({took:.0f} s)")
    if told:
        print(told)
    elif link := tower.setup_link(places, chosen, line):
        print(f"Nobody has signed up yet. This link does it, once:\n  {link}")
    return 0


def _down(places: Places, _asked: argparse.Namespace) -> int:
    if not places.state.is_dir():
        print("Flowtower was never up here.")
        return 0
    with one_at_a_time(places), step("Stopping") as running:
        supervisor = Supervisor(places)
        if supervisor.is_alive():
            supervisor.shut_down()
            until = time.monotonic() + 120
            while supervisor.is_alive() and time.monotonic() < until:
                running.say(f"{', '.join(one.name for one in _stopping(supervisor)) or 'the supervisor'}")
                time.sleep(0.2)
        strays.end(places.state, postmaster=postmaster_pid(places.postgres), say=running.say)
        running.say("nothing of Flowtower runs any more")
    return 0


def _stopping(supervisor: Supervisor) -> list[ProgramState]:
    """What still runs; nothing when the supervisor has just ended."""
    try:
        return [one for one in supervisor.states() if one.pid]
    except OSError:
        return []


def _status(places: Places, _asked: argparse.Namespace) -> int:
    return overview.status(places, settings.read(ROOT))


def _install(places: Places, asked: argparse.Namespace) -> int:
    with step("This machine"):
        preflight.check_python()
        places.make()
        lock = one_at_a_time(places)
        preflight.check_disk(places)
    with lock:
        with step("The Python environment") as running:
            python_environment.install(places, running)
        if asked.dev:
            with step("The tools of development") as running:
                python_environment.install(places, running, python_environment.DEV_SETS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
