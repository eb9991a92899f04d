"""The bare loop beside which the executor's latency stands: Kafka → so many commits → Kafka, one message at a time.

``python -m benchmarks._bare_loop BOOTSTRAP DSN COMMITS``: reads ``bare.in``, writes ``bare.out``.
"""

import sys

import asyncpg
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer


async def main(bootstrap: str, dsn: str, commits: int) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute("CREATE TABLE IF NOT EXISTS bare (id bigserial PRIMARY KEY, body bytea)")
    consumer = AIOKafkaConsumer("bare.in", bootstrap_servers=bootstrap, auto_offset_reset="latest", group_id=None)
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, linger_ms=0)
    await consumer.start()
    await producer.start()
    print("ready", flush=True)
    async for record in consumer:
        for _ in range(commits):
            await connection.execute("INSERT INTO bare (body) VALUES ($1)", record.value)
        await producer.send("bare.out", record.value, key=record.key)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
