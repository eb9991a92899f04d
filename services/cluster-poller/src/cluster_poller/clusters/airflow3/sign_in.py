"""Signing in to Airflow 3: a JWT from ``/auth/token``, the same route for the simple and the FAB auth manager.

Missing and expired tokens are 401, malformed and revoked ones 403 "Invalid JWT token", a missing permission 403 "Forbidden".
A restart with a generated secret makes good tokens invalid, so one new sign-in is tried.
"""

import asyncio
import base64
import binascii
import json
import time

from cluster_poller.clusters.airflow3.config import REFUSED_FOR_SECONDS, RENEW_AT, UNREADABLE_TOKEN_SECONDS
from cluster_poller.clusters.http import ClusterHttp, Reply
from cluster_poller.domain.trouble import ClusterTrouble
from shared.contracts.clusters import SignIn


class TokenSignIn:
    """Keeps one token per cluster and fetches another at 80 % of its life, or when it is refused."""

    def __init__(self, http: ClusterHttp, way: SignIn, username: str, secret: str) -> None:
        self._http = http
        self._way = way
        self._username = username
        self._secret = secret
        self._lock = asyncio.Lock()
        self._token: str | None = secret if way is SignIn.TOKEN else None
        self._renew_at = float("inf")
        self._refused: tuple[float, ClusterTrouble] | None = None

    async def headers(self) -> dict[str, str]:
        token = self._token
        if token is None or (self._way is SignIn.PASSWORD and time.monotonic() >= self._renew_at):
            token = await self._sign_in(token)
        return {"Authorization": f"Bearer {token}"}

    async def renew(self, refused: Reply, used: dict[str, str]) -> bool:
        """After a 401 or 403: fetch a new token. False = the token is good, the permission is missing."""
        if self._way is SignIn.TOKEN or (refused.status == 403 and "token" not in (await refused.reason()).lower()):
            return False
        await self._sign_in(used["Authorization"].removeprefix("Bearer "))
        return True

    async def refusal(self, reply: Reply) -> ClusterTrouble:
        """Explain a 401 or 403 that stays."""
        said = await reply.reason()
        if reply.status == 403 and "token" not in said.lower():
            who = f"The user {self._username!r}" if self._way is SignIn.PASSWORD else "The token's user"
            return ClusterTrouble(
                "no_permission", f"{who} is signed in, but Airflow does not allow {reply.source}. Give it a role with that permission."
            )
        return ClusterTrouble(
            "wrong_password", f"Airflow does not accept the token for {reply.source}: {said or reply.status}. Enter a valid one."
        )

    async def _sign_in(self, before: str | None) -> str:
        async with self._lock:
            if self._token is not None and self._token != before:
                return self._token  # another request has signed in meanwhile
            if self._refused is not None and time.monotonic() - self._refused[0] < REFUSED_FOR_SECONDS:
                raise self._refused[1]
            reply = await self._http.send("POST", "/auth/token", body={"username": self._username, "password": self._secret})
            if reply.status in {401, 403}:
                trouble = ClusterTrouble(
                    "wrong_password", f"Airflow does not accept the user {self._username!r} with this password. Enter them again."
                )
                self._refused = (time.monotonic(), trouble)
                self._token = None
                raise trouble
            if reply.status in {404, 405, 422}:
                raise ClusterTrouble(
                    "wrong_password",
                    f"This cluster gives no tokens for user and password (POST /auth/token answered {reply.status}). "
                    "Register it with a token instead.",
                )
            if reply.status not in {200, 201}:
                raise ClusterTrouble(
                    "bad_answer", f"{reply.source} answered {reply.status}. Look at the API server's log.", passing=reply.status >= 500
                )
            token = (await reply.object()).get("access_token")
            if not isinstance(token, str) or not token:
                raise ClusterTrouble("bad_answer", f"{reply.source} answered without an access_token.")
            self._token = token
            self._refused = None
            self._renew_at = time.monotonic() + RENEW_AT * life_seconds(token)
            return token


def life_seconds(token: str) -> float:
    """Read how long a JWT lives (exp - iat), without checking its signature: that is the server's business."""
    try:
        part = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        life = float(claims["exp"]) - float(claims.get("iat", time.time()))
    except (IndexError, KeyError, ValueError, TypeError, binascii.Error):
        return UNREADABLE_TOKEN_SECONDS
    return life if life > 0 else UNREADABLE_TOKEN_SECONDS
