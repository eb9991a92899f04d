"""What begins something happens once for each time that its form was shown, however often it is sent."""

from collections.abc import Awaitable, Callable

from fastapi import Request

from gateway.application.ports.work import Remembered, Work
from gateway.entrypoints.application import Application
from gateway.identity.principal import Principal

FIELD = "once"
"""The form's hidden field. A page that stays puts another value in after each answer, so that pressing again is a new wish."""


async def once(
    app: Application, who: Principal, request: Request, form: dict[str, str], do: Callable[[Work | None], Awaitable[str]]
) -> str:
    """Do it and return the id of what began; a form that comes again begins nothing and gets the first id."""
    key = form.get(FIELD, "")[:100]
    if not key:
        return await do(None)
    async with app.works.begin() as work:
        route = f"{request.method} {request.url.path}"
        held = await work.remember(who.user_id, route, key)
        if held is not None:
            return str(held.answer["id"])
        began = await do(work)
        await work.answered(who.user_id, route, key, Remembered(body_hash="", status=204, answer={"id": began}))
        return began
