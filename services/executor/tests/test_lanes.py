"""A run's events stand where any Kafka client would put them by the run's id."""

from aiokafka.partitioner import DefaultPartitioner, murmur2
from hypothesis import given
from hypothesis import strategies as st

from executor.adapters import lanes
from shared.contracts.topics import RUNS_OUTCOMES


@given(st.binary(max_size=70))
def test_the_hash_is_kafkas(key: bytes) -> None:
    assert lanes.murmur2(key) == murmur2(key) & 0xFFFFFFFF


@given(st.text(min_size=1, max_size=64))
def test_the_lane_is_that_of_a_clients_partitioner(run_id: str) -> None:
    partitions = list(range(RUNS_OUTCOMES.partitions))
    assert lanes.lane_of(run_id) == DefaultPartitioner()(run_id.encode(), partitions, partitions)
