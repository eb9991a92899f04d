import asyncio

import pytest
from aiormq.exceptions import ChannelNotFoundEntity

from shared.testing.rabbitmq import RabbitPart

pytestmark = pytest.mark.connected


async def test_confirmed_messages_are_there_after_kill_9(rabbitmq: RabbitPart) -> None:
    bodies = [str(number).encode() for number in range(200)]
    async with rabbitmq.admin() as queues:
        await queues.declare("kept")
        await queues.publish("kept", bodies, headers={"origin": "test"})
        assert await queues.count("kept") == 200
    await asyncio.to_thread(rabbitmq.kill)
    await asyncio.to_thread(rabbitmq.start)
    async with rabbitmq.admin() as queues:
        taken = await queues.take_all("kept")
        assert [message.body for message in taken] == bodies
        assert {message.headers["origin"] for message in taken} == {"test"}
        assert await queues.count("kept") == 0


async def test_a_missing_queue_is_an_error_and_is_not_made_by_looking(rabbitmq: RabbitPart) -> None:
    async with rabbitmq.admin() as queues:
        with pytest.raises(ChannelNotFoundEntity):
            await queues.count("nowhere")
        await queues.declare("brief")
        await queues.publish("brief", [b"x"])
        await queues.purge("brief")
        assert await queues.count("brief") == 0
        await queues.delete("brief")
        with pytest.raises(ChannelNotFoundEntity):
            await queues.count("brief")
