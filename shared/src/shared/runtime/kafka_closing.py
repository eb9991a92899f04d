"""Closing a Kafka consumer whatever state its cluster is in."""

import asyncio

from aiokafka import AIOKafkaConsumer


async def close(consumer: AIOKafkaConsumer) -> None:
    """Stop a consumer and close its connections; raise KafkaError when it could not leave its group.

    While a broker is away the consumer's own fetches, which it cancels when it stops, come out of ``stop`` as CancelledError
    (aiokafka 0.14). Nobody asked us to stop: whoever awaited it would end without a word, in the middle of what it was doing.
    """
    stopping = asyncio.ensure_future(consumer.stop())
    await asyncio.wait({stopping})
    if stopping.cancelled():
        await consumer._client.close()  # noqa: SLF001 - what stop() did not come to; it can't be called twice
    else:
        stopping.result()
