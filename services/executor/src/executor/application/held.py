"""Runs in memory that do nothing but wait at their endpoints' gates: they take no room from those that move."""

from collections import Counter

from executor.application.active import Active


class Held:
    """Which runs in memory only wait at gates, and how many of each workflow."""

    def __init__(self) -> None:
        self._runs: dict[str, str] = {}
        self.of: Counter[str] = Counter()  # by workflow id

    def __len__(self) -> int:
        return len(self._runs)

    def look(self, active: Active) -> None:
        """See how a run stands, whenever an attempt of it comes to a gate, leaves it, begins or ends."""
        state = active.run.state
        if active.attempts and active.attempts.keys() <= active.entering:
            if state.run_id not in self._runs:
                self._runs[state.run_id] = state.workflow_id
                self.of[state.workflow_id] += 1
        elif state.run_id in self._runs:
            self.forget(state.run_id)

    def forget(self, run_id: str) -> None:
        """A run is not in memory any more."""
        workflow_id = self._runs.pop(run_id, None)
        if workflow_id is not None:
            self.of[workflow_id] -= 1
            if not self.of[workflow_id]:
                del self.of[workflow_id]

    def clear(self) -> None:
        """Nothing is in memory any more."""
        self._runs.clear()
        self.of.clear()
