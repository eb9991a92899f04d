"""The far end: a service that counts how often it was called with which idempotency key."""

import asyncio
from collections import Counter as Tally

_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"


class Counter:
    """Counts calls by their ``Idempotency-Key``; made to be quick, for thousands of calls beside what calls it."""

    def __init__(self) -> None:
        self.calls: Tally[str] = Tally()
        self.delay = 0.0
        """Seconds before each answer."""
        self._server: asyncio.Server | None = None
        self.port = 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
                await reader.readexactly(int(fields.get("content-length", "0")))
                self.calls[fields.get("idempotency-key", "(none)")] += 1
                await asyncio.sleep(self.delay)
                writer.write(_ANSWER)
        except (asyncio.IncompleteReadError, ConnectionError):
            # Whoever called was killed.
            writer.close()
