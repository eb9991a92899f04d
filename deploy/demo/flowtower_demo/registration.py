"""`python -m flowtower_demo.registration [SETUP-LINK]`: tells Flowtower of the demo's clusters, endpoints, workflow and rules.

It can be run again: what is there is brought up to date. It ends with 3 when somebody signed up already and the demo has
no token of theirs.
"""

import sys
from typing import Any

from flowtower_demo.scene import QUEUE, TOPIC, WORKFLOW, Scene
from flowtower_demo.tower import Account, Refused, Tower
from simulated_airflow.application import USERS

NO_ACCOUNT = 3

_WITH_QUEUE = f"""\
workflow: {WORKFLOW}
description: Moves every order from Kafka into the queue and has it fulfilled
components:
  Orders: {{kind: kafka, endpoint: demo-kafka, topic: {TOPIC}}}
  Queue:
    kind: mq
    endpoint: demo-queue
    queue: {QUEUE}
    declare: true
    retry: {{strategy: exponential, first: 1s, factor: 2, most: 10s, attempts: 5}}
  Fulfilment:
    kind: service
    endpoint: demo-service
    path: /orders
    retry: {{strategy: fixed, every: 5s, attempts: 5}}
connections:
  - {{from: Orders, to: Queue, kind: kafka-to-mq}}
  - {{from: Queue, to: Fulfilment, kind: processing}}
"""
_WITHOUT_QUEUE = f"""\
workflow: {WORKFLOW}
description: Has every order of the topic fulfilled by the service
components:
  Orders: {{kind: kafka, endpoint: demo-kafka, topic: {TOPIC}}}
  Fulfilment:
    kind: service
    endpoint: demo-service
    path: /orders
    retry: {{strategy: fixed, every: 5s, attempts: 5}}
connections:
  - {{from: Orders, to: Fulfilment, kind: processing}}
"""

RULES: tuple[dict[str, Any], ...] = (
    {
        "name": "scheduler-silent",
        "subject": "cluster",
        "expression": "answered && scheduler.heartbeat_age > 30.0",
        "hold": "30s",
        "severity": "critical",
        "summary": "{name}: no heartbeat of the scheduler for 30 s",
    },
    {
        "name": "cluster-away",
        "subject": "cluster",
        "expression": "!answered",
        "hold": "30s",
        "severity": "critical",
        "summary": "{name} does not answer",
    },
    {
        "name": "dag-run-failed",
        "subject": "dag_run",
        "expression": "state == 'failed'",
        "severity": "warning",
        "summary": "{dag_id} failed on {cluster}",
    },
    {
        "name": "workflow-failed",
        "subject": "workflow_run",
        "expression": "status == 'failed'",
        "severity": "critical",
        "summary": "{workflow} failed at {component}: {failure_message}",
    },
)


def clusters(scene: Scene) -> list[dict[str, Any]]:
    """The two simulated clusters; one is polled as Airflow 2.x, the other as 3.x."""
    user = next(iter(USERS))
    sign_in = {"sign_in": "password", "username": user, "secret": USERS[user], "poll_seconds": 5}
    return [
        {"name": "demo-eu", "base_url": scene.airflow_2, "environment": "demo", "tags": ["eu", "airflow-2"], **sign_in},
        {"name": "demo-us", "base_url": scene.airflow_3, "environment": "demo", "tags": ["us", "airflow-3"], **sign_in},
    ]


def endpoints(scene: Scene) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": "demo-kafka", "kind": "kafka", "options": {"bootstrap_servers": scene.kafka}},
        {"name": "demo-service", "kind": "service", "options": {"base_url": scene.service}},
    ]
    if scene.queue is not None:
        options = {"host": "127.0.0.1", "port": scene.queue.port, "username": scene.queue.username}
        found.append({"name": "demo-queue", "kind": "mq", "options": options, "secrets": {"password": scene.queue.password}})
    return found


def register(scene: Scene, account: Account) -> None:
    """Everything, in the order in which one needs the other."""
    with Tower.signed_in(scene, account) as tower:
        for cluster in clusters(scene):
            tower.define("/api/clusters/", cluster)
        for endpoint in endpoints(scene):
            tower.define("/api/endpoints/", endpoint)
        _publish(tower, _WITH_QUEUE if scene.queue else _WITHOUT_QUEUE)
        for rule in RULES:
            tower.define("/api/alerts/rules/", rule)


def _publish(tower: Tower, yaml: str) -> None:
    """A new version only when the text is another one."""
    known = tower.named("/api/workflows/", WORKFLOW)
    if known is None:
        tower.post("/api/workflows/", {"yaml": yaml, "note": "by make demo"})
    elif tower.get(f"/api/workflows/{known['id']}/").get("yaml") != yaml:
        tower.put(f"/api/workflows/{known['id']}/", {"yaml": yaml, "note": "by make demo"})


def main(words: list[str]) -> int:
    scene = Scene.read()
    try:
        account = Account.sign_up(scene, words[0]) if words else Account.kept(scene)
        if account is None:
            return NO_ACCOUNT
        register(scene, account)
    except Refused as refused:
        print(refused, file=sys.stderr)
        return 1
    if account.password:
        print(f"Sign in as '{account.name}' with the password {account.password}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
