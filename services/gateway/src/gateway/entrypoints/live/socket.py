"""``/live``: one WebSocket for a page. See docs/architecture/ui.md for the frames."""

import asyncio
import json
from collections.abc import Callable

from fastapi import APIRouter, Depends, WebSocket
from starlette.websockets import WebSocketDisconnect

from gateway.entrypoints.live.hub import Change, Hub, Listener
from gateway.identity.guard import Allow, Identity
from gateway.identity.principal import ForgedRequest, Right
from shared.runtime.database import why_away
from shared.runtime.logging import get_logger

log = get_logger(__name__)

router = APIRouter()

MOST_TOPICS = 200
RECHECK_SECONDS = 20.0
"""How often it is looked whether the person may still listen."""
SEND_SECONDS = 10.0
"""A browser that does not take a frame for this long is let go."""
RECEIVE_BYTES = 1024


def wanted(topics: str) -> Callable[[Change], bool]:
    """Return whether a change belongs to the topics of a page, e.g. ``run:0192…,cluster:*``. No topics: everything."""
    exact: set[tuple[str, str]] = set()
    kinds: set[str] = set()
    for topic in topics.split(",")[:MOST_TOPICS]:
        kind, _, subject = topic.strip().partition(":")
        if subject in ("*", ""):
            kinds.add(kind)
        else:
            exact.add((kind, subject))
    if kinds <= {""} and not exact:
        return lambda _change: True
    return lambda change: change.kind in kinds or (change.kind, change.id) in exact


@router.websocket("/live", dependencies=[Depends(Allow(Right.VIEW).declare)])
async def live(socket: WebSocket, topics: str = "", after: int | None = None) -> None:
    """Serve one page until it goes, is too slow, or may no longer listen."""
    identity: Identity = socket.app.state.identity
    hub: Hub = socket.app.state.hub
    try:
        identity.csrf.check_origin(socket, needed="authorization" not in socket.headers)
    except ForgedRequest:
        await socket.close(1008)
        return
    principal = await identity.principal(socket)
    if principal is None or not principal.may(Right.VIEW):
        await socket.close(1008)
        return
    await socket.accept()
    listener = hub.join(wanted(topics))
    jobs = {
        asyncio.create_task(_send(socket, hub, listener, after), name="live send"),
        asyncio.create_task(_receive(socket), name="live receive"),
        asyncio.create_task(_recheck(socket, identity), name="live recheck"),
    }
    try:
        done, _ = await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
        codes = [job.result() for job in done if not job.cancelled() and job.exception() is None]
    finally:
        hub.leave(listener)
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)
    code = max((code for code in codes if code), default=0)
    if code:
        await _close(socket, code)


async def _close(socket: WebSocket, code: int) -> None:
    try:
        async with asyncio.timeout(2):
            await socket.close(code)
    except (TimeoutError, RuntimeError, WebSocketDisconnect):
        return


async def _frame(socket: WebSocket, frame: dict[str, object]) -> None:
    async with asyncio.timeout(SEND_SECONDS):
        await socket.send_text(json.dumps(frame, separators=(",", ":")))


async def _send(socket: WebSocket, hub: Hub, listener: Listener, after: int | None) -> int:
    began = hub.seq
    try:
        await _frame(socket, {"kind": "hello", "seq": began})
        last = began
        if after is not None and after != began:
            missed = hub.missed(after)
            if missed is None:
                await _frame(socket, {"kind": "reset", "seq": began})
            else:
                for change in missed:
                    if listener.wants(change) and change.seq <= began:
                        await _frame(socket, {"seq": change.seq, "kind": change.kind, "id": change.id})
        while True:
            change = await listener.waiting.get()
            if change.seq > last:
                await _frame(socket, {"seq": change.seq, "kind": change.kind, "id": change.id})
                last = change.seq
            if listener.overrun and listener.waiting.empty():
                listener.overrun = False
                last = hub.seq
                await _frame(socket, {"kind": "reset", "seq": last})
    except TimeoutError:
        return 1013
    except (WebSocketDisconnect, RuntimeError):
        return 0


async def _receive(socket: WebSocket) -> int:
    """The browser has nothing to say; much of it ends the connection."""
    while True:
        try:
            message = await socket.receive()
        except RuntimeError:
            return 0
        if message["type"] == "websocket.disconnect":
            return 0
        if len(message.get("text") or "") + len(message.get("bytes") or b"") > RECEIVE_BYTES:
            return 1009


async def _recheck(socket: WebSocket, identity: Identity) -> int:
    while True:
        await asyncio.sleep(RECHECK_SECONDS)
        try:
            principal = await identity.principal(socket)
        except Exception as error:  # noqa: BLE001 - while the database is away nothing is known, and nothing is told either
            log.warning("a live connection's session could not be looked up", error=why_away(error) or repr(error))
            continue
        if principal is None or not principal.may(Right.VIEW):
            return 1008
