"""The real executor with two kinds more, whose components do next to nothing: what is left is the engine."""

import gc

gc.disable()  # as executor.__main__ does

from typing import Any  # noqa: E402

from executor.application.ports import Endpoint, Outcome, Retryable, Work  # noqa: E402
from executor.main import build  # noqa: E402
from executor.settings import Settings  # noqa: E402
from shared.runtime.service import run  # noqa: E402

gc.enable()


class Trivial:
    """A component that succeeds at once."""

    kind = "trivial"

    async def check(self, endpoint: Endpoint) -> dict[str, Any]:
        return {"endpoint": endpoint.name}

    async def act(self, work: Work) -> Outcome:
        return Outcome({"answer": len(work.inputs)})


class SecondTime(Trivial):
    """A component whose first attempt fails, so that a second one is planned."""

    kind = "second-time"

    async def act(self, work: Work) -> Outcome:
        if work.attempt == 1:
            raise Retryable("NotYet", "The first attempt of this component always fails.")
        return Outcome({"attempt": work.attempt})


if __name__ == "__main__":
    run(build(Settings(), {"trivial": Trivial(), "second-time": SecondTime()}))
