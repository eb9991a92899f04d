"""Changes come from our own pages only: the browser's own word about the origin, and a token that only our pages hold."""

import hashlib
import hmac
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from gateway.identity.principal import ForgedRequest
from gateway.identity.secrets import same

HEADER, FIELD = "x-csrf-token", "csrf_token"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Csrf:
    """Form tokens are an HMAC of the cookie they go with, so nothing is stored."""

    def __init__(self, key: bytes, public_url: str) -> None:
        self._key = key
        self._public = urlsplit(public_url)

    def token(self, cookie: str) -> str:
        """Return the form token that goes with a cookie."""
        return hmac.new(self._key, b"form\0" + cookie.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()

    def check_token(self, cookie: str | None, given: str | None) -> None:
        """Raise ForgedRequest unless the token goes with the cookie."""
        if not cookie or not given or not same(self.token(cookie), given):
            raise ForgedRequest("The form's token is missing or old. Load the page again and repeat it.")

    def check_origin(self, connection: HTTPConnection, *, needed: bool = False) -> None:
        """Raise ForgedRequest when the browser says that another site sent this. ``needed``: an origin must be there."""
        site = connection.headers.get("sec-fetch-site")
        if site is not None and site not in ("same-origin", "none"):
            raise ForgedRequest("Another site sent this request; nothing was changed.")
        origin = connection.headers.get("origin")
        if origin is None:
            if needed:
                raise ForgedRequest("The request names no origin.")
            return
        if not self._ours(origin, connection.headers.get("host", "")):
            raise ForgedRequest(f"The request comes from {origin[:100]}, not from {self._public.scheme}://{self._public.netloc}.")

    def _ours(self, origin: str, host: str) -> bool:
        parts = urlsplit(origin)
        if (parts.scheme, parts.netloc) == (self._public.scheme, self._public.netloc):
            return True
        # Opened under another name that TrustedHost let through, e.g. localhost instead of 127.0.0.1.
        return parts.scheme in ("http", "https") and parts.netloc == host and parts.scheme == self._public.scheme
