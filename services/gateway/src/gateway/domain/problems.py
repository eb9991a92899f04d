"""What is wrong with something that a person or a program sent: each problem names its field and the way out."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a document. ``line`` and ``column`` start at 1; 0 = the document as a whole."""

    line: int
    column: int
    path: str
    message: str
    hint: str = ""


@dataclass(frozen=True)
class FieldProblem:
    """One thing that is wrong with a field; an empty ``field`` is about the whole."""

    field: str
    message: str
    hint: str = ""


class Refusal(Exception):
    """Base of everything that the gateway refuses, with a sentence for people."""


class Invalid(Refusal):
    """The input cannot be taken; nothing was changed."""

    def __init__(self, *problems: FieldProblem) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{problem.field}: {problem.message}" if problem.field else problem.message for problem in problems))


class InvalidDocument(Refusal):
    """The YAML cannot be taken; nothing was changed."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        super().__init__(problems[0].message if problems else "The document is not valid.")


class Missing(Refusal, LookupError):
    """There is nothing under this id (any more)."""

    def __init__(self, kind: str, wanted: str) -> None:
        self.kind, self.wanted = kind, wanted
        super().__init__(f"There is no {kind} {wanted!r}. It may have been deleted.")


class Stale(Refusal):
    """Somebody else changed it since it was read."""

    def __init__(self, kind: str, *, expected: str, current: int) -> None:
        self.current = current
        super().__init__(
            f"The {kind} was changed meanwhile: you started from revision {expected}, it is now at {current}."
            " Read it again and repeat your change."
        )


class Conflict(Refusal):
    """It cannot be done in the state that things are in."""

    def __init__(self, message: str, *, field: str = "") -> None:
        self.field = field
        super().__init__(message)
