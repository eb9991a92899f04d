"""The selected component of a run: what happened in words, what comes next, what can be pressed and what that does."""

from gateway.application.answers.runs import AttemptAnswer, ComponentAnswer, RunDetail
from gateway.application.commands.runs import PASSABLE
from gateway.application.queries.run_retry import seen_seq, standing_of
from gateway.application.queries.run_state import component_state, held_now
from gateway.application.queries.words import between, count, path, size, with_query
from gateway.application.views.parts import Action, Fact, Tone, state_view
from gateway.application.views.runs import AttemptRow, ComponentPanel
from gateway.domain.retrying import Wish, preview
from shared.runtime.clock import now


def panel_of(run: RunDetail, item: ComponentAnswer) -> ComponentPanel:
    """Return the panel of a component."""
    node = next((one for one in run.nodes if one.name == item.component), None)
    what, hint = _what(item)
    actions, consequence = _actions(run, item)
    attempts = [one for one in run.attempts if one.component == item.component]
    return ComponentPanel(
        name=item.component,
        kind=node.kind if node else "",
        state=component_state(item),
        what=what,
        hint=hint,
        next_attempt_at=item.next_attempt_at,
        attempt=item.attempt or None,
        attempts_allowed=item.attempts,
        actions=actions,
        consequence=consequence,
        attempts=tuple(_attempt(one) for one in sorted(attempts, key=lambda one: (one.generation, one.attempt), reverse=True)),
        facts=_facts(run, item, node.endpoint if node else None),
    )


def _what(item: ComponentAnswer) -> tuple[str, str]:
    hold = held_now(item)
    if hold is not None:
        return hold.reason, "Nothing was touched yet."
    if item.failure is not None and item.status in ("failed", "parked", "retrying", "running"):
        answer = f"It said: {item.failure.answer}" if item.failure.answer else ""
        if item.status == "running":
            return f"It tries again. Before: {item.failure.message}", answer
        return item.failure.message, " ".join(part for part in (item.why, answer) if part)
    match item.status:
        case "pending":
            return "It waits for what comes before it.", ""
        case "running":
            moved = f"{count(item.transfer.confirmed)} confirmed so far." if item.transfer else "It is running."
            return moved, item.message
        case "succeeded":
            moved = f"{count(item.transfer.confirmed)} confirmed." if item.transfer else "It succeeded."
            return moved, item.message
        case "upstream_failed":
            return "It did not run, because something before it failed.", "Retry what failed; this runs then too."
        case "skipped":
            return "It was passed over: no connection with a true condition leads to it.", item.message
        case "cancelled":
            return "It was cancelled.", item.message
    return item.message, ""


def _actions(run: RunDetail, item: ComponentAnswer) -> tuple[tuple[Action, ...], str]:
    url, menu = path("runs", run.id, "retry"), with_query(path("runs", run.id, "retry"), component=item.component)
    more = Action(label="Other ways …", url=menu, method="get", icon="retry-from")
    hold = held_now(item)
    if hold is not None and hold.limit != PASSABLE:
        return (), f"{item.component} goes on by itself as soon as the limit lets it."
    if item.status == "retrying" and run.status == "paused":
        return (), "The run is paused, so nothing starts. Resume it first."
    if item.status == "retrying" or hold is not None:
        consequence = f"{item.component} tries again at once instead of waiting; it goes on behind what is confirmed."
        if item.status != "retrying":
            consequence = f"{item.component} passes the retry budget; its endpoint's other limits still count."
        now_url, fields = path("runs", run.id, "retry-now"), {"component": item.component}
        return (Action(label="Retry now", url=now_url, look="primary", icon="retry", fields=fields, consequence=consequence),), consequence
    if item.status not in ("failed", "parked", "succeeded", "cancelled", "skipped"):
        return (), ""
    found = preview(standing_of(run), Wish((item.component,)))
    if found.refused:
        return (more,), f"{found.refused[0].message} {found.refused[0].hint}".strip()
    consequence = f"Runs again: {', '.join(found.again)}."
    if found.stays:
        consequence += f" Stays as it is: {', '.join(found.stays)}."
    ended = item.status not in ("succeeded", "skipped")
    fields = {"component": item.component, "scope": "only", "expected_seq": str(seen_seq(run))}
    again = Action(
        label="Retry",
        url=url,
        look="primary" if ended else "plain",
        icon="retry",
        fields=fields,
        consequence=consequence,
        confirm="" if ended else f"Run {item.component} again, though it {item.status}?",
    )
    return (again, more), consequence


_TONES: dict[str, Tone] = {"failed": "bad", "running": "run", "succeeded": "ok", "cancelled": "skipped"}


def _attempt(one: AttemptAnswer) -> AttemptRow:
    text = state_view(one.status).word
    if one.failure is not None:
        text = f"{one.failure.code} · {one.failure.message}"
    if one.transfer is not None and one.transfer.confirmed:
        text += f" · {count(one.transfer.confirmed)} confirmed"
    started = one.started_at or one.finished_at or now()
    return AttemptRow(
        number=one.attempt,
        tone=_TONES.get(one.status, "waiting"),
        at=started,
        took_seconds=between(one.started_at, one.finished_at or (now() if one.status == "running" else None)),
        text=text,
        why=one.why,
    )


def _facts(run: RunDetail, item: ComponentAnswer, endpoint: str | None) -> tuple[Fact, ...]:
    facts = []
    if endpoint:
        facts.append(Fact(label="Endpoint", value=endpoint, mono=True))
    facts.append(Fact(label="Idempotency key", value=f"{run.id}:{item.component}:{item.generation}", mono=True))
    if item.transfer is not None:
        transfer = item.transfer
        facts.append(Fact(label="Read", value=count(transfer.read)))
        facts.append(Fact(label="Confirmed", value=count(transfer.confirmed)))
        facts.append(Fact(label="Bytes", value=size(transfer.bytes)))
        if transfer.duplicates_possible:
            facts.append(Fact(label="Possible duplicates", value=count(transfer.duplicates_possible), tone="retry"))
    if item.host:
        facts.append(Fact(label="Host", value=item.host, mono=True))
    if item.span_id:
        facts.append(Fact(label="Span", value=item.span_id, mono=True))
    facts += [Fact(label=key.replace("_", " ").capitalize(), value=str(value)[:200]) for key, value in list(item.output.items())[:10]]
    return tuple(facts)
