from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Gauge, start_http_server

from shared.testing.ports import free_port
from shared.testing.prometheus import PrometheusPart
from shared.testing.wait import eventually

pytestmark = pytest.mark.connected


async def test_it_scrapes_what_it_is_told_and_tells_who_is_down(prometheus: PrometheusPart) -> None:
    registry = CollectorRegistry()
    Gauge("parts_test", "A figure to find again.", registry=registry).set(42)
    port, nobody = free_port(), free_port()
    server, thread = start_http_server(port, "127.0.0.1", registry)
    prometheus.watch({"here": f"127.0.0.1:{port}", "gone": f"127.0.0.1:{nobody}"})

    async def scraped() -> bool:
        found = await prometheus.targets()
        return found["here"]["health"] == "up" and found["gone"]["health"] == "down"

    await eventually(scraped, within=20)
    (value,) = await prometheus.query('parts_test{service="here"}')
    assert value["value"][1] == "42"
    server.shutdown()
    server.server_close()
    thread.join()
    await eventually(lambda: not_up(prometheus, "here"), within=20)
    prometheus.watch({})


async def not_up(prometheus: PrometheusPart, service: str) -> bool:
    return (await prometheus.targets())[service]["health"] == "down"


def test_keys_are_there_and_secret_ones_closed(keys: Path) -> None:
    names = {path.name for path in keys.iterdir()}
    assert {"cluster-poller.key", "cluster-poller.pub", "executor.key", "alerter.key", "internal.key"} <= names
    assert all(path.stat().st_mode & 0o077 == 0 for path in keys.glob("*.key"))
