"""How a workflow's runs went, for its page; pure."""

from collections.abc import Sequence

from gateway.application.answers.outcomes import FAILURE, SUCCESS, OutcomesAnswer, rate
from gateway.application.answers.runs import RunAnswer
from gateway.application.definitions import WorkflowRecord
from gateway.application.queries.words import plural, with_query
from gateway.application.views.parts import Tone, state_view
from gateway.application.views.workflows import Outcome, OutcomesView

DAYS = 7
_ORDER = ("succeeded", "failed", "refused", "parked", "cancelled", "paused", "waiting", "running", "queued", "asked")
_GOOD, _FAIR = 0.99, 0.9


def outcomes_view(workflow: WorkflowRecord, found: OutcomesAnswer, last: Sequence[RunAnswer]) -> OutcomesView:
    """Return the bar of outcomes and what it says in words. A rate of nothing is no rate, and is said so."""
    total = sum(found.runs.values())
    known = sorted(found.runs, key=lambda status: (_ORDER.index(status) if status in _ORDER else len(_ORDER), status))
    newest: dict[str, int] = {}
    for run in last:
        newest[run.status] = newest.get(run.status, 0) + 1
    return OutcomesView(
        days=DAYS,
        sentence=_sentence(found, total),
        tone=_tone(found.success_rate),
        outcomes=tuple(
            Outcome(
                state=state_view(status),
                count=found.runs[status],
                share=found.runs[status] / total,
                url=with_query("/runs/", workflow=workflow.name, state=status),
            )
            for status in known
        ),
        seconds_p50=found.seconds_p50,
        seconds_p95=found.seconds_p95,
        last_sentence=_rate_words(newest, f"of the last {plural(len(last), 'run')}") if last else "",
    )


def percent(share: float) -> str:
    """Return a share as people read it; what is not all is never rounded up to all."""
    return "100 %" if share == 1 else f"{min(share * 100, 99.9):.1f} %"


def _sentence(found: OutcomesAnswer, total: int) -> str:
    if not total:
        return f"No run in the last {DAYS} days."
    of = f"of the newest {total:,} runs" if found.cut else f"of {plural(total, 'run')} in {DAYS} days"
    return _rate_words(found.runs, of)


def _rate_words(runs: dict[str, int], of: str) -> str:
    share = rate(runs)
    if share is None:
        return f"None {of} has succeeded or failed yet."
    ended = sum(runs.get(status, 0) for status in (*SUCCESS, *FAILURE))
    rest = sum(runs.values()) - ended
    left = f" ({rest:,} neither succeeded nor failed)" if rest else ""
    return f"{percent(share)} succeeded {of}{left}."


def _tone(share: float | None) -> Tone:
    if share is None:
        return "unknown"
    return "ok" if share >= _GOOD else "retry" if share >= _FAIR else "bad"
