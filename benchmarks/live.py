"""From a poll to the browser: how long after the poller has spoken does a page show a new DAG run; the bar is p95 ≤ 500 ms.

The poller itself is stopped and this program speaks in its place, so that the moment of speaking is known: it sends what a
poll saw to Kafka, and a real Chromium with the DAG's page open notes when the run's id stands in the page. Both clocks are
this machine's. The same path without a browser (until the WebSocket frame) stands beside it.
"""

import asyncio
import json
import time
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaProducer
from websockets.asyncio.client import connect

from benchmarks._figures import note, quantile
from benchmarks._stage import stage
from shared.contracts.clusters import ClusterObserved, ComponentHealth, Confidence, Health, Reach
from shared.contracts.dags import DagRunSeen, DagRunsObserved, DagSeen, DagsObserved
from shared.contracts.topics import CLUSTERS_OBSERVATIONS, DAGS_OBSERVATIONS
from shared.runtime.ids import new_id
from shared.testing.chromium import running_chromium
from shared.testing.tower import Api, Tower

EVENTS = 60
WARM_UP = 5
BAR_MS = 500.0
DAG = "orders_hourly"

APPEARS = """
id => new Promise((resolve, reject) => {
  const seen = () => document.body.innerHTML.includes(id);
  if (seen()) { resolve(Date.now()); return; }
  const watch = new MutationObserver(() => { if (seen()) { watch.disconnect(); resolve(Date.now()); } });
  watch.observe(document.body, { childList: true, subtree: true, characterData: true, attributes: true });
  setTimeout(() => { watch.disconnect(); reject(new Error(id + " did not appear within 20 s")); }, 20000);
})
"""


class Poller:
    """Speaks in the poller's place."""

    def __init__(self, producer: AIOKafkaProducer, cluster_id: str) -> None:
        self._producer = producer
        self._cluster_id = cluster_id

    async def healthy(self) -> None:
        at = datetime.now(UTC)
        scheduler = ComponentHealth(
            component="scheduler", health=Health.HEALTHY, confidence=Confidence.MEASURED, source="benchmark", heartbeat_at=at
        )
        seen = ClusterObserved(
            cluster_id=self._cluster_id,
            observed_at=at,
            reach=Reach.ANSWERED,
            version="3.3.2",
            api="v2",
            last_answer_at=at,
            components=(scheduler,),
        )
        await self._send(CLUSTERS_OBSERVATIONS.name, CLUSTERS_OBSERVATIONS.encode(seen))

    async def dags(self) -> None:
        seen = DagsObserved(
            cluster_id=self._cluster_id,
            observed_at=datetime.now(UTC),
            sweep=new_id(),
            part=0,
            parts=1,
            dags=(DagSeen(dag_id=DAG, is_paused=False),),
        )
        await self._send(DAGS_OBSERVATIONS.name, DAGS_OBSERVATIONS.encode(seen))

    async def run(self, dag_run_id: str) -> float:
        """Tell of a new run; return when that was said, in milliseconds of the epoch."""
        at = datetime.now(UTC)
        run = DagRunSeen(dag_id=DAG, dag_run_id=dag_run_id, state="running", sort_at=at, started_at=at)
        said = time.time() * 1000
        message = DagRunsObserved(cluster_id=self._cluster_id, observed_at=at, runs=(run,))
        await self._send(DAGS_OBSERVATIONS.name, DAGS_OBSERVATIONS.encode(message))
        return said

    async def _send(self, topic: str, value: bytes) -> None:
        await self._producer.send_and_wait(topic, value, key=self._cluster_id.encode())


async def measure(tower: Tower) -> tuple[list[float], list[float]]:
    """Return milliseconds to the page and to the WebSocket frame, of each event."""
    client = await tower.sign_in()
    made = await Api(client).post("/api/clusters/", {"name": "measured", "base_url": "http://127.0.0.1:9", "username": "x", "secret": "x"})
    await asyncio.to_thread(tower.kill, "cluster-poller")
    producer = AIOKafkaProducer(bootstrap_servers=tower.kafka.bootstrap)
    await producer.start()
    poller = Poller(producer, made["id"])
    await poller.healthy()
    await poller.dags()
    await poller.run("begin")
    await asyncio.sleep(3)
    cookies = [{"name": cookie.name, "value": cookie.value or "", "url": tower.gateway_url} for cookie in client.cookies.jar]
    async with running_chromium() as browser:
        context = await browser.new_context()
        await context.add_cookies(cookies)  # type: ignore[arg-type]
        page = await context.new_page()
        await page.goto(f"{tower.gateway_url}/dags/{made['id']}/{DAG}/")
        await asyncio.sleep(3)
        to_page = [await _to_page(page, poller, f"probe-{number}-{new_id()}") for number in range(EVENTS)]
        await context.close()
    to_frame = await _to_frames(tower, poller, "; ".join(f"{cookie['name']}={cookie['value']}" for cookie in cookies))
    await producer.stop()
    await client.aclose()
    return to_page[WARM_UP:], to_frame[WARM_UP:]


async def _to_page(page: Any, poller: Poller, dag_run_id: str) -> float:
    await poller.healthy()
    # Spread over the time in which a page may hold back a fetch, so that its pace is in the figure too.
    await asyncio.sleep(0.6 + (hash(dag_run_id) % 100) / 100)
    appears = asyncio.ensure_future(page.evaluate(APPEARS, dag_run_id))
    await asyncio.sleep(0.05)
    said = await poller.run(dag_run_id)
    return float(await appears) - said


async def _to_frames(tower: Tower, poller: Poller, cookie: str) -> list[float]:
    url = tower.gateway_url.replace("http", "ws") + "/live?topics=dag_run:*,dag:*&after=0"
    found = []
    async with connect(url, additional_headers={"Cookie": cookie}, origin=tower.gateway_url) as socket:  # type: ignore[arg-type]
        for _ in range(EVENTS):
            dag_run_id = f"frame-{new_id()}"
            said = await poller.run(dag_run_id)
            while True:
                frame = json.loads(await asyncio.wait_for(socket.recv(), 20))
                if dag_run_id in str(frame.get("id", "")):
                    break
            found.append(time.time() * 1000 - said)
            await asyncio.sleep(0.2)
    return found


def main() -> None:
    """Measure both."""
    with stage() as tower:
        to_page, to_frame = asyncio.run(measure(tower))
    frame, page = ([quantile(values, share) for share in (0.5, 0.95)] for values in (to_frame, to_page))
    note(
        "live",
        "from a poll to the browser that shows it",
        f"p50 {page[0]:.0f}, p95 {page[1]:.0f}, at most {max(to_page):.0f} ms",
        bar=f"p95 ≤ {BAR_MS:g} ms",
        reached=page[1] <= BAR_MS,
        beside=f"the WebSocket frame of the same event: {frame[0]:.0f}, {frame[1]:.0f} ms",
    )


if __name__ == "__main__":
    main()
