"""Answers that may be hostile: endless, slow, or packed so that 10 MB become 10 GB."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import httpx

from shared.runtime.egress.policy import EgressRefused

_STEP = 64 * 1024


class AnswerTooLarge(httpx.TransportError):
    """The answer is longer than allowed, counted unpacked."""


@dataclass(frozen=True)
class Bounds:
    """How much and how long: decoded bytes, seconds from the request to the last byte."""

    max_bytes: int
    deadline: float


class _Bounded(httpx.AsyncByteStream):
    def __init__(self, inner: httpx.AsyncByteStream, bounds: Bounds, until: float, packed: str) -> None:
        self._inner = inner
        self._bounds = bounds
        self._until = until
        self._packed = packed

    async def __aiter__(self) -> AsyncIterator[bytes]:
        unpack = zlib.decompressobj(zlib.MAX_WBITS | 32) if self._packed else None
        total = 0
        async for chunk in self._in_time():
            for piece in self._pieces(unpack, chunk):
                total += len(piece)
                if total > self._bounds.max_bytes:
                    raise AnswerTooLarge(f"the answer is longer than {self._bounds.max_bytes} bytes")
                yield piece

    async def _in_time(self) -> AsyncIterator[bytes]:
        chunks = aiter(self._inner)
        while True:
            try:
                async with asyncio.timeout_at(self._until):
                    chunk = await anext(chunks)
            except StopAsyncIteration:
                return
            except TimeoutError as error:
                raise httpx.ReadTimeout(f"the answer was not complete within {self._bounds.deadline:g} s") from error
            yield chunk

    @staticmethod
    def _pieces(unpack: "zlib._Decompress | None", chunk: bytes) -> Iterator[bytes]:
        return iter([chunk]) if unpack is None else _Unpacked(unpack, chunk)

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Unpacked(Iterator[bytes]):
    """Unpacks step by step, so that no more than a step is ever in memory beyond what was counted."""

    def __init__(self, unpack: "zlib._Decompress", chunk: bytes) -> None:
        self._unpack = unpack
        self._chunk = chunk

    def __iter__(self) -> "_Unpacked":
        return self

    def __next__(self) -> bytes:
        if not self._chunk:
            raise StopIteration
        try:
            piece = self._unpack.decompress(self._chunk, _STEP)
        except zlib.error as error:
            raise httpx.DecodingError(f"the answer can't be unpacked: {error}") from error
        self._chunk = b"" if self._unpack.eof else self._unpack.unconsumed_tail
        return piece


def bounded(response: httpx.Response, bounds: Bounds, until: float) -> httpx.Response:
    """Return the response with its stream unpacked and bounded."""
    packed = response.headers.get("content-encoding", "").strip().lower()
    if packed in {"", "identity"}:
        packed = ""
    elif packed not in {"gzip", "x-gzip", "deflate"}:
        raise EgressRefused(f"the answer is packed with {packed[:40]!r}, which was not asked for")
    else:
        del response.headers["content-encoding"]
        response.headers.pop("content-length", None)
    stream = response.stream
    if not isinstance(stream, httpx.AsyncByteStream):
        raise TypeError("an asynchronous transport answers with an asynchronous stream")
    return httpx.Response(
        response.status_code, headers=response.headers, stream=_Bounded(stream, bounds, until, packed), extensions=response.extensions
    )
