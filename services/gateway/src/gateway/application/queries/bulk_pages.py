"""Pages of bulk retries."""

from collections.abc import Mapping

from gateway.application.answers.bulk import BulkAnswer, BulkItemAnswer
from gateway.application.queries.base import Queries
from gateway.application.queries.words import path, plural, took, with_query
from gateway.application.views.parts import Action, Fact, FilterChip, StateView, Tone, state_view
from gateway.application.views.retries import BulkItemRow, BulkPage, BulkRow, BulksPage
from gateway.application.views.runs import AuditRow
from gateway.application.views.shell import Person

PER_PAGE = 50
_ITEMS: dict[str, tuple[Tone, str]] = {
    "waiting": ("waiting", "Not asked yet"),
    "asked": ("run", "Asked"),
    "reopened": ("run", "Runs again"),
    "succeeded": ("ok", "Succeeded"),
    "failed_again": ("bad", "Failed again"),
    "cancelled": ("skipped", "Cancelled"),
    "refused": ("bad", "Refused"),
    "left": ("skipped", "Left out"),
}
_ASKED = {"bulk.create": "asked for it", "bulk.paused": "paused it", "bulk.running": "let it go on", "bulk.cancelled": "cancelled it"}
_SAID = (("succeeded", "succeeded"), ("failed_again", "failed again"), ("refused", "refused"), ("reopened", "run again now"))
_JOBS = {
    "running": StateView(tone="run", word="Running"),
    "paused": StateView(tone="waiting", word="Paused", icon="pause"),
    "done": StateView(tone="ok", word="All asked"),
    "cancelled": StateView(tone="skipped", word="Cancelled"),
}


def item_state(status: str) -> StateView:
    """Return the state of an item as people read it."""
    tone, word = _ITEMS.get(status, ("unknown", status))
    return StateView(tone=tone, word=word)


def selection_words(selection: Mapping[str, object]) -> str:
    """Say in words which runs a job takes."""
    if selection.get("run_ids"):
        return "chosen runs"
    parts = [f"of {selection['workflow']}"] if selection.get("workflow") else ["of every workflow"]
    parts += [f"started by {selection['trigger']}"] if selection.get("trigger") else []
    parts += [f"with “{selection['q']}”"] if selection.get("q") else []
    parts += [f"since {str(selection['since'])[:16].replace('T', ' ')} UTC"] if selection.get("since") else []
    parts += [f"before {str(selection['until'])[:16].replace('T', ' ')} UTC"] if selection.get("until") else []
    return "failed runs " + ", ".join(parts)


class BulkQueries(Queries):
    """Bulk retries."""

    async def bulks(self, person: Person, asked: Mapping[str, str]) -> BulksPage:  # noqa: ARG002
        page = await self._reads.bulks(after=asked.get("after") or None, limit=PER_PAGE)
        return BulksPage(rows=tuple(_row(item) for item in page.items), next_url=with_query("/runs/bulk/", after=page.next))

    async def bulk(self, person: Person, bulk_id: str, asked: Mapping[str, str]) -> BulkPage | None:  # noqa: ARG002
        bulk = await self._reads.bulk(bulk_id)
        if bulk is None:
            return None
        url, status = path("runs", "bulk", bulk_id), asked.get("state", "")
        status = status if status in _ITEMS else ""
        page = await self._reads.bulk_items(bulk_id, status=status, after=asked.get("after") or None, limit=PER_PAGE)
        chips = [FilterChip(label="All", url=url, count=bulk.total, active=not status)]
        chips += [
            FilterChip(label=word, url=with_query(url, state=name), count=bulk.counts[name], active=name == status)
            for name, (_, word) in _ITEMS.items()
            if bulk.counts.get(name)
        ]
        return BulkPage(
            id=bulk.id,
            title=f"Retry of {plural(bulk.total, 'run')}",
            state=_JOBS.get(bulk.status, state_view(bulk.status)),
            sentence=_sentence(bulk),
            fraction=_asked(bulk) / max(bulk.total, 1),
            facts=_facts(bulk),
            excluded=tuple(f"{count:,} {reason}" for reason, count in bulk.excluded.items()),
            chips=tuple(chips),
            items=tuple(_item(item) for item in page.items),
            actions=_actions(bulk, url),
            audit=tuple(
                AuditRow(at=entry.at, who=entry.who, what=_ASKED.get(entry.action, entry.action), reason=entry.reason)
                for entry in reversed((await self._reads.audit(subject_id=bulk_id, after=None, limit=20)).items)
            ),
            next_url=with_query(url, state=status, after=page.next) if page.next else "",
            trouble=self._away("executor", "Nothing that was asked is answered."),
        )


def _asked(bulk: BulkAnswer) -> int:
    return bulk.total - bulk.counts.get("waiting", 0) - bulk.counts.get("left", 0)


def _row(bulk: BulkAnswer) -> BulkRow:
    return BulkRow(
        id=bulk.id,
        url=path("runs", "bulk", bulk.id),
        what=selection_words(bulk.selection).capitalize(),
        state=_JOBS.get(bulk.status, state_view(bulk.status)),
        done=_asked(bulk),
        total=bulk.total,
        counts=tuple((tone, word, bulk.counts[name]) for name, (tone, word) in _ITEMS.items() if bulk.counts.get(name)),
        by=bulk.requested_by,
        at=bulk.asked_at,
    )


def _sentence(bulk: BulkAnswer) -> str:
    counts = bulk.counts
    parts = [f"{_asked(bulk):,} of {plural(bulk.total, 'run')} asked"]
    for name, words in (
        ("succeeded", "succeeded"),
        ("failed_again", "failed again"),
        ("refused", "refused"),
        ("reopened", "run again now"),
    ):
        if counts.get(name):
            parts.append(f"{counts[name]:,} {words}")
    if bulk.status == "running" and counts.get("waiting"):
        parts.append(f"about {took(counts['waiting'] / bulk.per_second)} left")
    return " · ".join(parts)


def _facts(bulk: BulkAnswer) -> tuple[Fact, ...]:
    facts = [
        Fact(label="Takes", value=selection_words(bulk.selection)),
        Fact(label="Rate", value=f"{bulk.per_second:g} runs per second"),
        Fact(label="Asked by", value=bulk.requested_by),
        Fact(label="Asked", value=f"{bulk.asked_at:%Y-%m-%d %H:%M:%S} UTC"),
    ]
    if bulk.version:
        facts.append(Fact(label="Version", value=str(bulk.version)))
    if bulk.reason:
        facts.append(Fact(label="Reason", value=bulk.reason))
    if bulk.of:
        facts.append(Fact(label="Failures of", value=bulk.of[-12:], url=path("runs", "bulk", bulk.of), mono=True))
    return tuple(facts)


def _item(item: BulkItemAnswer) -> BulkItemRow:
    return BulkItemRow(
        place=item.place,
        run_url=path("runs", item.run_id),
        run=item.run_id[-12:],
        workflow=item.workflow,
        failure=item.failure_code,
        state=item_state(item.status),
        reason=item.reason,
        at=item.settled_at or item.asked_at,
    )


def _actions(bulk: BulkAnswer, url: str) -> tuple[Action, ...]:
    actions = []
    again = bulk.counts.get("refused", 0) + bulk.counts.get("failed_again", 0)
    if again and bulk.status in ("done", "cancelled"):
        consequence = f"A new bulk retry of the {plural(again, 'run')} that were refused or failed again."
        label = f"Retry {plural(again, 'failure')}"
        actions.append(Action(label=label, url=f"{url}retry-failures/", look="primary", icon="retry", consequence=consequence))
    if bulk.status == "running":
        actions.append(Action(label="Pause", url=f"{url}pause/", icon="pause", consequence="No more runs are asked until you resume it."))
    if bulk.status == "paused":
        actions.append(Action(label="Resume", url=f"{url}resume/", look="primary", icon="play", consequence="The next runs are asked."))
    if bulk.status in ("running", "paused"):
        actions.append(
            Action(
                label="Cancel",
                url=f"{url}cancel/",
                look="danger",
                icon="stop",
                confirm="Cancel this bulk retry?",
                consequence="No more runs are asked. Those that run again already go on.",
            )
        )
    return tuple(actions)
