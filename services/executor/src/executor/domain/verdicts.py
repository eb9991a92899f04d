"""What the end of an attempt says about its endpoint. Only what the endpoint itself did counts: the rest opens and closes no breaker."""

from executor.domain.failing import DEADLINE_EXCEEDED, Failure
from executor.domain.gate import Verdict

_BROKEN = frozenset({DEADLINE_EXCEEDED, "TlsFailed"})
"""Final for the component, and yet the endpoint did not do what it is there for: it hung, or nobody whom we can trust is behind it."""
_OURS = frozenset({"ClusterUnknown", "EndpointUnknown", "InternalError"})
"""May pass, and the endpoint had no part in it."""
_THERE = frozenset({"Conflict", "HttpStatus", "QueueNotFound", "TableNotFound", "TopicNotFound"})
"""Only an endpoint that works says so, be it without a word."""


def judge(failure: Failure | None) -> Verdict:
    """Return what an attempt's end says; None = it did its work.

    | end | says |
    |---|---|
    | success | it is there |
    | a time-out, no connection, an answer that may be another one later (503) | it has failed |
    | cut at the component's deadline, no certificate to trust | it has failed |
    | a final answer, in its own words (404, no such right, a wrong statement) or by a word that only it can say | it is there |
    | a final failure without an answer (expressions, options, egress, sizes), or one of its source | nothing |
    """
    if failure is None:
        return Verdict.ANSWERED
    word = failure.code.partition(":")[0]
    if failure.of_source or word in _OURS:
        return Verdict.NOTHING
    if word in _BROKEN:
        return Verdict.FAILED
    if failure.retryable:
        return Verdict.ANSWERED if word in _THERE - {"HttpStatus"} else Verdict.FAILED
    return Verdict.ANSWERED if failure.answer or word in _THERE else Verdict.NOTHING
