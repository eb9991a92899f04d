"""Connections that are kept: used again while they are sound, and never when nobody knows what state they are in."""

import asyncio
from typing import Any

import asyncpg
import pytest

from shared.runtime import standing as kept
from shared.runtime.standing import Standing


class Line:
    """A connection that notes what becomes of it."""

    def __init__(self) -> None:
        self.end = ""

    def is_closed(self) -> bool:
        return bool(self.end)

    def terminate(self) -> None:
        self.end = "dropped"

    async def close(self) -> None:
        self.end = "closed"


class Lines:
    def __init__(self, most: int = 2) -> None:
        self.opened: list[Line] = []
        self.standing = Standing(self._open, most)

    async def _open(self) -> Any:
        self.opened.append(Line())
        return self.opened[-1]


async def test_one_after_the_other_uses_the_same_connection() -> None:
    lines = Lines()
    for _ in range(3):
        async with lines.standing.one():
            pass
    assert len(lines.opened) == 1


async def test_no_more_are_opened_than_there_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "_WITHIN", 0.05)
    lines = Lines(most=2)
    async with lines.standing.one() as first, lines.standing.one() as second:
        with pytest.raises(TimeoutError):
            async with lines.standing.one():
                pass
    async with lines.standing.one() as again:
        assert again in {first, second}
    assert len(lines.opened) == 2


async def test_who_waits_gets_the_one_that_comes_back() -> None:
    lines = Lines(most=1)
    async with lines.standing.one() as first:
        waiting = asyncio.ensure_future(lines.standing.one().__aenter__())
        await asyncio.sleep(0)
    assert await waiting is first


async def test_what_the_server_refused_leaves_the_connection_sound() -> None:
    lines = Lines()
    with pytest.raises(asyncpg.UniqueViolationError):
        async with lines.standing.one():
            raise asyncpg.UniqueViolationError("there already")
    async with lines.standing.one():
        pass
    assert [line.end for line in lines.opened] == [""]


@pytest.mark.parametrize("error", [TimeoutError(), asyncpg.InternalClientError("lost"), asyncio.CancelledError(), ValueError("ours")])
async def test_one_that_was_stopped_in_the_middle_is_not_used_again(error: BaseException) -> None:
    lines = Lines()
    with pytest.raises(type(error)):
        async with lines.standing.one():
            raise error
    async with lines.standing.one():
        pass
    assert [line.end for line in lines.opened] == ["dropped", ""]


async def test_one_that_the_server_closed_is_replaced() -> None:
    lines = Lines()
    async with lines.standing.one():
        pass
    lines.opened[0].end = "gone"
    async with lines.standing.one() as other:
        assert other is lines.opened[1]


async def test_a_connection_that_can_not_be_had_takes_nobodys_turn() -> None:
    async def refuse() -> Any:
        raise OSError("no server")

    standing = Standing(refuse, 1)
    for _ in range(3):
        with pytest.raises(OSError, match="no server"):
            async with standing.one():
                pass


async def test_the_end_closes_what_is_idle_and_drops_what_comes_back() -> None:
    lines = Lines()
    async with lines.standing.one() as used:
        async with lines.standing.one():
            pass
        await lines.standing.close()
        assert not used.is_closed()
    assert [line.end for line in lines.opened] == ["dropped", "closed"]
