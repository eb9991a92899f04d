"""The APIs of the registered clusters: found out once, signed in lazily, kept as long as they are used.

Which dialect a cluster speaks is detected by asking each major for its version, newest first.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

import httpx

from cluster_poller.application.ports import ClusterApi
from cluster_poller.clusters.http import LONGEST_SECONDS, LONGEST_TRIAL_SECONDS, MOST_BYTES, ClusterHttp, check, html_answer
from cluster_poller.clusters.versions import parse_version
from cluster_poller.domain.trouble import ClusterTrouble, NotThere
from shared.contracts.clusters import ClusterRegistered
from shared.runtime.egress import Egress
from shared.runtime.sealed import OpeningKey, SealBroken, SealedForAnother

_DEADLINE_SECONDS = 130.0


@dataclass(frozen=True, slots=True)
class Credentials:
    username: str
    secret: str


class Major(Protocol):
    """One dialect of Airflow's API, as ``registry.py`` lists them."""

    prefix: str
    oldest: tuple[int, ...]
    name: str

    def connect(self, http: ClusterHttp, cluster: ClusterRegistered, credentials: Credentials, version: str) -> ClusterApi: ...


@dataclass(slots=True)
class _Kept:
    cluster: ClusterRegistered
    http: ClusterHttp
    api: ClusterApi | None
    finding: asyncio.Lock


class Connections:
    """Implements the port ``Clusters``."""

    def __init__(
        self,
        egress: Egress,
        key: OpeningKey,
        majors: Sequence[Major],
        *,
        answer_seconds: float = LONGEST_SECONDS,
        trial_seconds: float = LONGEST_TRIAL_SECONDS,
    ) -> None:
        self._egress = egress
        self._key = key
        self._majors = majors
        self._answer_seconds = answer_seconds
        self._trial_seconds = trial_seconds
        self._kept: dict[str, _Kept] = {}
        self._spent: dict[str, int] = {}
        self._public: ssl.SSLContext | None = None

    async def api(self, cluster: ClusterRegistered) -> ClusterApi:
        """Give the API of a cluster; another definition of it gets another connection."""
        kept = self._kept.get(cluster.cluster_id)
        if kept is None or kept.cluster != cluster:
            if kept is not None:
                await self.forget(cluster.cluster_id)
            kept = self._kept[cluster.cluster_id] = _Kept(cluster, self._http(cluster), None, asyncio.Lock())
        async with kept.finding:
            if kept.api is None:
                kept.api = await self._find(kept.http, cluster)
            return kept.api

    def requests(self, cluster_id: str) -> int:
        """Requests sent to a cluster by this process so far."""
        kept = self._kept.get(cluster_id)
        return self._spent.get(cluster_id, 0) + (0 if kept is None else kept.http.requests)

    async def forget(self, cluster_id: str) -> None:
        """Close a cluster's connection; the next use finds out anew what it is."""
        kept = self._kept.pop(cluster_id, None)
        if kept is not None:
            self._spent[cluster_id] = self._spent.get(cluster_id, 0) + kept.http.requests
            await kept.http.aclose()

    @asynccontextmanager
    async def trial(self, cluster: ClusterRegistered) -> AsyncIterator[ClusterApi]:
        http = self._http(cluster)
        http.end_within(self._trial_seconds)
        try:
            yield await self._find(http, cluster)
        finally:
            await http.aclose()

    async def start(self) -> None:
        """Nothing to open: connections are made when they are needed."""

    async def stop(self) -> None:
        for cluster_id in list(self._kept):
            await self.forget(cluster_id)

    def _http(self, cluster: ClusterRegistered) -> ClusterHttp:
        url = httpx.URL(cluster.base_url) if _usable(cluster.base_url) else None
        if url is None or url.scheme not in {"http", "https"} or not url.host:
            raise ClusterTrouble(
                "wrong_url", f"{cluster.base_url[:200]!r} is no usable URL. Write it with its scheme, as https://airflow.example.com."
            )
        if url.userinfo:
            raise ClusterTrouble("wrong_url", "The URL contains credentials. Enter user and password in their own fields.")
        client = self._egress.client(
            verify=self._tls(cluster),
            timeout=httpx.Timeout(_DEADLINE_SECONDS, connect=5.0),
            max_bytes=MOST_BYTES,
            deadline=_DEADLINE_SECONDS,
        )
        return ClusterHttp(client, str(url.copy_with(query=None, fragment=None)), self._answer_seconds)

    def _tls(self, cluster: ClusterRegistered) -> ssl.SSLContext | bool:
        """Give what certificates are checked with. The public authorities are loaded once for all clusters: they take a megabyte."""
        if not cluster.verify_tls:
            return False
        if cluster.ca_pem:
            context = httpx.create_ssl_context(trust_env=False)
            try:
                context.load_verify_locations(cadata=cluster.ca_pem)
            except ssl.SSLError as error:
                raise ClusterTrouble(
                    "tls", f"The CA certificate of this cluster can't be read ({error.reason}). Paste it as PEM text."
                ) from None
            return context
        if self._public is None:
            self._public = httpx.create_ssl_context(trust_env=False)
        return self._public

    def _credentials(self, cluster: ClusterRegistered) -> Credentials:
        if cluster.sealed_secret is None:
            return Credentials(cluster.username, "")
        try:
            secret = self._key.open(cluster.sealed_secret, owner=cluster.cluster_id)
        except (SealBroken, SealedForAnother) as error:
            raise ClusterTrouble("wrong_password", f"The saved credentials can't be opened: {error}. Enter them again.") from error
        return Credentials(cluster.username, secret.decode())

    async def _find(self, http: ClusterHttp, cluster: ClusterRegistered) -> ClusterApi:
        """Ask each major for its version; what the last one says stands for all when none is found."""
        credentials = self._credentials(cluster)
        strange: ClusterTrouble | None = None
        for major in self._majors:
            try:
                version = await _version(http, major)
            except NotThere:
                continue
            except ClusterTrouble as trouble:
                if trouble.problem not in {"wrong_url", "bad_answer"} or trouble.passing:
                    raise
                strange = trouble
                continue
            if parse_version(version) < major.oldest:
                raise ClusterTrouble(
                    "wrong_version",
                    f"This is Airflow {version}; Flowtower follows {major.name} from {'.'.join(map(str, major.oldest))} on. Upgrade it.",
                )
            return major.connect(http, cluster, credentials, version)
        raise await self._nothing(http, strange)

    async def _nothing(self, http: ClusterHttp, strange: ClusterTrouble | None) -> ClusterTrouble:
        """Tell why no API was found: an Airflow without a stable API, or something else altogether."""
        try:
            body = await (await check(await http.send("GET", "/health", headers={"Accept": "application/json"}))).object()
        except ClusterTrouble as trouble:
            if strange is not None:
                return strange
            return ClusterTrouble("wrong_url", f"No Airflow answers there: {trouble.message} Register the root of Airflow's web server.")
        if "metadatabase" in body and "scheduler" in body:
            return ClusterTrouble(
                "wrong_version", "This is an Airflow whose stable REST API is not there: it is older than 2.0, or the API is switched off."
            )
        return strange or ClusterTrouble(
            "wrong_url", "Something answers there, but it is no Airflow. Register the root of Airflow's web server."
        )


async def _version(http: ClusterHttp, major: Major) -> str:
    reply = await http.send("GET", f"{major.prefix}/version", headers={"Accept": "application/json"})
    if reply.status == 404 and not reply.is_json:
        raise NotThere(html_answer(reply).message)
    if reply.status in {401, 403}:
        raise ClusterTrouble(
            "wrong_url",
            f"{reply.source} wants a sign-in ({reply.status}), which Airflow's version never does: a proxy stands in front of it.",
        )
    body = await (await check(reply)).object()
    version = body.get("version")
    if not isinstance(version, str) or parse_version(version) == (0,):
        raise ClusterTrouble("wrong_url", f"{reply.source} answered without a version: this is no Airflow.")
    return version


def _usable(url: str) -> bool:
    try:
        httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError, ValueError):
        return False
    return True
