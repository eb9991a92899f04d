"""Task logs of both majors become lines, and a growing one is read on."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest

from cluster_poller.clusters.airflow2.logs import has_ended, read_content
from cluster_poller.clusters.airflow3.logs import read_events
from cluster_poller.clusters.connection import Connections
from cluster_poller.domain.trouble import ClusterTrouble
from shared.contracts.clusters import ClusterRegistered
from shared.runtime.clock import now
from simulated_airflow.serving import Simulated

Register = Callable[..., ClusterRegistered]


def test_logs_of_airflow_2_become_lines() -> None:
    text = (
        "*** Found local files:\n[2026-11-22T05:19:52.114+0000] {runner.py:123} INFO - \x1b[32mhello\x1b[0m\n"
        "[2026-11-22T05:19:53.000+0000] {t.py:9} ERROR - bad\nTraceback"
    )
    lines = read_content(repr([("vm", text)]))
    assert [line.level for line in lines] == ["", "info", "error", ""]
    assert lines[1].text == "{runner.py:123} \x1b[32mhello\x1b[0m"
    assert lines[1].at is not None
    with pytest.raises(ClusterTrouble, match="own form"):
        read_content("__import__('os').system('true')")


def test_the_end_of_a_log_is_read_out_of_its_token() -> None:
    assert has_ended("eyJlbmRfb2ZfbG9nIjp0cnVlLCJsb2dfcG9zIjoyNDA5fQ.6_lb9nTn6nw3DAs4TAEHomZAFBI")
    assert not has_ended("eyJlbmRfb2ZfbG9nIjpmYWxzZSwibG9nX3BvcyI6MjE5NH0.wuzELokLg2BR7iLvpXmX5_j_tas")
    assert not has_ended("garbage")
    assert has_ended(None)


def test_events_of_airflow_3_become_lines_with_their_traceback() -> None:
    lines = read_events(
        [
            {"event": "::group::Log message source details", "sources": ["/opt/x.log"]},
            {"timestamp": "2026-11-22T05:25:41.057211Z", "event": "one\ntwo", "level": "info", "logger": "t", "count": 3},
            {
                "timestamp": "2026-11-22T05:25:42Z",
                "event": "Task failed",
                "level": "error",
                "error_detail": [
                    {"exc_type": "ValueError", "exc_value": "bad", "frames": [{"filename": "a.py", "lineno": 7, "name": "run"}]}
                ],
            },
        ]
    )
    texts = [line.text for line in lines]
    assert texts == [
        "::group::Log message source details",
        "/opt/x.log",
        "one",
        "two count=3",
        "Task failed",
        "Traceback (most recent call last):",
        '  File "a.py", line 7, in run',
        "ValueError: bad",
    ]


async def test_a_growing_log_is_read_on_by_its_token(simulated: Simulated, register: Register, connections: Connections) -> None:
    simulated.world.trigger("slow", "a", now=now() - timedelta(seconds=10), conf={}, note=None, logical_date=None, by="x")
    api = await connections.api(register(simulated.url))
    await asyncio.sleep(1.3)  # queued, scheduled, started
    await api.prove_sign_in()
    await asyncio.sleep(5)
    first = await api.log("slow", "a", "nap", try_number=1, map_index=-1, token=None)
    assert not first.ended
    assert first.next_token
    await asyncio.sleep(2.1)
    more = await api.log("slow", "a", "nap", try_number=1, map_index=-1, token=first.next_token)
    ticks = [line.text for line in (*first.lines, *more.lines) if "tick" in line.text]
    assert len(ticks) == len(set(ticks)) >= 6
    assert 1 <= len(more.lines) <= 5
