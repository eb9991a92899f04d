"""Waits until each part is truly ready: PostgreSQL takes connections, Kafka's coordinator answers, a service's /readyz is 200."""

import asyncio
import json
import logging
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from flowtower_local import kafka as kafka_node
from flowtower_local.places import Places
from flowtower_local.progress import step
from flowtower_local.supervision import ProgramState, Supervisor
from flowtower_local.trouble import Trouble

_PAUSE_SECONDS = 0.25
_TAIL_LINES = 12
_STARTS_AT_MOST = 3
_LINE_WIDTH = 300


@dataclass(frozen=True)
class Watched:
    """A part that must become ready. `ask` returns None when it is, else why not."""

    name: str
    ask: Callable[[], str | None]


def ask_kafka(bootstrap: str) -> str | None:
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # a broker that is only starting is no error here
    return asyncio.run(kafka_node.is_ready(bootstrap))


def ask_port(port: int) -> str | None:
    """Ask a part that has nothing better to ask whether something listens there."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except OSError as error:
        return f"does not listen yet ({error})"
    return None


def ask_service(url: str) -> str | None:
    """The words of /readyz: every check that does not pass, with its reason."""
    try:
        # Never by a proxy: the address is this machine's own.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{url}/readyz", timeout=5) as answer:
            answer.read()
            return None
    except urllib.error.HTTPError as error:
        return f"not ready: {reasons(error.read())}" if error.code == 503 else f"/readyz answers {error.code}"
    except (OSError, TimeoutError) as error:
        return f"does not answer yet ({getattr(error, 'reason', error)})"


def reasons(body: bytes) -> str:
    """One line from the JSON of /readyz: each check that does not pass, with its reason; anything else as it is."""
    try:
        checks = json.loads(body)["checks"]
        failing = [f"{name}: {check['reason'] or 'no reason given'}" for name, check in checks.items() if not check["ok"]]
    except (ValueError, KeyError, TypeError, AttributeError):
        return body[:200].decode(errors="replace") or "no reason given"
    return "; ".join(failing) or "all its checks pass by now"


def wait_for(watched: Iterable[Watched], supervisor: Supervisor, places: Places, seconds: float) -> None:
    """Wait for one after the other (they all start at once), each as its own step; the time is for all of them."""
    until = time.monotonic() + seconds
    for part in watched:
        with step(f"{part.name} is ready") as running:
            seen: set[int] = set()
            while (why := part.ask()) is not None:
                running.say(why)
                _refuse_given_up(part.name, supervisor, places, seen)
                if time.monotonic() > until:
                    raise Trouble(
                        f"{part.name} was not ready after {seconds:.0f} s: {why}\n{tail(places.logs / f'{part.name}.log')}",
                        f"Everything it says: make logs SERVICE={part.name}. It goes on trying; more patience: FLOWTOWER_WAIT=600.",
                    )
                time.sleep(_PAUSE_SECONDS)
            _refuse_given_up(part.name, supervisor, places, seen)
            running.say("")


def _refuse_given_up(name: str, supervisor: Supervisor, places: Places, seen: set[int]) -> None:
    """A program that ends again and again will not become ready: say so at once, with its last words."""
    state = next((one for one in supervisor.states() if one.name == name), None)
    if state is None:
        return
    if state.pid:
        seen.add(state.pid)
    if state.has_given_up or len(seen) > _STARTS_AT_MOST:
        raise Trouble(
            f"{name} does not start{_because(state)}. Its last words:\n{tail(places.logs / f'{name}.log')}",
            f"All of them: make logs SERVICE={name}. After the cause is gone, make up tries again.",
        )


def _because(state: ProgramState) -> str:
    return f" ({state.why})" if state.why else ""


def tail(file: Path, lines: int = _TAIL_LINES) -> str:
    """The last lines of a log in words, indented."""
    return "\n".join(f"    {readable(line)}" for line in last_lines(file, lines)) or "    (its log is empty)"


def last_lines(file: Path, lines: int) -> list[str]:
    """The last lines of a file, of its last 256 KB at most."""
    try:
        with file.open("rb") as stream:
            stream.seek(0, 2)
            stream.seek(max(0, stream.tell() - 262_144))
            return stream.read().decode(errors="replace").splitlines()[-lines:]
    except OSError:
        return []


def readable(line: str) -> str:
    """A line of a service's JSON log in words: when, how bad, what, and the last line of an exception."""
    try:
        entry = json.loads(line)
        text = f"{entry['timestamp']} {entry['level']}: {entry['event']}"
    except (ValueError, KeyError, TypeError):
        return line[:_LINE_WIDTH]
    if exception := str(entry.get("exception") or "").strip():
        causes = [part for part in exception.splitlines() if part and not part.startswith((" ", "[", "(", "Traceback", "The above"))]
        text += f" ({causes[-1] if causes else exception.splitlines()[-1]})"
    return text[:_LINE_WIDTH]
