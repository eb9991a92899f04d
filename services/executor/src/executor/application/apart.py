"""What goes wrong with one run is that run's alone; what goes wrong for all, a database that is away or a life that is over, is raised."""

from collections.abc import Iterator
from contextlib import contextmanager

from executor.application.ports import StaleEpoch
from shared.runtime.database import why_away
from shared.runtime.logging import get_logger

log = get_logger(__name__)

_MOST_TOLD = 10_000


def for_all(error: Exception) -> bool:
    """Whether an error is not that of the run in hand."""
    return isinstance(error, StaleEpoch) or why_away(error) is not None


class Apart:
    """Keeps the trouble of single runs apart. ``broken`` are those that had any; each is logged once."""

    def __init__(self) -> None:
        self.broken: set[str] = set()

    @contextmanager
    def one(self, run_id: str, what: str) -> Iterator[None]:
        """Let an error in here be that of one run: it is logged, and the next run has its turn."""
        try:
            yield
        except Exception as error:
            if for_all(error):
                raise
            if run_id not in self.broken:
                log.exception(what, run=run_id)
            if len(self.broken) >= _MOST_TOLD:
                self.broken.clear()
            self.broken.add(run_id)
