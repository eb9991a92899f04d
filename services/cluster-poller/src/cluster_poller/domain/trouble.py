"""What can be wrong with a cluster, as one error that tells people the way out."""

from typing import Literal

from shared.contracts.clusters import Reach

Problem = Literal[
    "none",
    "wrong_url",
    "wrong_password",
    "no_permission",
    "wrong_version",
    "tls",
    "timeout",
    "unreachable",
    "egress",
    "bad_answer",
]

REACH_OF: dict[Problem, Reach] = {
    "none": Reach.ANSWERED,
    "wrong_url": Reach.BAD_ANSWER,
    "wrong_password": Reach.UNAUTHORISED,
    "no_permission": Reach.UNAUTHORISED,
    "wrong_version": Reach.BAD_ANSWER,
    "tls": Reach.TLS_FAILED,
    "timeout": Reach.UNREACHABLE,
    "unreachable": Reach.UNREACHABLE,
    "egress": Reach.EGRESS_REFUSED,
    "bad_answer": Reach.BAD_ANSWER,
}

LONGEST_MESSAGE = 4000


class ClusterTrouble(Exception):
    """A call to a cluster did not give what it should. ``message`` says what happened and what to do about it.

    ``passing`` tells whether the same call may succeed later without anybody changing anything.
    """

    def __init__(self, problem: Problem, message: str, *, reach: Reach | None = None, passing: bool = False) -> None:
        super().__init__(message)
        self.problem: Problem = problem
        self.reach = reach if reach is not None else REACH_OF[problem]
        self.message = message[:LONGEST_MESSAGE]
        self.passing = passing


class NotThere(ClusterTrouble):
    """The cluster answers, but what was asked for is not there (HTTP 404 from the API itself)."""

    def __init__(self, message: str) -> None:
        super().__init__("bad_answer", message, reach=Reach.ANSWERED)


class AlreadyThere(ClusterTrouble):
    """The cluster answers that it has this already (HTTP 409)."""

    def __init__(self, message: str) -> None:
        super().__init__("bad_answer", message, reach=Reach.ANSWERED)


class Declined(ClusterTrouble):
    """The cluster understood the request and does not accept it (HTTP 400 or 422)."""

    def __init__(self, message: str) -> None:
        super().__init__("bad_answer", message, reach=Reach.ANSWERED)
