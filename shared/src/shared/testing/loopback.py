"""A small HTTP server in a thread of the test process, for stand-ins and receivers."""

import contextlib
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

from shared.testing.ports import free_port


class _Server(ThreadingHTTPServer):
    """Knows its open connections, so that a stopped server serves nobody over a kept one."""

    request_queue_size = 128

    def __init__(self, *arguments: Any) -> None:
        self._lock = Lock()
        self._open: set[socket.socket] = set()
        super().__init__(*arguments)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        with self._lock:
            self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


class LoopbackServer:
    """Serves one handler on a port that it keeps: stopped and started again it has the same address."""

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        self._handler = handler
        self.port = free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        self._server: _Server | None = None
        self._thread: Thread | None = None

    @property
    def running(self) -> bool:
        return self._server is not None

    def start(self) -> None:
        self._server = _Server(("127.0.0.1", self.port), self._handler)
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.hang_up()
            self._server.server_close()
            self._thread.join()
            self._server = self._thread = None
