"""Regular work goes on whatever happens in it, and says under its name what did."""

import asyncio

import structlog.testing

from executor.application import regularly as module
from executor.application.regularly import regularly
from shared.runtime.parts import Away
from shared.testing.wait import eventually


async def test_it_goes_on_after_trouble_and_names_itself(monkeypatch) -> None:
    monkeypatch.setattr(module, "_AFTER_TROUBLE_SECONDS", 0.001)
    troubles: list[Exception | None] = [Away("PostgreSQL at db:5432 does not answer"), ValueError("a bug"), None]
    done: list[int] = []

    async def work() -> None:
        done.append(1)
        trouble = troubles.pop(0) if troubles else None
        if trouble is not None:
            raise trouble

    with structlog.testing.capture_logs() as said:
        task = asyncio.create_task(regularly(0.001, work), name="schedules")
        await eventually(lambda: len(done) >= 5, within=10, about="the work was done again")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert [(line["log_level"], line["work"], line.get("reason")) for line in said] == [
        ("warning", "schedules", "PostgreSQL at db:5432 does not answer"),
        ("error", "schedules", None),
    ]


async def test_news_are_not_waited_for_and_none_is_lost() -> None:
    news, done = asyncio.Event(), []

    async def work() -> None:
        done.append(1)
        if len(done) == 2:
            news.set()  # comes while the work is under way

    task = asyncio.create_task(regularly(3600, work, news))
    await eventually(lambda: len(done) == 1, within=10, about="the first turn")
    news.set()
    # The second turn is brought by this news, the third by those that came in the middle of the second.
    await eventually(lambda: len(done) >= 3, within=10, about="the turns that news brought")
    await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert len(done) == 3
    assert task.cancelled()
