"""HTTP towards one cluster: bounded in time, size and number, and every failure told as what it is.

Two requests at most are in flight per cluster: an Airflow 2 web server has four workers for everybody, and an Airflow 3 API
server also carries the heartbeats of running tasks (apache/airflow #69968).
"""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from cluster_poller.clusters.failures import explain
from cluster_poller.domain.trouble import AlreadyThere, ClusterTrouble, Declined, NotThere

IN_FLIGHT = 2
MOST_BYTES = 10_000_000
LONGEST_SECONDS = 25.0
"""For one read, from the first byte sent to the last received; an Airflow 3.x API server may fall silent for 12 s."""
LONGEST_WRITE_SECONDS = 40.0
"""For pausing and triggering, which are small writes; one whose answer is lost is read back before it is tried again."""
LONGEST_TRIAL_SECONDS = 24.0
"""For all requests of a test together: somebody waits for it, and the gateway gives up after 30 s."""
PARSE_IN_THREAD_BYTES = 500_000

Params = Mapping[str, str | int | Sequence[str]]


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer with its body read."""

    method: str
    url: str
    status: int
    headers: httpx.Headers
    content: bytes
    received_at: datetime

    @property
    def source(self) -> str:
        return f"{self.method} {httpx.URL(self.url).path}"

    @property
    def content_type(self) -> str:
        return str(self.headers.get("content-type", "")).split(";")[0].strip().lower()

    @property
    def is_json(self) -> bool:
        return self.content_type == "application/json" or self.content_type.endswith("+json")

    @property
    def date(self) -> datetime | None:
        """The server's clock, resolution 1 s."""
        try:
            date = parsedate_to_datetime(self.headers["date"])
        except (KeyError, ValueError, TypeError):
            return None
        return date.astimezone(UTC) if date.tzinfo is not None else date.replace(tzinfo=UTC)

    async def json(self) -> Any:
        """Give the body as JSON; NaN, Infinity and anything that is no JSON is a bad answer."""
        try:
            if len(self.content) > PARSE_IN_THREAD_BYTES:
                return await asyncio.to_thread(json.loads, self.content, parse_constant=_no_constant)
            return json.loads(self.content, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            if self.content_type == "text/html" or self.content.lstrip()[:1] == b"<":
                raise html_answer(self) from None
            raise ClusterTrouble("bad_answer", f"{self.source} answered {self.status} with broken JSON: {error}."[:400]) from None

    async def object(self) -> dict[str, Any]:
        body = await self.json()
        if not isinstance(body, dict):
            raise ClusterTrouble("bad_answer", f"{self.source} answered {type(body).__name__} where Airflow answers an object.")
        return body

    async def reason(self) -> str:
        """Airflow's own words for a refusal, as far as there are any."""
        if not self.is_json:
            return ""
        try:
            detail = (await self.object()).get("detail")
        except ClusterTrouble:
            return ""
        if isinstance(detail, list):
            return "; ".join(_field_error(item) for item in detail)[:1000]
        if isinstance(detail, dict):
            return str(detail.get("reason") or detail.get("message") or "")[:1000]
        return str(detail or "")[:1000]


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON value")


def _field_error(item: Any) -> str:
    if not isinstance(item, dict):
        return str(item)[:200]
    place = ".".join(str(part) for part in item.get("loc", ()))
    return f"{place}: {item.get('msg', '')}"[:200]


def html_answer(reply: Reply) -> ClusterTrouble:
    return ClusterTrouble(
        "wrong_url",
        f"{reply.source} answered {reply.status} with a web page instead of data. Often a sign-in page of a proxy stands in front, or the "
        "URL is not the root of Airflow's web server (without /api/v1, /home or anything behind it).",
    )


class ClusterHttp:
    """Requests to one cluster. Counts them, bounds them, and turns each failure into ClusterTrouble."""

    def __init__(self, client: httpx.AsyncClient, base_url: str, answer_seconds: float = LONGEST_SECONDS) -> None:
        self._client = client
        self._base = base_url.rstrip("/")
        self._answer_seconds = answer_seconds
        self._slots = asyncio.Semaphore(IN_FLIGHT)
        self._whole: float | None = None
        self._ends = 0.0
        self._slowest = (0.0, "")
        self.requests = 0

    @property
    def cookies(self) -> httpx.Cookies:
        return self._client.cookies

    def end_within(self, seconds: float) -> None:
        """Let all requests from now on take at most this long together."""
        self._whole, self._ends = seconds, time.monotonic() + seconds

    async def send(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        body: Any = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        seconds: float | None = None,
    ) -> Reply:
        """Send one request and read its whole answer, whatever its status."""
        url = self._base + path
        seconds = self._answer_seconds if seconds is None else seconds
        began = time.monotonic()
        if self._whole is not None:
            seconds = min(seconds, max(self._ends - began, 0.0))
        request = self._client.build_request(method, url, params=_pairs(params), json=body, data=form, headers=dict(headers or {}))
        try:
            async with self._slots, asyncio.timeout(seconds):
                answer, content = await self._exchange(request)
        except ClusterTrouble:
            raise
        except Exception as error:
            trouble = explain(error, url, seconds)
            if self._whole is not None and trouble.problem == "timeout" and time.monotonic() >= self._ends:
                trouble = self._too_slow(path, self._whole)
            raise trouble from error
        self._slowest = max(self._slowest, (time.monotonic() - began, f"{method} {path}"))
        return Reply(method, str(answer.url), answer.status_code, answer.headers, content, datetime.now(UTC))

    def _too_slow(self, path: str, whole: float) -> ClusterTrouble:
        took, slowest = self._slowest
        before = f" The slowest before it was {slowest}, {took:.1f} s." if slowest else ""
        message = f"Airflow is too slow: {path} had given no full answer when the {whole:g} s of the whole test were over.{before}"
        return ClusterTrouble("timeout", message, passing=True)

    async def _exchange(self, request: httpx.Request) -> tuple[httpx.Response, bytes]:
        """Send, and read the whole answer. A read whose connection broke is sent once more on a new one.

        Servers close idle connections when they like, often in the very moment in which the next request leaves. A write is
        not sent again here: whether it happened is unknown, and the caller reads back first.
        """
        try:
            return await self._once(request)
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
            if request.method != "GET":
                raise
            return await self._once(request)

    async def _once(self, request: httpx.Request) -> tuple[httpx.Response, bytes]:
        self.requests += 1
        answer = await self._client.send(request, stream=True)
        try:
            return answer, await _read(answer)
        finally:
            await answer.aclose()

    async def aclose(self) -> None:
        await self._client.aclose()


def _pairs(params: Params | None) -> httpx.QueryParams | None:
    """Repeat the name for each of several values, which both dialects take."""
    if params is None:
        return None
    pairs: list[tuple[str, str | int | float | bool | None]] = []
    for name, value in params.items():
        values = [str(value)] if isinstance(value, str | int) else list(value)
        pairs += [(name, item) for item in values]
    return httpx.QueryParams(pairs)


async def _read(answer: httpx.Response) -> bytes:
    body = bytearray()
    async for chunk in answer.aiter_bytes():
        body += chunk
        if len(body) > MOST_BYTES:
            raise ClusterTrouble(
                "bad_answer", f"{answer.request.url.path} answered more than {MOST_BYTES // 1_000_000} MB; the rest was left unread."
            )
    return bytes(body)


async def check(reply: Reply) -> Reply:
    """Let a good answer pass; tell any other as what it is. Wrong credentials are told by the dialect, which knows its words."""
    status = reply.status
    if 200 <= status < 300:
        return reply
    said = await reply.reason()
    words = f" Airflow says: {said}" if said else ""
    if 300 <= status < 400:
        raise ClusterTrouble(
            "wrong_url",
            f"{reply.source} redirects to {reply.headers.get('location', 'nowhere')[:300]}. Register the address where Airflow itself "
            "answers; if that is a sign-in page, this cluster needs another way to sign in.",
        )
    if status in {401, 403}:
        raise ClusterTrouble("no_permission", f"{reply.source} is not allowed to this user ({status}).{words} Give it a role that may.")
    if status == 404:
        if not reply.is_json:
            raise html_answer(reply)
        raise NotThere(said or f"{reply.source} is not there.")
    if status == 409:
        raise AlreadyThere(said or f"{reply.source} is there already.")
    if status in {400, 405, 406, 413, 414, 415, 422}:
        raise Declined(f"{reply.source} was not accepted ({status}).{words}")
    if status == 429:
        wait = reply.headers.get("retry-after", "")
        raise ClusterTrouble(
            "bad_answer", f"{reply.source} answered 429, too many requests{f'; again in {wait} s' if wait.isdigit() else ''}.", passing=True
        )
    raise ClusterTrouble("bad_answer", f"{reply.source} answered {status}.{words} Look at the web server's log.", passing=status >= 500)
