"""A task's log is read to its end, or it is said where the reading stopped and why."""

from typing import Any

import pytest

from gateway.application.ports.services import ServiceIsAway
from gateway.application.queries import task_logs
from gateway.application.queries.task_logs import read_log
from gateway.application.views.dags import TaskAt
from shared.contracts.internal import LogLine, TaskLog
from shared.runtime.clock import now

TASK = TaskAt(cluster_id="c1", dag_id="a", run_id="r1", task_id="t", map_index=-1, try_number=None)


class Airflow:
    """Answers with these pages, one after the other; an exception is raised."""

    def __init__(self, *pages: tuple[list[str], bool] | Exception) -> None:
        self.pages, self.tokens = list(pages), list[str | None]()

    async def task_log(self, *_at: str, token: str | None, **_more: Any) -> TaskLog:
        self.tokens.append(token)
        page = self.pages[len(self.tokens) - 1]
        if isinstance(page, Exception):
            raise page
        texts, ended = page
        lines = tuple(LogLine(text=text) for text in texts)
        return TaskLog(read_at=now(), lines=lines, next_token=None if ended else f"t{len(self.tokens)}", ended=ended)


@pytest.mark.parametrize(
    ("pages", "shown", "end"),
    [
        ([(["a"], False), (["b"], False), (["c"], True)], ["a", "b", "c"], "ended"),
        ([(["a"], False), ([], False)], ["a"], "goes_on"),
        ([([], False)], [], "goes_on"),
        ([(["a"], False), ServiceIsAway("cluster-poller", "no answer")], ["a"], "broke_off"),
    ],
)
async def test_the_tokens_are_followed(pages: list[Any], shown: list[str], end: str) -> None:
    airflow: Any = Airflow(*pages)
    log = await read_log(airflow, TASK, 1)
    assert ([line.text for line in log.lines], log.end) == (shown, end)
    assert airflow.tokens == [None, "t1", "t2"][: len(pages)]


async def test_a_log_that_is_too_long_shows_its_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_logs, "MOST_BYTES", 2)
    airflow: Any = Airflow((["a"], False), (["b", "c"], True))
    log = await read_log(airflow, TASK, 1)
    assert ([line.text for line in log.lines], log.end) == (["a", "b"], "too_long")


async def test_nobody_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_logs, "MOST_SECONDS", -1.0)
    airflow: Any = Airflow((["a"], False), (["b"], True))
    log = await read_log(airflow, TASK, 1)
    assert ([line.text for line in log.lines], log.end) == (["a"], "too_slow")
