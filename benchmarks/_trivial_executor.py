"""The real executor with one kind more, whose components do nothing: what is left is the engine."""

from typing import Any

from executor.application.ports import Endpoint, Outcome, Work
from executor.main import build
from executor.settings import Settings
from shared.runtime.service import run


class Trivial:
    """A component that succeeds at once."""

    kind = "trivial"

    async def check(self, endpoint: Endpoint) -> dict[str, Any]:
        return {"endpoint": endpoint.name}

    async def act(self, work: Work) -> Outcome:
        return Outcome({"answer": len(work.inputs)})


if __name__ == "__main__":
    run(build(Settings(), {"trivial": Trivial()}))
