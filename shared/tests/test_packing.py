"""Producers pack quickly, and what they pack is lz4 as any reader knows it."""

import json

import cramjam
from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder

from shared.runtime.packing import QUICK, pack_quickly


def packed(values: list[bytes]) -> bytes:
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=DefaultRecordBatch.CODEC_LZ4,
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=1_000_000,
    )
    for number, value in enumerate(values):
        builder.append(number, timestamp=1, key=b"k", value=value, headers=[])
    return bytes(builder.build())


def test_a_batch_is_packed_at_the_quick_level_and_reads_the_same() -> None:
    values = [json.dumps({"event": "attempt.started", "seq": number, "component": "A" * (number % 9)}).encode() for number in range(2000)]
    pack_quickly()
    batch = packed(values)
    body = batch[61:]  # behind the head of a record batch of the second format
    plain = bytes(cramjam.lz4.decompress(body))
    quick = cramjam.lz4.Compressor(level=QUICK, content_checksum=False, block_linked=False)
    quick.compress(plain)
    assert body == bytes(quick.finish())
    assert [record.value for record in DefaultRecordBatch(batch)] == values
