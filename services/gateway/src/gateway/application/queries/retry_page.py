"""The retry menu of a run, and two runs side by side."""

import json
from collections.abc import Mapping

from gateway.application.answers.retries import ComparedComponent, ComparedRun, Place, RunComparison, compare
from gateway.application.answers.runs import RunDetail
from gateway.application.ports.read_model import RunFilter
from gateway.application.queries.base import Queries
from gateway.application.queries.run_retry import seen_seq, standing_of
from gateway.application.queries.run_state import component_state, run_state
from gateway.application.queries.words import path, plural, took
from gateway.application.views.parts import Choice, FieldProblem, StateView, state_view
from gateway.application.views.retries import ComparedFact, ComparedPart, ComparePage, PreviewPart, RetryPage
from gateway.application.views.shell import Person
from gateway.domain.retrying import Preview, Scope, Wish, graph_of, preview

_SCOPES: dict[str, str] = {
    "only": "Only this, and what could not run because of it",
    "following": "This and everything that follows",
    "slice": "A slice: this, up to …",
    "failed": "Everything that failed or is parked",
}
_OTHERS = 20
_MOST_EDITED = 64 * 1024
"""Characters of inputs that a page shows to be edited; the API takes larger ones."""


class RetryQueries(Queries):
    """Pages that lead to a retry, or help to decide on one."""

    async def retry_menu(self, person: Person, run_id: str, asked: Mapping[str, str]) -> RetryPage | None:  # noqa: ARG002
        run = await self._reads.run(run_id)
        if run is None:
            return None
        versions = [item.version for item in await self._reads.versions(run.workflow_id)]
        own = run.version or 0
        wanted = asked.get("version", "")
        version = int(wanted) if wanted.isdecimal() and len(wanted) < 10 and int(wanted) in versions else own
        wish = _wish(run, asked)
        other = None
        if version != own:
            chosen = await self._reads.version(run.workflow_id, version)
            other = None if chosen is None else graph_of(chosen.definition)
        found = preview(standing_of(run), wish, other=other)
        return _retry_page(run, wish, found, version, versions)

    async def compare(self, person: Person, asked: Mapping[str, str]) -> ComparePage:  # noqa: ARG002
        a, b = asked.get("a", "").strip()[:100], asked.get("b", "").strip()[:100]
        first = await self._reads.run(a) if a else None
        second = await self._reads.run(b) if b else None
        others: tuple[Choice, ...] = ()
        if first is not None:
            near = await self._reads.runs(RunFilter(workflow=first.workflow_id), after=None, limit=_OTHERS)
            others = tuple(
                Choice(value=run.id, label=f"{run.business_key or run.id[-12:]} · {run_state(run).word} · {run.asked_at:%m-%d %H:%M} UTC")
                for run in near.items
                if run.id != first.id
            )
        if first is None or second is None:
            missing = a if a and first is None else b if b and second is None else ""
            problem = f"There is no run '{missing}'. It may have been removed by retention." if missing else ""
            return ComparePage(a=a, b=b, others=others, problem=problem)
        return _compare_page(compare(first, second), first, second, others)


def _wish(run: RunDetail, asked: Mapping[str, str]) -> Wish:
    names = [item.component for item in run.components]
    broken = [item.component for item in run.components if item.status in ("parked", "failed")]
    component = asked.get("component", "")
    component = component if component in names else (broken or names or [""])[0]
    fallback = "only" if asked.get("component") or not broken else "failed"
    scope: Scope = next((item for item in ("only", "following", "slice", "failed") if item == asked.get("scope", fallback)), "only")
    until = asked.get("until") or None
    if scope == "slice" and until is None:
        until = component
    return Wish((component,), scope, until if scope == "slice" else None) if scope != "failed" else Wish((), "failed")


def _retry_page(run: RunDetail, wish: Wish, found: Preview, version: int, versions: list[int]) -> RetryPage:
    states = {item.component: component_state(item) for item in run.components}
    pending = state_view("pending")
    own = run.version or 0
    written = len(json.dumps(run.inputs))
    large = written > _MOST_EDITED
    chosen = wish.components[0] if wish.components else next((item.component for item in run.components if item.status == "failed"), "")
    return RetryPage(
        id=run.id,
        workflow=run.workflow,
        run_url=path("runs", run.id),
        label=run.business_key or run.id[-12:],
        state=run_state(run),
        component=chosen,
        components=tuple(Choice(value=name, label=f"{name} ({state.word.lower()})") for name, state in states.items()),
        scope=wish.scope,
        scopes=tuple(Choice(value=value, label=label) for value, label in _SCOPES.items()),
        until=wish.until or "",
        version=version,
        own_version=own,
        versions=tuple(
            Choice(value=str(number), label=f"Version {number}" + (" (this run)" if number == own else "")) for number in reversed(versions)
        ),
        compare_url="" if version == own else f"{path('workflows', run.workflow_id)}versions/{own}/compare/{version}/",
        again=tuple(
            PreviewPart(
                name=name,
                state=states.get(name, pending),
                note="Succeeded before: what it did is done a second time." if name in found.succeeded_before else "",
            )
            for name in found.again
        ),
        stays=tuple(PreviewPart(name=name, state=states[name]) for name in found.stays if name in states),
        added=found.added,
        removed=found.removed,
        refused=tuple(FieldProblem(field=item.field, message=item.message, hint=item.hint) for item in found.refused),
        seq=seen_seq(run),
        inputs="" if large else json.dumps(run.inputs, indent=2, ensure_ascii=False),
        inputs_note=f"They have {written // 1024:,} KB; more than {_MOST_EDITED // 1024} KB can’t be edited here." if large else "",
    )


def _compare_page(found: RunComparison, first: RunDetail, second: RunDetail, others: tuple[Choice, ...]) -> ComparePage:
    a, b = found.a, found.b
    different = sum(not item.same for item in found.components)
    inputs = sum(not item.same for item in found.inputs)
    sentence = (
        f"{plural(different, 'component')} and {plural(inputs, 'input')} differ"
        if different or inputs
        else "Nothing differs but their times"
    )
    rows = [
        _fact("Workflow", a.workflow, b.workflow),
        _fact("Version", str(a.version or "–"), str(b.version or "–")),
        _fact("State", run_state(first).word, run_state(second).word),
        _fact("Business key", a.business_key or "–", b.business_key or "–"),
        _fact("Started by", first.requested_by or first.trigger or "–", second.requested_by or second.trigger or "–"),
        _fact("Asked", f"{a.asked_at:%Y-%m-%d %H:%M:%S} UTC", f"{b.asked_at:%Y-%m-%d %H:%M:%S} UTC"),
        _fact("Took", _took(a), _took(b)),
    ]
    versions_url = ""
    if first.workflow_id == second.workflow_id and a.version and b.version and a.version != b.version:
        versions_url = f"{path('workflows', first.workflow_id)}versions/{a.version}/compare/{b.version}/"
    return ComparePage(
        a=a.id,
        b=b.id,
        sentence=sentence,
        facts=(
            ComparedFact(label="Run", a=a.id[-12:], b=b.id[-12:], same=True, url_a=path("runs", a.id), url_b=path("runs", b.id)),
            *rows,
        ),
        inputs=tuple(_place(item) for item in found.inputs),
        components=tuple(_part(item, first, second) for item in found.components),
        others=others,
        versions_url=versions_url,
    )


def _took(run: ComparedRun) -> str:
    return "not ended" if run.seconds is None else took(run.seconds)


def _fact(label: str, a: str, b: str) -> ComparedFact:
    return ComparedFact(label=label, a=a, b=b, same=a == b)


def _place(item: Place) -> ComparedFact:
    return ComparedFact(label=item.path, a=item.a or "not there", b=item.b or "not there", same=item.same)


def _part(item: ComparedComponent, first: RunDetail, second: RunDetail) -> ComparedPart:
    return ComparedPart(
        name=item.component,
        state_a=_state(first, item.component),
        state_b=_state(second, item.component),
        took_a=item.seconds_a,
        took_b=item.seconds_b,
        attempts_a=item.attempts_a,
        attempts_b=item.attempts_b,
        outputs=tuple(_place(place) for place in item.outputs),
        same=item.same,
    )


def _state(run: RunDetail, name: str) -> StateView | None:
    return next((component_state(item) for item in run.components if item.component == name), None)
