"""HTTP APIs: one call, whose answer decides and becomes the component's output."""

import json
from typing import Any
from urllib.parse import quote

import httpx

from executor.application.filling import Filling
from executor.application.http_calls import exchange, reached, refusal, told
from executor.application.http_clients import HttpClients
from executor.application.ports import Endpoint, Outcome, Permanent, Retryable, Work
from executor.connectors.api.config import KIND, ComponentOptions
from executor.domain.durations import seconds_of
from shared.runtime.egress import Egress
from shared.runtime.expressions import Use

_MAX_OUTPUT_BYTES = 256 * 1024
_MAX_BODY_BYTES = 1024 * 1024


class ApiConnector:
    kind = KIND

    def __init__(self, egress: Egress) -> None:
        self._egress = egress
        self._clients = HttpClients(egress)

    async def check(self, endpoint: Endpoint) -> dict[str, Any]:
        answer = await reached(self._egress, endpoint)
        return {"status": answer.status_code, "server": answer.headers.get("server", "")}

    async def act(self, work: Work) -> Outcome:
        endpoint, options = work.place.system, work.place.options
        filling = Filling(work)
        what = (options.method, _url(endpoint, options, filling))
        body = _body(options, filling)
        headers = _headers(work, endpoint, options, filling)
        if body:
            headers["Content-Type"] = "application/json"
        async with self._clients.of(endpoint) as client:
            answer = await exchange(client, endpoint, what, body, headers, seconds=seconds_of(options.timeout))
        seen = {"status": answer.status_code, "headers": _lower(answer), "body": _read(answer)}
        _judge(endpoint, options, filling, answer, what, seen)
        output = _output(work, options, filling, seen)
        return Outcome(output, message=f"{endpoint.name} answered {answer.status_code}.")


def _url(endpoint: Endpoint, options: ComponentOptions, filling: Filling) -> str:
    """Return the URL: what is filled in can neither leave its segment of the path nor add a parameter."""
    path = filling.text(options.path, "path", _segment)
    pairs = [
        f"{quote(name, safe='')}={quote(filling.text(template, f'query.{name}'), safe='')}" for name, template in options.query.items()
    ]
    joined = "&".join(pairs)
    url = str(endpoint.options.base_url).rstrip("/") + path
    return f"{url}{'&' if '?' in url else '?'}{joined}" if joined else url


def _segment(value: str) -> str:
    # Dots are never encoded, and a client takes a segment of dots for a step upwards.
    if value in {"", ".", ".."}:
        raise Permanent("PathInvalid", f"“{value}” can't be a part of a path. Look at the run's inputs.")
    return quote(value, safe="")


def _body(options: ComponentOptions, filling: Filling) -> bytes:
    if options.body is None:
        return b""
    body = json.dumps(filling.value(options.body, "body"), ensure_ascii=False).encode()
    if len(body) > _MAX_BODY_BYTES:
        raise Permanent("BodyTooLarge", f"The body has {len(body)} bytes; at most {_MAX_BODY_BYTES} are sent. Send a reference instead.")
    return body


def _headers(work: Work, endpoint: Endpoint, options: ComponentOptions, filling: Filling) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, template in options.headers.items():
        if name.lower() == endpoint.options.secret_header.lower():
            raise Permanent("HeaderRefused", f"The header “{name}” carries the endpoint's secret. Remove it from headers:.")
        value = filling.text(template, f"headers.{name}")
        if any(ord(sign) < 32 or ord(sign) == 127 for sign in value) or not value.isascii():
            raise Permanent("HeaderInvalid", f"The value of the header “{name}” has signs that a header can't carry.")
        headers[name] = value
    headers["Idempotency-Key"] = work.idempotency_key
    if work.traceparent:
        headers["traceparent"] = work.traceparent
    return headers


def _lower(answer: httpx.Response) -> dict[str, str]:
    return {name.lower(): value for name, value in answer.headers.items()}


def _read(answer: httpx.Response) -> Any:
    if not answer.content:
        return None
    try:
        return json.loads(answer.content)
    except (ValueError, RecursionError):
        return answer.text


def _judge(
    endpoint: Endpoint, options: ComponentOptions, filling: Filling, answer: httpx.Response, what: tuple[str, str], seen: dict[str, Any]
) -> None:
    """Return when the answer is a success; raise what it means otherwise."""
    code = answer.status_code
    if options.expect is None:
        if not 200 <= code < 300:
            raise refusal(endpoint, answer, what)
        return
    if isinstance(options.expect, tuple):
        fits, wanted = code in options.expect, "one of " + ", ".join(map(str, options.expect))
    else:
        wanted = options.expect
        try:
            fits = filling.evaluate(wanted, "expect", use=Use.ANSWER_CONDITION, more=seen)
        except Permanent:
            # An error's answer may lack what the expression looks at; its status says more.
            if 200 <= code < 300:
                raise
            fits = False
    if fits:
        return
    if not 200 <= code < 300:
        raise refusal(endpoint, answer, what)
    text = f"{endpoint.name} answered {code} to {what[0]} {what[1]}, and expected was: {wanted[:300]}."
    raise Retryable("AnswerUnexpected", text, answer=told(endpoint, answer.text))


def _output(work: Work, options: ComponentOptions, filling: Filling, seen: dict[str, Any]) -> dict[str, Any]:
    output: dict[str, Any] = {"status": seen["status"]}
    for name, text in options.output.items():
        output[name] = filling.evaluate(text, f"output.{name}", use=Use.ANSWER_MAPPING, more=seen)
    size = len(json.dumps(output, ensure_ascii=False).encode("utf-8", "replace"))
    if size > _MAX_OUTPUT_BYTES:
        text = f"The output of “{work.name}” has {size} bytes; at most {_MAX_OUTPUT_BYTES} are kept. Map less of the answer."
        raise Permanent("OutputTooLarge", text)
    return output
