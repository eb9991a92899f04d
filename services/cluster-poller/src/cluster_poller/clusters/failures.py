"""A failed request → what is wrong, told so that somebody can put it right."""

import socket
import ssl
from collections.abc import Iterator

import httpx

from cluster_poller.domain.trouble import ClusterTrouble
from shared.contracts.clusters import Reach
from shared.runtime.egress import EgressRefused
from shared.runtime.egress.bounded import AnswerTooLarge


def chain(error: BaseException) -> Iterator[BaseException]:
    """Walk from an error to what caused it."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def explain(error: BaseException, url: str, seconds: float) -> ClusterTrouble:
    """Tell what stopped a request. The innermost cause that says something decides."""
    place = httpx.URL(url)
    where = f"{place.host}:{place.port or (443 if place.scheme == 'https' else 80)}"
    for cause in chain(error):
        if isinstance(cause, ClusterTrouble):
            return cause
        if isinstance(cause, EgressRefused):
            return ClusterTrouble(
                "egress",
                f"Flowtower's egress policy forbids this address: {cause}. An administrator can allow it with FLOWTOWER_EGRESS_ALLOW.",
            )
        if isinstance(cause, AnswerTooLarge):
            return ClusterTrouble("bad_answer", f"{where}{place.path} answered more than 10 MB; the rest was left unread.")
        if isinstance(cause, ssl.SSLError):
            return ClusterTrouble("tls", _tls(cause, where))
        if isinstance(cause, socket.gaierror):
            return ClusterTrouble(
                "wrong_url",
                f"The name {place.host!r} is not known. Correct the host in the URL, or its DNS entry.",
                reach=Reach.UNREACHABLE,
            )
    if isinstance(error, httpx.ConnectTimeout):
        return ClusterTrouble(
            "timeout", f"{where} did not accept a connection in time. A firewall may drop it, or the host is down.", passing=True
        )
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return ClusterTrouble("timeout", f"{where} was called, but {place.path} gave no full answer within {seconds:.0f} s.", passing=True)
    if isinstance(error, httpx.ConnectError):
        return ClusterTrouble(
            "unreachable",
            f"{where} refuses the connection or cannot be reached ({_short(error)}). Start Airflow's web server, or correct host and port.",
            passing=True,
        )
    if isinstance(error, httpx.DecodingError):
        return ClusterTrouble("bad_answer", f"{where} answered with a body that cannot be decompressed: {_short(error)}.")
    if isinstance(error, httpx.RemoteProtocolError):
        return ClusterTrouble(
            "bad_answer",
            f"{where} does not speak proper HTTP ({_short(error)}). If it expects TLS, write https:// in the URL.",
            passing=True,
        )
    if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol | UnicodeError):
        return ClusterTrouble("wrong_url", f"{url[:200]!r} is no usable URL: {_short(error)}. Write it as https://host:port/path.")
    if isinstance(error, httpx.TransportError | OSError):
        return ClusterTrouble("unreachable", f"The connection to {where} broke ({_short(error)}).", passing=True)
    return ClusterTrouble("bad_answer", f"{where} could not be understood ({type(error).__name__}: {_short(error)}).")


def _tls(error: ssl.SSLError, where: str) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"{where} shows a certificate that is not trusted: {error.verify_message}. Give the authority that signed it (CA certificate) "
            "with the cluster, or correct the host name."
        )
    if error.reason in {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST"}:
        return f"{where} does not speak TLS on this port. Write http:// in the URL, or the port that speaks TLS."
    if isinstance(error, ssl.SSLWantReadError | ssl.SSLWantWriteError):
        return f"{where} takes connections, but does not answer the TLS handshake. If it does not speak TLS, write http:// in the URL."
    return f"TLS with {where} failed: {error.reason or error}."


def _short(error: BaseException) -> str:
    return (str(error) or type(error).__name__)[:200].rstrip(".")
