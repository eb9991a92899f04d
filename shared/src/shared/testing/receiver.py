"""An HTTP service that takes what it is sent and remembers it, as the last station of a flow."""

import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from threading import Event, Lock

from shared.testing.loopback import LoopbackServer


@dataclass(frozen=True)
class Call:
    """One request as it came in, with the status that it got."""

    at: float
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    status: int


class Receiver:
    """Answers 200 to everything, unless told to fail. Header names are in lower case."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._calls: list[Call] = []
        self._statuses: list[tuple[int, str | None]] = []
        self._open = Event()
        self._open.set()
        self._server = LoopbackServer(_handler(self))
        self.base_url = self._server.base_url

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        """Close the port: connections are refused until `start`."""
        self._server.stop()

    def clear(self) -> None:
        with self._lock:
            self._calls.clear()
            self._statuses.clear()

    def fail(self, count: int, status: int = 503, *, path: str | None = None) -> None:
        """Answer the next `count` calls with this status; with a path, only calls that come there."""
        with self._lock:
            self._statuses.extend([(status, path)] * count)

    def hold(self) -> None:
        """Take calls and answer none of them until `release`."""
        self._open.clear()

    def release(self) -> None:
        self._open.set()

    def calls(self, path: str | None = None) -> list[Call]:
        """Return what came in so far, oldest first; with a path, only what came there."""
        with self._lock:
            return [call for call in self._calls if path in {None, call.path}]

    def take(self, method: str, path: str, headers: dict[str, str], body: bytes) -> int:
        with self._lock:
            meant = next((each for each in self._statuses if each[1] in {None, path}), None)
            if meant is not None:
                self._statuses.remove(meant)
            status = 200 if meant is None else meant[0]
            self._calls.append(Call(time.monotonic(), method, path, headers, body, status))
        self._open.wait()
        return status


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status = receiver.take(self.command, self.path, headers, body)
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_PUT = do_PATCH = do_HEAD = do_POST  # noqa: N815 - the library's names

        def log_message(self, *_: object) -> None:
            """Stay quiet; the calls are remembered."""

    return Handler
