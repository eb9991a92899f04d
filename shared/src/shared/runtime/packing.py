"""lz4 at its quick level.

aiokafka packs at level 9 and offers no way to say otherwise: six times the work of level 1 for a fifth less of bytes, and it is done
in the event loop. A tenth of the executor's time at full load went there.
"""

from aiokafka import codec

QUICK = 1


def pack_quickly() -> None:
    """Have every producer of this process pack at the quick level; any reader of lz4 reads it."""
    codec.lz4_encode.__defaults__ = (QUICK,)
