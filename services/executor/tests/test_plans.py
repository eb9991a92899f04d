"""Endpoints at hand: looked up once for all attempts that need one, and again after a second."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from executor.application.copies import Copy
from executor.application.ports import Endpoint, Permanent, Retryable
from executor.application.registries import Plans
from shared.contracts.workflows import Component


class Registry:
    def __init__(self, *known: Endpoint) -> None:
        self.known = {endpoint.name: endpoint for endpoint in known}
        self.looks = 0
        self.gate = asyncio.Event()

    async def endpoint(self, name: str) -> Endpoint | None:
        self.looks += 1
        await self.gate.wait()
        return self.known.get(name)


def plans(registry: Registry) -> Plans:
    made: Any = Plans
    found: Plans = made(registry, {})
    return found


async def test_many_that_need_an_endpoint_at_once_look_it_up_once() -> None:
    registry = Registry(Endpoint("e1", "svc", "service", None, None))
    known = plans(registry)
    asking = [asyncio.create_task(known.endpoint("svc", "service")) for _ in range(50)]
    wrong = asyncio.create_task(known.endpoint("svc", "api"))
    await asyncio.sleep(0)
    asking.pop(0).cancel()  # the one that looks it up, for the others too
    await asyncio.sleep(0)
    registry.gate.set()
    assert {endpoint.endpoint_id for endpoint in await asyncio.gather(*asking)} == {"e1"}
    with pytest.raises(Permanent, match="a “api” is needed here"):
        await wrong
    await known.endpoint("svc", "service")
    assert registry.looks == 1
    known.forget()
    await known.endpoint("svc", "service")
    assert registry.looks == 2


async def test_one_that_is_missing_is_missing_for_all_and_looked_for_again() -> None:
    registry = Registry()
    known = plans(registry)
    registry.gate.set()
    answers = await asyncio.gather(*(known.endpoint("svc", "service") for _ in range(3)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [Retryable] * 3
    assert registry.looks == 1
    registry.known["svc"] = Endpoint("e1", "svc", "service", None, None)
    assert (await known.endpoint("svc", "service")).endpoint_id == "e1"


class Behind:
    """A copy that lacks an endpoint until it has caught up."""

    def __init__(self, registry: Registry, *brings: Endpoint) -> None:
        self.registry, self.brings, self.asked = registry, brings, 0

    async def caught_up(self) -> None:
        self.asked += 1
        await asyncio.sleep(0.01)
        self.registry.known |= {endpoint.name: endpoint for endpoint in self.brings}


async def test_one_that_the_copy_lacks_is_there_once_the_copy_has_caught_up() -> None:
    registry = Registry()
    registry.gate.set()
    copy = Behind(registry, Endpoint("e1", "svc", "service", None, None))
    known = Plans(registry, {}, endpoints=Copy("endpoints", copy.caught_up))  # type: ignore[arg-type]
    found = await asyncio.gather(*(known.endpoint("svc", "service") for _ in range(3)))
    assert {endpoint.endpoint_id for endpoint in found} == {"e1"}
    assert copy.asked == 1


async def test_a_wrong_name_is_not_waited_for_again_and_again() -> None:
    registry = Registry()
    registry.gate.set()
    copy = Behind(registry)
    known = Plans(registry, {}, endpoints=Copy("endpoints", copy.caught_up))  # type: ignore[arg-type]
    for _ in range(2):
        with pytest.raises(Retryable, match="There is no endpoint “svc”"):
            await known.endpoint("svc", "service")
    assert copy.asked == 1
    registry.known["svc"] = Endpoint("e1", "svc", "service", None, None)
    assert (await known.endpoint("svc", "service")).endpoint_id == "e1"


async def test_what_is_wrong_with_options_is_said_without_what_was_written() -> None:
    options = {"path": "/", "headers": {"Authorization": "Bearer s3cret"}}
    component = Component(name="Ask", kind="api", endpoint="svc", options=options)
    known = plans(Registry())
    known.connectors["api"] = object()  # type: ignore[assignment]
    plan: Any = SimpleNamespace(graph=SimpleNamespace(components={"Ask": component}), options={})
    with pytest.raises(Permanent, match="headers: Value error, 'Authorization' carries a secret") as wrong:
        await known.place(plan, "Ask")
    assert "s3cret" not in wrong.value.message
