"""Endpoints: list, detail, forms."""

from gateway.application.views.clusters import ConnectionTest
from gateway.application.views.endpoints import (
    ConfigField,
    EndpointFormPage,
    EndpointPage,
    EndpointRow,
    EndpointsPage,
    UsedBy,
)
from gateway.application.views.parts import Action, Choice, DeletePage, Fact, FieldProblem
from sample_pages.frame import NEVER, seen, state


def endpoints() -> EndpointsPage:
    rows = (
        ("prod-kafka", "kafka", "kafka-1.example.com:9093", "healthy", "Answers", 4),
        ("orders-mq", "mq", "amqps://orders-mq.example.com/orders", "degraded", "Queue missing", 2),
        ("order-service", "service", "https://orders.example.com", "healthy", "Answers", 2),
        ("billing", "service", "https://billing.example.com", "unknown", "", 1),
    )
    return EndpointsPage(
        rows=tuple(
            EndpointRow(
                id=name,
                name=name,
                url=f"/endpoints/{name}/",
                kind=kind,
                address=address,
                state=state(word),
                seen=NEVER if word == "unknown" else seen(50),
                used_by=used,
            )
            for name, kind, address, word, _, used in rows
        )
    )


def endpoint() -> EndpointPage:
    return EndpointPage(
        id="orders-mq",
        name="orders-mq",
        kind="mq",
        address="amqps://orders-mq.example.com/orders",
        state=state("degraded"),
        sentence="It answers, but the queue “orders” does not exist.",
        seen=seen(50),
        facts=(
            Fact(label="Address", value="amqps://orders-mq.example.com/orders", mono=True),
            Fact(label="User", value="flowtower"),
            Fact(label="Breaker", value="closed"),
        ),
        holds=("3 attempts wait for its breaker; the first since 2026-11-22 12:03:10 UTC.",),
        used_by=(UsedBy(name="order-processing", url="/workflows/order-processing/", components=("OrderQueue",)),),
        actions=(
            Action(label="Test it", url="/endpoints/orders-mq/test/", icon="test"),
            Action(label="Edit", url="/endpoints/orders-mq/edit/", method="get", icon="edit"),
            Action(label="Delete", url="/endpoints/orders-mq/delete/", method="get", look="danger", icon="delete"),
        ),
        test=ConnectionTest(
            tone="retry",
            title="It answers, with a reservation.",
            text="RabbitMQ 3.13 on vhost “orders”.",
            hint="The queue “orders” does not exist. Create it, or let the workflow declare it.",
        ),
    )


_KINDS = tuple(Choice(value=value, label=label) for value, label in (("kafka", "Kafka"), ("mq", "RabbitMQ"), ("service", "HTTP service")))


def endpoint_form() -> EndpointFormPage:
    return EndpointFormPage(
        kind="mq",
        kinds=_KINDS,
        fields=(
            ConfigField(
                name="host",
                label="Host",
                required=True,
                help="Name or address of the broker.",
                placeholder="mq.example.com",
            ),
            ConfigField(
                name="port",
                label="Port",
                input="number",
                value="5672",
                required=True,
                help="5671 with TLS, 5672 without.",
            ),
            ConfigField(
                name="tls",
                label="TLS",
                input="checkbox",
                value="true",
                help="Encrypt the connection and verify the certificate.",
            ),
            ConfigField(name="username", label="User"),
            ConfigField(name="password", label="Password", secret=True, kept=True),
            ConfigField(
                name="mode",
                label="Confirms",
                input="select",
                value="each",
                options=(Choice(value="each", label="Each message"), Choice(value="batch", label="Per batch")),
            ),
            ConfigField(name="ca_pem", label="Certificate of your own authority", input="textarea"),
        ),
        limits=(
            ConfigField(name="limits.concurrency", label="Attempts at once", input="number", value="4", help="More wait for their turn."),
            ConfigField(name="limits.breaker.failures", label="Breaker: failures in a row", input="number"),
        ),
        problems=(
            FieldProblem(
                field="host",
                message="“localhost” is not allowed by the egress policy.",
                hint="Add it to FLOWTOWER_EGRESS_ALLOW, or name another host.",
            ),
        ),
    )


def kind_choice() -> EndpointFormPage:
    return EndpointFormPage(kinds=_KINDS)


def endpoint_edit() -> EndpointFormPage:
    return endpoint_form().model_copy(update={"id": "orders-mq", "name": "orders-mq", "problems": (), "test": endpoint().test})


def endpoint_delete() -> DeletePage:
    return DeletePage(
        kind="endpoint",
        name="orders-mq",
        delete_url="/endpoints/orders-mq/delete/",
        back_url="/endpoints/orders-mq/",
        refused="order-processing still uses it in OrderQueue. Change the workflow first.",
    )
