"""The test of an endpoint, over the signed internal interface: each trouble by its own name, with the way out."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.runtime.internal import InternalSigner
from shared.testing.kafka import KafkaPart
from shared.testing.ports import free_port
from shared.testing.rabbitmq import RabbitPart

pytestmark = pytest.mark.connected


@pytest.fixture
def ask(executor: Any, executor_keys: Path, tower: Any) -> Any:
    token = InternalSigner(executor_keys).token("executor")

    async def ask(kind: str, options: dict[str, Any], secret: dict[str, Any] | None = None, *, owner: str = "e1") -> dict[str, Any]:
        sealed = None if secret is None else tower.sealing.seal(json.dumps(secret).encode(), owner=owner)
        asked = {"endpoint_id": "e1", "kind": kind, "options": options, "sealed_secret": sealed}
        async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
            answer = await client.post(
                f"http://127.0.0.1:{executor.port}/internal/endpoints/test", json=asked, headers={"Authorization": f"Bearer {token}"}
            )
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    return ask


async def test_what_answers_says_what_it_is(ask: Any, kafka: KafkaPart, rabbitmq: RabbitPart, service: Any) -> None:
    found = await ask("kafka", {"bootstrap_servers": kafka.bootstrap})
    assert found["ok"]
    assert found["facts"]["brokers"] == [kafka.bootstrap]
    found = await ask("mq", {"host": "127.0.0.1", "port": rabbitmq.port, "username": "guest"}, {"password": "guest"})
    assert found["ok"]
    assert found["facts"]["product"] == "RabbitMQ"
    assert (await ask("service", {"base_url": service.url}))["ok"]
    assert (await ask("api", {"base_url": service.url}))["ok"]


async def test_each_trouble_has_its_name(ask: Any, rabbitmq: RabbitPart) -> None:
    nobody = free_port()
    mq = {"host": "127.0.0.1", "port": rabbitmq.port, "username": "guest"}
    cases = [
        (("kafka", {"bootstrap_servers": f"127.0.0.1:{nobody}"}), "ConnectionRefused"),
        (("kafka", {"bootstrap_servers": "nowhere"}), "AddressInvalid"),
        (("kafka", {"bootstrap_servers": "169.254.169.254:9092"}), "EgressRefused"),
        (("mq", mq, {"password": "wrong"}), "AuthenticationFailed"),
        (("mq", {"host": "127.0.0.1", "port": nobody}), "ConnectionRefused"),
        (("mq", {"host": "169.254.169.254"}), "EgressRefused"),
        (("service", {"base_url": f"http://127.0.0.1:{nobody}"}), "ConnectionRefused"),
        (("service", {"base_url": "http://169.254.169.254/latest"}), "EgressRefused"),
        (("service", {"base_url": "ftp://somewhere"}), "EndpointInvalid"),
        (("api", {"base_url": f"http://127.0.0.1:{nobody}"}), "ConnectionRefused"),
        (("database", {"host": "127.0.0.1", "port": nobody, "database": "d"}), "ConnectionRefused"),
        (("airflow", {}), "NoEndpoint"),
        (("carrier-pigeon", {}), "KindUnknown"),
    ]
    for given, problem in cases:
        found = await ask(*given)
        assert not found["ok"]
        assert found["problem"] == problem, (given, found)
        assert len(found["message"]) > 20
        assert "wrong" not in found["message"]


async def test_a_secret_that_was_sealed_for_another_endpoint_is_refused(ask: Any, rabbitmq: RabbitPart) -> None:
    mq = {"host": "127.0.0.1", "port": rabbitmq.port, "username": "guest"}
    found = await ask("mq", mq, {"password": "guest"}, owner="e2")
    assert found["problem"] == "SecretUnreadable"
    assert "Enter it again" in found["message"]


async def test_only_our_services_may_ask(executor: Any) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(f"http://127.0.0.1:{executor.port}/internal/endpoints/test", json={"endpoint_id": "e", "kind": "kafka"})
    assert answer.status_code == 401
