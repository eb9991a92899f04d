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
    """Tell what stopped a request. What the innermost cause says goes before what httpx makes of it."""
    place = httpx.URL(url)
    where = f"{place.host}:{place.port or (443 if place.scheme == 'https' else 80)}"
    for cause in chain(error):
        if (told := _by_cause(cause, place, where)) is not None:
            return told
    return _by_httpx(error, place, where, seconds)


def _by_cause(cause: BaseException, place: httpx.URL, where: str) -> ClusterTrouble | None:
    if isinstance(cause, ClusterTrouble):
        return cause
    if isinstance(cause, EgressRefused):
        return ClusterTrouble("egress", f"Flowtower's egress policy forbids this address: {cause}.")
    if isinstance(cause, AnswerTooLarge):
        return ClusterTrouble("bad_answer", f"{where}{place.path} answered more than 10 MB; the rest was left unread.")
    if isinstance(cause, ssl.SSLError):
        return ClusterTrouble("tls", _tls(cause, where))
    if isinstance(cause, socket.gaierror):
        message = f"The name {place.host!r} is not known. Correct the host in the URL, or its DNS entry."
        return ClusterTrouble("wrong_url", message, reach=Reach.UNREACHABLE)
    return None


def _by_httpx(error: BaseException, place: httpx.URL, where: str, seconds: float) -> ClusterTrouble:
    short = (str(error) or type(error).__name__)[:200].rstrip(".")
    if isinstance(error, httpx.ConnectTimeout):
        message = f"{where} did not accept a connection in time. A firewall may drop it, or the host is down."
        return ClusterTrouble("timeout", message, passing=True)
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        message = f"{where} was called, but {place.path} gave no full answer within {seconds:g} s."
        return ClusterTrouble("timeout", message, passing=True)
    if isinstance(error, httpx.ConnectError):
        message = f"{where} refuses the connection or cannot be reached ({short}). Start Airflow's web server, or correct host and port."
        return ClusterTrouble("unreachable", message, passing=True)
    if isinstance(error, httpx.DecodingError):
        return ClusterTrouble("bad_answer", f"{where} answered with a body that cannot be decompressed: {short}.")
    if isinstance(error, httpx.RemoteProtocolError):
        message = f"{where} does not speak proper HTTP ({short}). If it expects TLS, write https:// in the URL."
        return ClusterTrouble("bad_answer", message, passing=True)
    if isinstance(error, httpx.TransportError | OSError):
        return ClusterTrouble("unreachable", f"The connection to {where} broke ({short}).", passing=True)
    return ClusterTrouble("bad_answer", f"{where} could not be understood ({type(error).__name__}: {short}).")


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
