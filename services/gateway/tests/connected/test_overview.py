"""What the first screen says needs somebody, out of a real database: what failed, is parked, waits, or can't be seen; and nothing else."""

import re
from datetime import timedelta
from typing import Any

import httpx
from run_stories import failed, published, shown

from shared.contracts.topics import CLUSTERS_OBSERVATIONS, RUNS_OUTCOMES
from shared.runtime.clock import now
from shared.runtime.ids import new_id
from shared.testing import build
from shared.testing.wait import eventually


def stopped(run_id: str, workflow: str, workflow_id: str, decision: str) -> list[Any]:
    """A run whose B failed and waits for its next attempt (``retry``) or for a person (``park``)."""
    of = {"run_id": run_id, "workflow_id": workflow_id, "at": now()}
    story = failed(run_id, workflow, workflow_id, key=f"k-{run_id}")[:4]
    later = now() + timedelta(hours=1) if decision == "retry" else None
    failure = build.failure(code="QueueNotFound", message=f"There is no queue for {decision}.")
    return [*story, build.attempt_failed(**of, seq=5, component="B", failure=failure, decision=decision, next_attempt_at=later)]


async def a_cluster(gateway, api: httpx.AsyncClient, **observed: Any) -> str:
    body = {"name": f"c-{new_id()}", "base_url": "https://airflow.example.com", "username": "flowtower", "poll_seconds": 60}
    cluster: str = (await api.post("/api/clusters/", json=body)).json()["id"]
    if observed:
        await gateway.publish(CLUSTERS_OBSERVATIONS, (cluster, build.cluster_observed(cluster_id=cluster, **observed)))
        await eventually(lambda: _seen(api, cluster), within=20)
    return cluster


async def _seen(api: httpx.AsyncClient, cluster: str) -> bool:
    return (await api.get(f"/api/clusters/{cluster}/")).json()["state"]["observed_at"] is not None


def cards(page: str) -> dict[str, tuple[str, str]]:
    """Return each card's tone and text by its key, in order."""
    found = re.findall(r'<article class="incident tone-(\w+)"[^>]*data-key="([^"]+)"[^>]*>(.*?)</article>', page, re.DOTALL)
    return {key: (tone, re.sub(r"<[^>]+>|\s+", " ", text)) for tone, key, text in found}


async def test_the_overview_says_what_needs_somebody_and_nothing_else(gateway, api: httpx.AsyncClient, page_url: str) -> None:
    at = now()
    well = await a_cluster(gateway, api, observed_at=at)
    old = await a_cluster(gateway, api, observed_at=at - timedelta(minutes=30))
    silent = await a_cluster(gateway, api, observed_at=at, reach="unreachable", detail="Connection refused.", components=())
    ill = (build.component_health(component="scheduler", health="unhealthy", detail="It has not beaten for 3 min."),)
    sick = await a_cluster(gateway, api, observed_at=at, components=ill)
    unseen = await a_cluster(gateway, api)
    stories: dict[str, list[Any]] = {}
    ids = {word: new_id() for word in ("failed", "healed", "history", "park", "retry")}
    for word, run_id in ids.items():
        name, workflow_id = await published(api)
        if word in ("park", "retry"):
            stories[run_id] = stopped(run_id, name, workflow_id, word)
            continue
        stories[run_id] = failed(run_id, name, workflow_id, key=f"k-{run_id}", minutes=60 * 48 if word == "history" else 5)
        if word == "healed":
            of = {"run_id": (later := new_id()), "workflow_id": workflow_id, "at": at}
            ended = build.run_finished(**of, seq=2, status="succeeded", workflow=name)
            stories[later] = [build.run_started(**of, seq=1, workflow=name), ended]
    for run_id, story in stories.items():
        await gateway.publish(RUNS_OUTCOMES, *[(run_id, event) for event in story])
    for run_id, story in stories.items():
        await shown(api, run_id, story[-1].seq)

    async with httpx.AsyncClient(
        base_url=page_url, headers={"Accept": "text/html", "Origin": page_url}, trust_env=False, timeout=30
    ) as ada:
        signed = await ada.post("/api/account/sign-in/", json={"name": "ada", "password": "correct horse battery staple"})
        ada.headers["X-CSRF-Token"] = signed.json()["csrf_token"]
        page = (await ada.get("/")).text
        found = cards(page)
        wanted = {
            f"cluster:{old}": ("unknown", "can't be seen", "not observed lately"),
            f"cluster:{silent}": ("unknown", "can't be seen", "Connection refused."),
            f"cluster:{sick}": ("bad", "is not healthy", "It has not beaten for 3 min."),
            f"cluster:{unseen}": ("unknown", "was not observed yet", ""),
            f"run:{ids['failed']}": ("bad", "failed", "B: There is no queue."),
            f"run:{ids['park']}": ("bad", "is parked", "B: There is no queue for park."),
            f"run:{ids['retry']}": ("retry", "waits to retry B", "There is no queue for retry."),
        }
        for key, (tone, what, why) in wanted.items():
            assert key in found, key
            assert found[key][0] == tone, found[key]
            assert what in found[key][1].replace("&#39;", "'"), found[key]
            assert why in found[key][1], found[key]
        for quiet in (f"cluster:{well}", f"run:{ids['healed']}", f"run:{ids['history']}"):
            assert quiet not in found
        order = [_ORDER.index(tone) for key, (tone, _) in found.items() if key in wanted]
        assert order == sorted(order), "the worst stands first"
        by_cluster = {cluster: tone for tone, cluster in re.findall(r'class="tile tone-(\w+)" href="/clusters/([^/]+)/"', page)}
        assert [by_cluster[cluster] for cluster in (well, old, silent, sick, unseen)] == ["ok", "unknown", "unknown", "bad", "unknown"]
        # What a card offers is really taken.
        fields = {"component": "B", "csrf_token": ada.headers["X-CSRF-Token"]}
        for word in ("failed", "park", "retry"):
            card = page.split(f'data-key="run:{ids[word]}"')[1].split("</article>")[0]
            action = re.search(r'<form method="post" action="([^"]+)"', card)
            assert action is not None, word
            hidden = dict(re.findall(r'<input type="hidden" name="(component|scope)" value="([^"]*)"', card))
            taken = await ada.post(action[1], data=fields | hidden, headers={"HX-Request": "true"})
            said = taken.headers.get("hx-trigger", "") + taken.headers.get("hx-redirect", "")
            assert '"tone": "bad"' not in said, (word, said)
            assert taken.status_code == 204, (word, taken.text)


_ORDER = ("bad", "unknown", "retry", "run")
