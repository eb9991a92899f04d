"""Signing in to Airflow 2: a session cookie when the web server has a sign-in form, basic authentication otherwise.

Basic authentication hashes the password at every request, 110–130 ms of the web server's CPU each time; a session costs
that once a month and also works with the default ``[api] auth_backends``. A wrong password, a missing one and a missing
permission are all answered with the same 403, so the sign-in form is what tells them apart.
"""

import asyncio
import base64
import re
import time

from cluster_poller.clusters.airflow2.config import REFUSED_FOR_SECONDS, SESSION_SECONDS
from cluster_poller.clusters.http import ClusterHttp
from cluster_poller.domain.trouble import ClusterTrouble
from shared.contracts.clusters import SignIn

_CSRF = re.compile(r"""name=["']csrf_token["'][^>]*value=["']([^"']+)["']|value=["']([^"']+)["'][^>]*name=["']csrf_token["']""")


class SessionSignIn:
    """Keeps one session per cluster. ``renew`` is asked after a 403 and answers whether trying again makes sense."""

    def __init__(self, http: ClusterHttp, way: SignIn, username: str, secret: str) -> None:
        self._http = http
        self._way = way
        self._username = username
        self._secret = secret
        self._lock = asyncio.Lock()
        self._session_since: float | None = None
        self._basic = False
        self._proven = False
        self._refused: tuple[float, ClusterTrouble] | None = None

    @property
    def by_session(self) -> bool:
        return self._session_since is not None

    async def headers(self) -> dict[str, str]:
        """Give what a request must carry; signs in when there is no session yet."""
        if self._way is SignIn.TOKEN:
            return {"Authorization": f"Bearer {self._secret}"}
        if not self._basic and (self._session_since is None or time.monotonic() - self._session_since > SESSION_SECONDS):
            await self._sign_in(self._session_since)
        if self._basic:
            pair = base64.b64encode(f"{self._username}:{self._secret}".encode()).decode()
            return {"Authorization": f"Basic {pair}"}
        return {}

    def proven(self) -> None:
        """Note that a request with these credentials was answered well."""
        self._proven = True

    async def renew(self) -> bool:
        """After a 403: sign in again if the session may be over. False = the session is good, the permission is missing."""
        if self._way is SignIn.TOKEN or self._basic:
            return False
        since = self._session_since
        if since is not None and (not self._proven or time.monotonic() - since < 60):
            return False
        await self._sign_in(since)
        return True

    def refusal(self, source: str) -> ClusterTrouble:
        """Explain a 403 that stays."""
        if self.by_session or self._proven:
            return ClusterTrouble(
                "no_permission",
                f"The user {self._username!r} is signed in, but Airflow does not allow {source}. Give it a role with that permission "
                "(Viewer to read, Op to pause and trigger).",
            )
        if self._way is SignIn.TOKEN:
            return ClusterTrouble("wrong_password", f"Airflow does not accept the token for {source} (403). Enter a valid one.")
        return ClusterTrouble(
            "wrong_password",
            f"Airflow refuses {source} for {self._username!r} (403): the password is wrong, or basic authentication is not among its "
            "[api] auth_backends. Enter the password again or allow basic_auth there.",
        )

    async def _sign_in(self, since: float | None) -> None:
        async with self._lock:
            if self._session_since != since or self._basic:
                return  # another request has signed in meanwhile
            if self._refused is not None and time.monotonic() - self._refused[0] < REFUSED_FOR_SECONDS:
                raise self._refused[1]
            self._http.cookies.clear()
            form = await self._http.send("GET", "/login/", headers={"Accept": "text/html"})
            found = _CSRF.search(form.content.decode(errors="replace")) if form.status == 200 else None
            if found is None:
                self._basic = True  # single sign-on or no form at all: only what the API itself takes is left
                return
            answer = await self._http.send(
                "POST",
                "/login/",
                form={"username": self._username, "password": self._secret, "csrf_token": found[1] or found[2]},
                headers={"Accept": "text/html"},
            )
            if answer.status == 429:
                raise self._refuse(
                    ClusterTrouble(
                        "bad_answer",
                        "Airflow's sign-in form takes no more tries for a while (429). It is tried again by itself.",
                        passing=True,
                    )
                )
            if answer.status >= 500:
                raise ClusterTrouble("bad_answer", f"{answer.source} answered {answer.status}. Look at the web server's log.", passing=True)
            if answer.status not in {302, 303} or "/login" in answer.headers.get("location", ""):
                raise self._refuse(
                    ClusterTrouble(
                        "wrong_password", f"Airflow does not accept the user {self._username!r} with this password. Enter them again."
                    )
                )
            self._session_since = time.monotonic()
            self._proven = False
            self._refused = None

    def _refuse(self, trouble: ClusterTrouble) -> ClusterTrouble:
        self._refused = (time.monotonic(), trouble)
        return trouble
