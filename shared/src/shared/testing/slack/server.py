"""The HTTP side of the stand-in: how a call is authorised, limited, answered, or not answered at all."""

import json
import time
from email.message import Message as Headers
from http.server import BaseHTTPRequestHandler
from threading import Lock
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

from shared.testing.loopback import LoopbackServer
from shared.testing.slack.workspace import Message, Refused, Request, Workspace

Absence = Literal["refuse", "503"]


class SlackPart:
    """Slack's Web API on loopback. Channels: alerts (C0ALERTS), other, old (archived), closed (bot is no member)."""

    token = "xoxb-tests-only"

    def __init__(self) -> None:
        self._server = LoopbackServer(_handler(self))
        self.base_url = f"{self._server.base_url}/api/"
        self._lock = Lock()
        self.clear()

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        self._server.stop()

    def clear(self) -> None:
        """Forget all messages and requests, and behave well again."""
        with self._lock:
            self.workspace = Workspace()
            self._requests: list[Request] = []
            self._token_error: str | None = None
            self._limited = 0
            self._retry_after = 1
            self._limited_until = 0.0
            self._impatient = 0
            self._unavailable = False
            self._cut = 0

    # What a test does to it.

    def away(self, how: Absence = "refuse") -> None:
        """Be unreachable until `back`: refuse connections, or answer 503 to everything."""
        if how == "refuse":
            self.stop()
        else:
            self._unavailable = True

    def back(self) -> None:
        self._unavailable = False
        if not self._server.running:
            self.start()

    def rate_limit(self, count: int, retry_after: int = 1) -> None:
        """Answer the next `count` calls with 429; calls that come before `retry_after` seconds are over get 429 too."""
        with self._lock:
            self._limited, self._retry_after = count, retry_after

    def refuse_token(self, error: str = "token_expired") -> None:
        """Refuse the right token with this error (token_expired, token_revoked, account_inactive) until `clear`."""
        self._token_error = error

    def cut_answers(self, count: int) -> None:
        """Carry out the next `count` calls, but close the connection instead of answering."""
        with self._lock:
            self._cut = count

    # What a test reads from it.

    @property
    def requests(self) -> list[Request]:
        """Every call so far, answered or not, oldest first."""
        with self._lock:
            return list(self._requests)

    @property
    def impatient(self) -> int:
        """How many calls came before the time that a Retry-After had named."""
        return self._impatient

    def messages(self, channel: str = "alerts") -> list[Message]:
        """Return the messages of a channel (by id or name) as they read now, oldest first, replies included."""
        wanted = channel.removeprefix("#")
        with self._lock:
            ids = {each.id for each in self.workspace.channels if wanted in {each.id, each.name}}
            return [message for message in self.workspace.messages if message.channel in ids]

    # How a call is answered.

    def answer(
        self, method: str, arguments: dict[str, Any], token: str | None, problem: str | None
    ) -> tuple[int, dict[str, str], dict[str, Any], bool]:
        """Return status, headers and body of the answer, and whether the connection is cut instead of sending it."""
        with self._lock:
            status, headers, body = self._decide(method, arguments, token, problem)
            self._requests.append(Request(time.monotonic(), method, arguments, status, body))
            cut = self._cut > 0
            self._cut -= cut
            return status, headers, body, cut

    def _decide(
        self, method: str, arguments: dict[str, Any], token: str | None, problem: str | None
    ) -> tuple[int, dict[str, str], dict[str, Any]]:
        if self._unavailable:
            return 503, {}, {"ok": False, "error": "service_unavailable"}
        now = time.monotonic()
        if now < self._limited_until:
            self._impatient += 1
            return 429, {"Retry-After": str(self._retry_after)}, {"ok": False, "error": "ratelimited"}
        if self._limited > 0:
            self._limited -= 1
            self._limited_until = now + self._retry_after
            return 429, {"Retry-After": str(self._retry_after)}, {"ok": False, "error": "ratelimited"}
        try:
            self._authorise(token, problem)
            return 200, {}, {"ok": True, **self.workspace.call(method, arguments)}
        except Refused as refused:
            body: dict[str, Any] = {"ok": False, "error": refused.error}
            if refused.messages:
                body["errors"] = list(refused.messages)
                body["response_metadata"] = {"messages": list(refused.messages)}
            return 200, {}, body

    def _authorise(self, token: str | None, problem: str | None) -> None:
        if not token:
            raise Refused("not_authed")
        if token != self.token:
            raise Refused("invalid_auth")
        if self._token_error is not None:
            raise Refused(self._token_error)
        if problem:
            raise Refused(problem)


def _arguments(headers: Headers, query: str, body: bytes) -> tuple[dict[str, Any], str | None]:
    """Return what was given in query and body, and the error word when the body can't be read."""
    given: dict[str, Any] = dict(parse_qsl(query, keep_blank_values=True))
    kind = (headers.get("Content-Type") or "").partition(";")[0].strip().lower()
    if not body:
        return given, None
    if kind == "application/json":
        try:
            parsed = json.loads(body)
        except ValueError:
            return given, "invalid_json"
        if not isinstance(parsed, dict):
            return given, "json_not_object"
        # A token is never read from a JSON body, only from the header.
        return given | {name: value for name, value in parsed.items() if name != "token"}, None
    if kind == "application/x-www-form-urlencoded":
        return given | dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True)), None
    return given, "invalid_post_type"


def _handler(slack: SlackPart) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            place = urlsplit(self.path)
            arguments, problem = _arguments(self.headers, place.query, body)
            scheme, _, bearer = (self.headers.get("Authorization") or "").partition(" ")
            token = bearer.strip() if scheme.lower() == "bearer" else arguments.pop("token", None)
            method = place.path.removeprefix("/api/")
            status, headers, answer, cut = slack.answer(method, arguments, token, problem)
            self.close_connection = True
            if cut:
                return
            text = json.dumps(answer).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(text)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST  # noqa: N815 - the library's name

        def log_message(self, *_: object) -> None:
            """Stay quiet; the requests are recorded."""

    return Handler
