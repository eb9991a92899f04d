"""Where problems are gathered while a document is read."""

from gateway.domain.durations import WrongDuration, parse_duration
from gateway.domain.problems import Problem
from gateway.domain.workflow_yaml.document import Value

MOST = 100
"""More than these are of no use to anyone."""


class Sink:
    """Gathers problems; what comes after the first hundred is dropped."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems

    def add(self, where: Value | tuple[int, int], path: str, message: str, hint: str = "") -> None:
        """Note one problem at a value or at a (line, column)."""
        line, column = (where.line, where.column) if isinstance(where, Value) else where
        if len(self.problems) < MOST:
            self.problems.append(Problem(line, column, path, message, hint))

    def duration(self, node: Value, path: str) -> float | None:
        """Read a duration, or note what is wrong with it."""
        try:
            return parse_duration(node.plain())
        except WrongDuration as wrong:
            self.add(node, path, str(wrong), wrong.hint)
            return None
