"""`python -m flowtower_demo.order_service --port N`: takes orders over HTTP, and is away for a moment now and then.

So the demo shows what a retry looks like: for 12 of every 300 seconds it answers 503. `GET /orders` says how many it took.
"""

import argparse
import time

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

EVERY_SECONDS = 300.0
AWAY_SECONDS = 12.0


class Orders:
    """What was taken. An order that comes again is known by its id and not counted twice."""

    def __init__(self) -> None:
        self._known: dict[str, None] = {}
        self.taken = 0
        self.again = 0

    def take(self, order_id: str) -> bool:
        """True when it is new. Only the last 100,000 ids are remembered."""
        if order_id in self._known:
            self.again += 1
            return False
        self._known[order_id] = None
        self.taken += 1
        if len(self._known) > 100_000:
            del self._known[next(iter(self._known))]
        return True


def is_away(now: float) -> bool:
    return now % EVERY_SECONDS > EVERY_SECONDS - AWAY_SECONDS


def build() -> Starlette:
    orders = Orders()

    async def take(request: Request) -> Response:
        if is_away(time.time()):
            return JSONResponse({"detail": "The warehouse is being counted; back in a few seconds."}, 503, {"Retry-After": "5"})
        try:
            order = await request.json()
            order_id = str(order["order_id"])
        except (ValueError, KeyError, TypeError):
            return JSONResponse({"detail": "Send an order: a JSON object with 'order_id'."}, 422)
        new = orders.take(order_id)
        return JSONResponse({"order_id": order_id, "status": "taken" if new else "known"}, 201 if new else 200)

    async def count(_: Request) -> Response:
        return JSONResponse({"taken": orders.taken, "again": orders.again})

    return Starlette(routes=[Route("/orders", take, methods=["POST"]), Route("/orders", count, methods=["GET"])])


def main() -> None:
    parser = argparse.ArgumentParser(prog="order_service")
    parser.add_argument("--port", type=int, required=True)
    chosen = parser.parse_args()
    uvicorn.run(build(), host="127.0.0.1", port=chosen.port, log_level="warning")


if __name__ == "__main__":
    main()
