"""What the kinds that call over HTTP share: one exchange, and what its status means."""

import email.utils
import ssl

import httpx

from executor.application.http_clients import client_of
from executor.application.ports import Endpoint, Permanent, Retryable, Trouble
from shared.runtime import clock
from shared.runtime.egress import Egress, EgressRefused
from shared.runtime.logging import MASK, mask_text

_AGAIN = frozenset({408, 425, 429})
_ANSWER = 1000
_LONGEST_WAIT = 3600.0


async def exchange(
    client: httpx.AsyncClient, endpoint: Endpoint, what: tuple[str, str], body: bytes, headers: dict[str, str], *, seconds: float
) -> httpx.Response:
    """Make one call, ``what`` is method and URL; whatever is no answer is raised as Retryable or Permanent.

    At most ``seconds`` pass without a sign of the other side.
    """
    name = endpoint.name
    method, url = what
    try:
        return await client.request(method, url, content=body or None, headers=headers, timeout=httpx.Timeout(seconds, pool=None))
    except EgressRefused as error:
        raise Permanent("EgressRefused", str(error)) from error
    except httpx.TimeoutException as error:
        raise Retryable("Timeout", f"{name} did not answer {method} {url} in time. Raise timeout:, or look why it is slow.") from error
    except httpx.InvalidURL as error:
        raise Permanent("UrlInvalid", f"{url} is no URL that can be called: {error}.") from error
    except httpx.TransportError as error:
        if _tls(error):
            text = f"{name} has no certificate that we can trust: {error}. Set ca_pem on the endpoint."
            raise Permanent("TlsFailed", text) from error
        text = f"{name} does not answer at {url}: {error or type(error).__name__}. Check the address and that it runs."
        raise Retryable("ConnectionRefused", text) from error


def refusal(endpoint: Endpoint, answer: httpx.Response, what: tuple[str, str]) -> Trouble:
    """Return what an answer means that is no success: worth another attempt, or final until somebody changes something."""
    code, called = answer.status_code, f"{what[0]} {what[1]}"
    text = told(endpoint, answer.text)
    if code in _AGAIN or code >= 500:
        message = f"{endpoint.name} answered {code} to {called}; it may work later."
        return Retryable(f"HttpStatus:{code}", message, answer=text, after=_wait(answer))
    way = "Correct path:, the endpoint or what is sent."
    if 300 <= code < 400:
        way = "Redirects are not followed; give the final URL."
    return Permanent(f"HttpStatus:{code}", f"{endpoint.name} answered {code} to {called}. {way}", answer=text)


async def reached(egress: Egress, endpoint: Endpoint) -> httpx.Response:
    """Ask for the base URL: any answer that is no refusal of our credentials shows that somebody is there."""
    async with client_of(egress, endpoint) as client:
        answer = await exchange(client, endpoint, ("GET", endpoint.options.base_url), b"", {}, seconds=10.0)
    if answer.status_code in {401, 403}:
        raise Permanent("AuthenticationFailed", f"{endpoint.name} refused our credentials with {answer.status_code}. Correct them.")
    return answer


def told(endpoint: Endpoint, text: str) -> str:
    """Return the beginning of what the other side said, without the endpoint's secrets and whatever looks like one."""
    secrets = endpoint.secrets
    for secret in (secrets.password, secrets.bearer_token, secrets.header_value):
        if secret and (plain := secret.get_secret_value()):
            text = text.replace(plain, MASK)
    return mask_text(text)[:_ANSWER]


def _tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _wait(answer: httpx.Response) -> float | None:
    """Return the seconds of Retry-After, at most an hour."""
    text = answer.headers.get("retry-after", "")
    if text.isdigit():
        return min(float(text), _LONGEST_WAIT)
    try:
        at = email.utils.parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return min(max((at - clock.now()).total_seconds(), 0.0), _LONGEST_WAIT) if at.tzinfo else None
