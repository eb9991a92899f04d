"""A form that came when its sender was signed in no more: what was typed is kept until it can be sent again."""

import json

from fastapi import Request
from fastapi.responses import Response

from gateway.application.views.account import AgainPage, SignInPage
from gateway.entrypoints.web.site import own_path, site_of
from gateway.identity.csrf import FIELD
from gateway.identity.guard import Identity
from gateway.identity.people import SignedIn
from gateway.identity.principal import ForgedRequest

_SECRET = ("secret", "password", "new_password", "token")


async def sign_in_keeping(request: Request) -> Response | None:
    """Return a sign-in page that keeps what was typed. None: there is nothing to keep, or no page of ours sent it."""
    if request.method != "POST" or request.headers.get("hx-request") == "true" or "text/html" not in request.headers.get("accept", ""):
        return None
    identity: Identity = request.app.state.identity
    try:
        # Only what our own pages sent is shown again: nobody else puts words into a form that is then sent in somebody's name.
        identity.csrf.check_origin(request, needed=True)
    except ForgedRequest:
        return None
    form = [(name, value) for name, value in (await request.form()).multi_items() if isinstance(value, str) and name != FIELD]
    fields = [pair for pair in form if not pair[0].startswith(_SECRET)]
    if not fields:
        return None
    url = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    kept = json.dumps({"url": url, "fields": fields, "cut": any(value for name, value in form if name.startswith(_SECRET))})
    return site_of(request).gate(request, "account/sign_in.html", SignInPage(kept=kept), status=401)


def send_again(request: Request, signed: SignedIn, kept: str) -> Response | None:
    """Return the page from which it is sent again, in the new session. None: nothing was kept."""
    try:
        found = json.loads(kept)
        fields = tuple((str(name), str(value)) for name, value in found["fields"])
        url, cut = own_path(str(found["url"])), bool(found["cut"])
    except (ValueError, KeyError, TypeError):
        return None
    identity: Identity = request.app.state.identity
    page = AgainPage(url=url, fields=fields, cut=cut, csrf=identity.csrf.token(signed.cookie))
    return site_of(request).gate(request, "account/again.html", page)
