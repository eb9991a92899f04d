"""Calls to an HTTP API that really answers: what is sent, what its answer means, and what becomes of it."""

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from pydantic import SecretStr

from executor.application.ports import Endpoint, Outcome, Permanent, Place, Retryable, Trouble, Work
from executor.connectors.api import ApiConnector
from executor.connectors.api.config import ComponentOptions, EndpointOptions, EndpointSecrets
from shared.contracts.workflows import Component, Connection
from shared.runtime.egress import Egress, EgressPolicy
from shared.testing.loopback import LoopbackServer
from shared.testing.ports import free_port

CONNECTOR = ApiConnector(Egress(EgressPolicy.allowing(["127.0.0.0/8"])))
TRACE = f"00-{'a' * 32}-{'b' * 16}-01"
INPUTS = {"order": {"id": "a/b ?&ü", "lines": [1, 2]}, "state": "x&y=z", "count": 3, "dots": "..", "bad": "a\r\nX-Evil: 1"}


class Api:
    """An API that keeps what it is asked and answers as it is told."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, dict[str, str], bytes]] = []
        self.answer: tuple[int, dict[str, str], bytes] = (200, {}, b"{}")
        lock, api = threading.Lock(), self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                with lock:
                    api.calls.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                status, headers, answer = api.answer
                self.send_response(status)
                for name, value in (headers | {"Content-Length": str(len(answer))}).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_PUT = do_PATCH = do_DELETE = do_POST  # noqa: N815 - the library's names

            def log_message(self, *_: Any) -> None:
                return

        self.server = LoopbackServer(Handler)
        self.url = f"{self.server.base_url}/v1"

    def work(self, options: dict[str, Any], secrets: dict[str, str], url: str = "") -> Work:
        endpoint_options = EndpointOptions(base_url=url or self.url, username="flow", secret_header="X-Api-Key", headers={"X-Plain": "1"})
        secret = EndpointSecrets(**{name: SecretStr(value) for name, value in secrets.items()})
        endpoint = Endpoint("e", "shop-api", "api", endpoint_options, secret)
        place = Place(Component(name="Ask", kind="api", endpoint="shop-api"), ComponentOptions.model_validate(options), endpoint)
        look = Place(Component(name="Look", kind="database"), None, None, {"rows": [{"id": 7}]})
        edge = Connection(source="Look", target="Ask", kind="api-call")
        return Work("r1", place, 2, "r1:Ask:1", TRACE, INPUTS, ((edge, look),))

    async def ask(self, secrets: dict[str, str] | None = None, **options: Any) -> Outcome:
        return await CONNECTOR.act(self.work(options, secrets or {}))

    async def trouble(self, secrets: dict[str, str] | None = None, **options: Any) -> Trouble:
        with pytest.raises(Trouble) as caught:
            await self.ask(secrets, **options)
        return caught.value


@pytest.fixture
def api() -> Iterator[Api]:
    found = Api()
    found.server.start()
    yield found
    found.server.stop()


async def test_what_is_filled_in_stays_in_its_place(api: Api) -> None:
    await api.ask(
        path="/orders/{inputs.order.id}/lines/{{x}}/{outputs.Look.rows[0].id}",
        method="PUT",
        query={"state": "{state}", "a b": "{count}-{count}"},
        headers={"X-Count": "n={count}"},
        body={"order": "{order}", "text": "of {state}: {{{count}}}", "list": ["{count}", None, 1.5, True], "key": "{idempotency_key}"},
    )
    ((method, path, headers, body),) = api.calls
    assert method == "PUT"
    assert path == "/v1/orders/a%2Fb%20%3F%26%C3%BC/lines/%7Bx%7D/7?state=x%26y%3Dz&a%20b=3-3"
    assert json.loads(body) == {"order": INPUTS["order"], "text": "of x&y=z: {3}", "list": [3, None, 1.5, True], "key": "r1:Ask:1"}
    assert (headers["idempotency-key"], headers["traceparent"], headers["x-count"]) == ("r1:Ask:1", TRACE, "n=3")
    assert (headers["content-type"], headers["x-plain"]) == ("application/json", "1")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"path": "/orders/{dots}"}, "PathInvalid"),
        ({"path": "/orders/{missing}"}, "ExpressionFailed"),
        ({"headers": {"X-Bad": "{bad}"}}, "HeaderInvalid"),
        ({"headers": {"x-api-key": "mine"}}, "HeaderRefused"),
    ],
)
async def test_what_can_not_be_sent_is_not_sent(api: Api, options: dict[str, Any], code: str) -> None:
    trouble = await api.trouble(**options)
    assert (trouble.code, isinstance(trouble, Permanent)) == (code, True)
    assert api.calls == []


async def test_credentials_go_along_and_never_come_back(api: Api) -> None:
    await api.ask({"password": "pa55"})
    await api.ask({"password": "pa55", "bearer_token": "t0ken-of-ours"})
    await api.ask({"header_value": "k3y-of-ours"})
    basic = ["Basic " + base64.b64encode(text).decode() for text in (b"flow:pa55", b"flow:")]
    assert [call[2]["authorization"] for call in api.calls] == [basic[0], "Bearer t0ken-of-ours", basic[1]]
    assert api.calls[2][2]["x-api-key"] == "k3y-of-ours"
    api.answer = (400, {}, b"You sent k3y-of-ours and password=other " + b"x" * 5000)
    trouble = await api.trouble({"header_value": "k3y-of-ours"})
    assert trouble.code == "HttpStatus:400"
    assert "k3y-of-ours" not in trouble.answer + trouble.message
    assert "other" not in trouble.answer
    assert len(trouble.answer) == 1000


@pytest.mark.parametrize(
    ("status", "retryable"), [(400, False), (404, False), (301, False), (408, True), (425, True), (429, True), (500, True), (503, True)]
)
async def test_a_status_says_whether_another_attempt_helps(api: Api, status: int, retryable: bool) -> None:
    api.answer = (status, {"Retry-After": "7"}, b"so it is")
    trouble = await api.trouble()
    assert (trouble.code, isinstance(trouble, Retryable), trouble.answer) == (f"HttpStatus:{status}", retryable, "so it is")
    assert trouble.after == (7.0 if retryable else None)


async def test_the_answer_decides_and_becomes_the_output(api: Api) -> None:
    api.answer = (200, {"X-Page": "2"}, b'{"state": "done", "lines": [{"n": 1}, {"n": 2}], "sum": 12.5}')
    found = await api.ask(
        expect='status == 200 && body.state == "done"',
        output={"total": "body.sum", "first": "body.lines[0]", "page": 'headers["x-page"]', "of": "inputs.count"},
    )
    assert found.output == {"status": 200, "total": 12.5, "first": {"n": 1}, "page": "2", "of": 3}
    assert (await api.ask()).output == {"status": 200}
    api.answer = (200, {}, b'{"state": "open"}')
    trouble = await api.trouble(expect='body.state == "done"')
    assert (trouble.code, isinstance(trouble, Retryable), trouble.answer) == ("AnswerUnexpected", True, '{"state": "open"}')
    trouble = await api.trouble(expect=[201, 202])
    assert trouble.code == "AnswerUnexpected"
    assert (await api.trouble(output={"x": "body.nope"})).code == "ExpressionFailed"
    api.answer = (404, {}, b"gone")
    assert (await api.ask(expect=[200, 404], output={"text": "body"})).output == {"status": 404, "text": "gone"}
    assert (await api.trouble(expect='body.state == "done"')).code == "HttpStatus:404"


async def test_answers_are_bounded(api: Api) -> None:
    api.answer = (200, {}, json.dumps({"x": "y" * 300_000}).encode())
    assert (await api.ask()).output == {"status": 200}
    assert (await api.trouble(output={"all": "body"})).code == "OutputTooLarge"
    api.answer = (200, {}, b"z" * 2_000_000)
    with pytest.raises(Exception, match="longer than"):
        await api.ask()


async def test_a_check_asks_the_base_url(api: Api) -> None:
    endpoint = api.work({}, {}).place.system
    assert (await CONNECTOR.check(endpoint))["status"] == 200
    api.answer = (401, {}, b"")
    with pytest.raises(Permanent, match="AuthenticationFailed"):
        await CONNECTOR.check(endpoint)
    for url, code in ((f"http://127.0.0.1:{free_port()}", "ConnectionRefused"), ("http://169.254.169.254/latest", "EgressRefused")):
        with pytest.raises(Trouble) as caught:
            await CONNECTOR.check(api.work({}, {}, url).place.system)
        assert caught.value.code == code
