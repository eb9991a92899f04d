"""One idempotent producer per process. It waits for every replica, packs with lz4, and is replaced when it breaks for good.

aiokafka's producer ends for ever on an out-of-order sequence or when it is fenced, and every later send then fails at
once. Such a producer is closed and the next send opens a new one; what it did not acknowledge is sent again by the outbox.
"""

import asyncio
import contextlib
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.errors import IllegalOperation, KafkaError, MessageSizeTooLargeError, OutOfOrderSequenceNumber, ProducerClosed, ProducerFenced

from shared.runtime import metrics
from shared.runtime.logging import get_logger
from shared.runtime.packing import pack_quickly
from shared.runtime.parts import Away, NotReady
from shared.runtime.records import OutgoingRecord
from shared.runtime.settings import ServiceSettings

__all__ = ["OutgoingRecord", "Producer"]

log = get_logger(__name__)

_FATAL = (ProducerFenced, OutOfOrderSequenceNumber, ProducerClosed, IllegalOperation)
_REQUEST_SECONDS = 10
_SEND_SECONDS = 15
_MAX_REQUEST = 4 * 1024 * 1024
_Waiting = dict[int, "asyncio.Future[object]"]


class Producer:
    """A part that sends records and says for each whether the brokers have it."""

    def __init__(self, settings: ServiceSettings, service: str) -> None:
        self.service = service
        self.instance = settings.instance
        self._bootstrap = settings.kafka
        self._producer: AIOKafkaProducer | None = None
        self._stopped = True
        self._rebuilding = asyncio.Lock()

    async def _open(self) -> AIOKafkaProducer:
        pack_quickly()
        producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap,
            client_id=f"{self.service}-{self.instance}",
            enable_idempotence=True,
            acks="all",
            compression_type="lz4",
            linger_ms=0,
            max_batch_size=256 * 1024,
            max_request_size=_MAX_REQUEST,
            request_timeout_ms=_REQUEST_SECONDS * 1000,
            metadata_max_age_ms=60_000,
        )
        try:
            async with asyncio.timeout(_REQUEST_SECONDS):
                await producer.start()
        except (KafkaError, OSError, TimeoutError) as error:
            await _close(producer)
            raise Away(f"Kafka does not answer at {self._bootstrap}: {error or type(error).__name__}") from error
        except BaseException:
            await _close(producer)
            raise
        return producer

    async def start(self) -> None:
        """Connect; raises Away while no broker answers."""
        self._stopped = False
        await self._live()

    async def _live(self) -> AIOKafkaProducer:
        async with self._rebuilding:
            if self._producer is None:
                if self._stopped:
                    raise Away("the producer is stopped")
                self._producer = await self._open()
            return self._producer

    async def stop(self) -> None:
        """Wait shortly for what is being sent, then close."""
        self._stopped = True
        producer, self._producer = self._producer, None
        if producer is not None:
            await _close(producer)

    async def send(self, records: Sequence[OutgoingRecord]) -> list[BaseException | None]:
        """Send in order; per record None when every replica has it, else the error.

        An error means *unknown*, not "failed": the record may be in the log. Send it again with the same id. Only
        MessageSizeTooLargeError is a plain no.
        """
        try:
            producer = await self._live()
        except Away as away:
            return [away] * len(records)
        waiting, refused = await self._hand(producer, records)
        if waiting:
            await asyncio.wait(waiting.values(), timeout=_SEND_SECONDS)
        answers = [refused[number] if number in refused else _answer(waiting[number]) for number in range(len(records))]
        self._count(records, answers)
        if any(isinstance(answer, _FATAL) for answer in answers):
            await self._replace(producer)
        return answers

    @staticmethod
    async def _hand(producer: AIOKafkaProducer, records: Sequence[OutgoingRecord]) -> tuple[_Waiting, dict[int, BaseException]]:
        """Hand records to the client in order; return the futures of those that it took and the errors of the others.

        After one that it did not take nothing more is handed over, or a later record of its key could overtake it. A record that is
        too large is the exception: it will never be taken.
        """
        waiting: _Waiting = {}
        refused: dict[int, BaseException] = {}
        stop: BaseException | None = None
        until = asyncio.get_running_loop().time() + _SEND_SECONDS
        for number, record in enumerate(records):
            if stop is not None:
                refused[number] = stop
                continue
            try:
                async with asyncio.timeout_at(until):
                    waiting[number] = await producer.send(record.topic, record.value, key=record.key, headers=list(record.headers))
            except MessageSizeTooLargeError as error:
                refused[number] = error
            except (KafkaError, OSError) as error:
                refused[number] = stop = error
            except TimeoutError:
                refused[number] = stop = TimeoutError(f"the client took nothing more within {_SEND_SECONDS} s")
        return waiting, refused

    @staticmethod
    def _count(records: Sequence[OutgoingRecord], answers: Sequence[BaseException | None]) -> None:
        for record, answer in zip(records, answers, strict=True):
            if answer is not None:
                metrics.SEND_UNKNOWN.labels(record.topic).inc()

    async def _replace(self, broken: AIOKafkaProducer) -> None:
        async with self._rebuilding:
            if self._producer is not broken:
                return
            metrics.PRODUCER_REBUILDS.inc()
            log.warning("the producer broke for good and is replaced")
            self._producer = None
            await _close(broken)

    async def check(self) -> None:
        """Readiness: a broker answers a metadata request now."""
        producer = self._producer
        if producer is None:
            raise NotReady(f"not connected to Kafka at {self._bootstrap}")
        if not await producer.client.force_metadata_update():
            raise NotReady(f"no Kafka broker answers at {self._bootstrap}")


def _answer(future: asyncio.Future[object]) -> BaseException | None:
    if future.done():
        return asyncio.CancelledError() if future.cancelled() else future.exception()
    future.add_done_callback(_forget)
    return TimeoutError(f"no acknowledgement within {_SEND_SECONDS} s")


def _forget(future: asyncio.Future[object]) -> None:
    """Take the exception of an answer that came too late to matter, so that it is not reported as never retrieved."""
    if not future.cancelled():
        future.exception()


async def _close(producer: AIOKafkaProducer) -> None:
    with contextlib.suppress(Exception):
        async with asyncio.timeout(_REQUEST_SECONDS):
            await producer.stop()
