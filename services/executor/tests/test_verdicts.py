"""What the end of an attempt says about its endpoint: only what the endpoint did itself opens or closes its breaker."""

from datetime import UTC, datetime, timedelta

import pytest

from executor.application.entering import verdict
from executor.application.ports import Outcome
from executor.domain.failing import Failure
from executor.domain.gate import Gate, Verdict
from executor.domain.turns import Lane
from executor.domain.verdicts import judge
from shared.contracts.endpoints import Breaker, EndpointLimits

FAILED, ANSWERED, NOTHING = Verdict.FAILED, Verdict.ANSWERED, Verdict.NOTHING
TABLE = {
    # It did not answer, or not as it is there for.
    ("Timeout", True, ""): FAILED,
    ("ConnectionRefused", True, "connection reset"): FAILED,
    ("HttpStatus:503", True, "busy"): FAILED,
    ("HttpStatus:429", True, ""): FAILED,
    ("MessageRefused", True, "queue full"): FAILED,
    ("AnswerUnexpected", True, "{}"): FAILED,
    ("NotLeaderForPartition", True, "moved"): FAILED,
    ("DeadlineExceeded", False, ""): FAILED,
    ("TlsFailed", False, ""): FAILED,
    ("TlsFailed", False, "self-signed certificate"): FAILED,
    # It is there and says no.
    ("HttpStatus:404", False, ""): ANSWERED,
    ("HttpStatus:400", False, "no such order"): ANSWERED,
    ("NotAllowed", False, "no right"): ANSWERED,
    ("AuthenticationFailed", False, "wrong password"): ANSWERED,
    ("StatementFailed", False, "42601: syntax error"): ANSWERED,
    ("ParameterInvalid", False, "22P02"): ANSWERED,
    ("InvalidTopic", False, "[Error 17]"): ANSWERED,
    ("QueueNotFound", True, "404"): ANSWERED,
    ("TopicNotFound", True, ""): ANSWERED,
    ("TableNotFound", True, ""): ANSWERED,
    ("Conflict", True, "40001"): ANSWERED,
    # It had no part in it.
    **{
        (code, False, ""): NOTHING
        for code in (
            "ExpressionFailed",
            "ExpressionInvalid",
            "PathInvalid",
            "EgressRefused",
            "OptionsInvalid",
            "OutputInvalid",
            "BodyTooLarge",
            "HeaderInvalid",
            "KindUnknown",
            "SecretUnreadable",
            "EndpointDiffers",
            "ParameterInvalid",
            "MessageInvalid",
            "NotPossible",
            "OfAPlugIn",
        )
    },
    ("EndpointUnknown", True, ""): NOTHING,
    ("InternalError", True, "KeyError"): NOTHING,
}


@pytest.mark.parametrize(("code", "retryable", "answer"), TABLE)
def test_what_an_end_says(code: str, retryable: bool, answer: str) -> None:
    failure = Failure(code, "It went wrong.", retryable, answer)
    assert judge(failure) is verdict(None, failure) is TABLE[code, retryable, answer]
    assert judge(Failure(code, "It went wrong.", retryable, answer, of_source=True)) is NOTHING


def test_work_that_was_done_says_that_it_is_there_and_an_attempt_that_was_stopped_says_nothing() -> None:
    assert verdict(Outcome({}), None) is ANSWERED
    assert verdict(None, None) is NOTHING


def test_a_hanging_call_opens_the_breaker_and_a_broken_expression_neither_resets_nor_closes_it() -> None:
    limits, gate, now = EndpointLimits(breaker=Breaker(failures=2, open_for=30)), Gate(), datetime(2026, 1, 2, tzinfo=UTC)
    hangs = judge(Failure("DeadlineExceeded", "Too late.", retryable=False))
    broken = judge(Failure("ExpressionFailed", "No such key.", retryable=False))
    assert [gate.ended(limits, now, end, trial=False) for end in (hangs, broken, hangs)] == [None, None, "opened"]
    now += timedelta(seconds=31)
    lane = Lane("w", 5, [(f"r{n}", "C") for n in range(3)], [0, 1, 2])
    assert [grant.trial for grant in gate.admit(limits, now, [lane], taken=0, trying=False)] == [True]
    assert gate.ended(limits, now, broken, trial=True) is None
    assert [grant.trial for grant in gate.admit(limits, now, [lane], taken=0, trying=False)] == [True], "its slot is for the next one"
    assert gate.ended(limits, now, judge(None), trial=True) == "closed"
