"""`make status` and `make logs`: what runs, since when, where, and what it says."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from flowtower_local import readiness, strays
from flowtower_local.places import Places
from flowtower_local.settings import SERVICES, LocalSettings
from flowtower_local.supervision import ProgramState, Supervisor
from flowtower_local.trouble import Trouble

_COLUMNS = ("PART", "STATE", "SINCE", "PORT", "REASON")
_LAST_LINES = 20


def status(places: Places, settings: LocalSettings) -> int:
    """Print the table; the exit code is 0 only when every part runs and is ready."""
    supervisor = Supervisor(places)
    if not supervisor.is_alive():
        print("Flowtower is down. make up starts it.")
        left = strays.find(places.state)
        if left:
            print(f"{len(left)} of its processes still run without a supervisor; make up or make down ends them.")
        return 3
    rows = [_row(state, settings) for state in sorted(supervisor.states(), key=lambda one: _order(one.name))]
    if settings.database_url:
        rows.insert(0, ("postgres", "elsewhere", "-", "-", "FLOWTOWER_DATABASE_URL"))
    if settings.kafka:
        rows.insert(1, ("kafka", "elsewhere", "-", "-", f"FLOWTOWER_KAFKA={settings.kafka}"))
    widths = [max(len(row[column]) for row in [_COLUMNS, *rows]) for column in range(len(_COLUMNS))]
    for row in [_COLUMNS, *rows]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0 if all(row[1] in {"ready", "running", "elsewhere"} for row in rows) else 1


def _order(name: str) -> tuple[int, str]:
    known = ("postgres", "kafka", *SERVICES)  # the demo's programs come behind
    return (known.index(name) if name in known else len(known), name)


def _row(state: ProgramState, settings: LocalSettings) -> tuple[str, str, str, str, str]:
    port = str(settings.port(state.name)) if state.name in settings.ports else "-"
    shown, reason = state.state.lower(), state.why
    if state.is_running and state.name in SERVICES:
        reason = readiness.ask_service(settings.url(state.name)) or ""
        shown = "waiting" if reason else "ready"
    return state.name, shown, _since(state.since), port, reason or "-"


def _since(moment: float) -> str:
    if moment <= 0:
        return "-"
    seconds = max(0, int(time.time() - moment))
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def logs(places: Places, service: str | None, *, follow: bool) -> int:
    """Print the last lines of one part or of all, then follow until interrupted."""
    files = _files(places, service)
    width = max(len(file.stem) for file in files)
    positions: dict[Path, int] = {}
    for file in files:
        positions[file] = file.stat().st_size
        _print(file.stem, width, readiness.last_lines(file, _LAST_LINES))
    try:
        while follow:
            time.sleep(0.3)
            for file in files:
                positions[file] = _print_new(file, width, positions[file])
    except KeyboardInterrupt:
        return 0
    return 0


def _files(places: Places, service: str | None) -> Sequence[Path]:
    there = sorted(places.logs.glob("*.log"))
    if service is None:
        there = [file for file in there if file.stem not in {"install", "supervisord"}]
    else:
        names = [file.stem for file in there]
        there = [file for file in there if file.stem == service]
        if not there:
            raise Trouble(f"There is no log of '{service}'.", f"There are: {', '.join(names) or 'none yet; make up makes them'}.")
    if not there:
        raise Trouble("There are no logs yet.", "make up starts Flowtower.")
    return there


def _print_new(file: Path, width: int, position: int) -> int:
    """Print what was added; a file that became shorter was rotated and is read from its beginning."""
    try:
        size = file.stat().st_size
        if size < position:
            position = 0
        if size == position:
            return position
        with file.open("rb") as stream:
            stream.seek(position)
            added = stream.read()
    except OSError:
        return position
    whole = added.rfind(b"\n") + 1
    _print(file.stem, width, added[:whole].decode(errors="replace").splitlines())
    return position + whole


def _print(name: str, width: int, lines: Sequence[str]) -> None:
    for line in lines:
        sys.stdout.write(f"{name.ljust(width)} │ {line}\n")
    sys.stdout.flush()
