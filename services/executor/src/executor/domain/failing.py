"""What follows from a failed attempt: another one, a person's decision, or the end of the component."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any, Literal

from executor.domain import retry
from executor.domain.journal import EXECUTOR_LOST, EXECUTOR_STOPPED, WITHDRAWN, Progress
from executor.domain.rules import NextWait
from shared.contracts.workflows import Component, ErrorClasses

Kind = Literal["retry", "park", "fail"]

MOST_LOSSES = 5
"""How often an attempt may end with its executor before the component counts as the cause."""

CONDITION_FAILED = "ConditionFailed"
DEADLINE_EXCEEDED = "DeadlineExceeded"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt did not succeed, see ``shared.contracts.runs.Failure``."""

    code: str
    message: str
    retryable: bool
    answer: str = ""
    after: float | None = None  # seconds that the other side asked us to wait
    of_source: bool = False  # it says nothing about the component's own endpoint

    def wire(self) -> dict[str, Any]:
        return {"code": self.code[:100], "message": self.message[:4000], "retryable": self.retryable, "answer": self.answer[:4000]}


@dataclass(frozen=True, slots=True)
class Decision:
    """What happens next; ``wait`` is in seconds and there with ``retry`` only. ``why`` is a sentence for people."""

    kind: Kind
    why: str
    wait: float | None = None


def decide(component: Component, part: Progress, failure: Failure, at: datetime, jitter: retry.Jitter, plugin: NextWait | None) -> Decision:
    """Return what follows from a failed attempt; ``part`` does not know of it yet."""
    if failure.code in {EXECUTOR_LOST, EXECUTOR_STOPPED, WITHDRAWN}:
        decision = _lost(part, failure)
    else:
        decision = _by_class(component, part, failure, jitter, plugin)
    ends = deadline_of(component, part)
    if decision.wait is not None and ends is not None and at + timedelta(seconds=decision.wait) >= ends:
        told = (
            f"The next attempt would be {decision.wait:g} s from now; the deadline of {component.deadline:g} s for all of them ends before."
        )
        return Decision("fail", told)
    return decision


def deadline_of(component: Component, part: Progress) -> datetime | None:
    """Return when all attempts of the component's generation must be over; None = no limit, or none has begun."""
    if component.deadline is None or part.began is None:
        return None
    return datetime.fromisoformat(part.began) + timedelta(seconds=component.deadline)


def classed(classes: ErrorClasses, code: str) -> tuple[Kind, str] | None:
    """Return the class of a failure's code and the text that names it; None = as its connector says.

    The text with the most letters that fit counts; if two classes have the same one, the more careful does: fail, park, retry.
    """
    kinds: tuple[tuple[Kind, tuple[str, ...]], ...] = (("fail", classes.fail), ("park", classes.park), ("retry", classes.retry))
    best: tuple[Kind, str] | None = None
    letters = -1
    for kind, texts in kinds:
        for text in _fitting(texts, code):
            if len(text.replace("*", "")) > letters:
                best, letters = (kind, text), len(text.replace("*", ""))
    return best


def _fitting(texts: tuple[str, ...], code: str) -> Iterator[str]:
    word, _, finer = code.partition(":")
    for text in texts:
        wanted, colon, pattern = text.partition(":")
        if wanted == "*" or (wanted == word and (not colon or fnmatchcase(finer, pattern))):
            yield text


def _lost(part: Progress, failure: Failure) -> Decision:
    if failure.code == EXECUTOR_STOPPED:
        return Decision("retry", "Its executor was stopped; that costs none of its attempts.", 0.0)
    if failure.code == WITHDRAWN:
        return Decision("retry", "It only waited for its turn; that costs none of its attempts.", 0.0)
    if part.losses + 1 < MOST_LOSSES:
        return Decision("retry", "Its executor was lost; that costs none of its attempts.", 0.0)
    return Decision("fail", f"Its executor was lost {MOST_LOSSES} times in the middle of it, so the component may be the cause.")


def _by_class(component: Component, part: Progress, failure: Failure, jitter: retry.Jitter, plugin: NextWait | None) -> Decision:
    found = classed(component.errors, failure.code)
    if found is None:
        if failure.retryable:
            return _by_strategy(component, part, failure, jitter, plugin)
        if failure.code == DEADLINE_EXCEEDED:
            return Decision("fail", "The deadline for all attempts together is over.")
        return Decision("fail", "Another attempt cannot succeed until somebody changes something.")
    kind, text = found
    if kind == "park":
        return Decision("park", f"errors: park names “{text}”. Retry the component, or cancel the run.")
    if kind == "fail":
        return Decision("fail", f"errors: fail names “{text}”.")
    decision = _by_strategy(component, part, failure, jitter, plugin)
    return replace(decision, why=f"{decision.why} errors: retry names “{text}”.")


def _by_strategy(component: Component, part: Progress, failure: Failure, jitter: retry.Jitter, plugin: NextWait | None) -> Decision:
    strategy = component.retry
    if strategy is None:
        return Decision("fail", "The component has no retry: strategy.")
    failures, most = part.failures + 1, retry.attempts(strategy)
    try:
        wait = retry.wait(strategy, failures, jitter, code=failure.code, plugin=plugin)
    except retry.PluginFailed as error:
        return Decision("fail", f"{error} No further attempt is planned.")
    if wait is None:
        if failures >= most:
            return Decision("fail", f"All {most} attempts that its retry: strategy allows are used up.")
        return Decision("fail", "Its retry plug-in allows no further attempt.")
    why = f"Attempt {failures} of {most} failed; its {strategy.strategy} strategy waits {wait:g} s."
    if failure.after is not None and failure.after > wait:
        wait = failure.after
        why = f"{why[:-1]}, but the other side asked for {wait:g} s."
    return Decision("retry", why, wait)
