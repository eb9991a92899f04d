"""What the run of the samples waits for, and all that was tried."""

from datetime import timedelta

from gateway.application.views.parts import Action
from gateway.application.views.runs import TriedRow, WaitRow
from sample_pages.frame import NOW, ago, state

WAITS = (
    WaitRow(
        key="OrderQueue",
        what="OrderQueue waits for its next attempt",
        why="Queue “orders” does not exist on orders-mq. Exponential: attempt 4 of 5, 16 s.",
        tone="retry",
        icon="timer",
        until=NOW + timedelta(seconds=12),
        actions=(Action(label="Retry OrderQueue now", url="/runs/r7/retry-now/", icon="retry", fields={"component": "OrderQueue"}),),
    ),
    WaitRow(
        key="RefundQueue",
        what="RefundQueue is held: the endpoint's breaker is open",
        why="orders-mq failed 5 times in a row; one attempt tries it when 30 s are over.",
        tone="waiting",
        icon="timer",
        until=NOW + timedelta(seconds=21),
    ),
)

TRIED = (
    TriedRow(
        key="OrderQueue:2:4",
        component="OrderQueue",
        url="?component=OrderQueue",
        number=4,
        generation=2,
        state=state("failed"),
        at=ago(8),
        took_seconds=0.04,
        code="QueueNotFound",
        message="Queue “orders” does not exist on orders-mq. Create it, or let the workflow declare it.",
        answer="404 NOT_FOUND - no queue 'orders' in vhost '/'",
        decision="tried again",
        why="Exponential: attempt 4 of 5, 16 s",
        holds=("3 of 3 attempts at orders-mq are under way (1.2 s)",),
        host="executor-1",
    ),
    TriedRow(
        key="OrderTopic:1:1",
        component="OrderTopic",
        url="?component=OrderTopic",
        number=1,
        generation=1,
        state=state("succeeded"),
        at=ago(90),
        took_seconds=32.1,
        code="",
        message="120,000 confirmed",
        answer="",
        decision="",
        why="",
        holds=(),
        host="executor-2",
    ),
)
