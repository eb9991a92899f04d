"""The selected component of a run: what happened in words, what comes next, what can be pressed and what that does."""

from gateway.application.answers.runs import AttemptAnswer, ComponentAnswer, RunDetail
from gateway.application.queries.words import between, count, path, size
from gateway.application.views.parts import Action, Fact, Tone, state_view
from gateway.application.views.runs import AttemptRow, ComponentPanel
from shared.runtime.clock import now


def following(run: RunDetail, name: str) -> tuple[str, ...]:
    """Return everything behind a component, in the graph's order."""
    reached, open_ends = {name}, [name]
    while open_ends:
        here = open_ends.pop()
        for edge in run.edges:
            if edge.source == here and edge.target not in reached:
                reached.add(edge.target)
                open_ends.append(edge.target)
    return tuple(node.name for node in run.nodes if node.name in reached and node.name != name)


def panel_of(run: RunDetail, item: ComponentAnswer) -> ComponentPanel:
    """Return the panel of a component."""
    node = next((one for one in run.nodes if one.name == item.component), None)
    what, hint = _what(item)
    actions, consequence = _actions(run, item)
    attempts = [one for one in run.attempts if one.component == item.component]
    return ComponentPanel(
        name=item.component,
        kind=node.kind if node else "",
        state=state_view(item.status),
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
    if item.failure is not None and item.status in ("failed", "retrying", "running"):
        answer = f"It said: {item.failure.answer}" if item.failure.answer else ""
        if item.status == "running":
            return f"It tries again. Before: {item.failure.message}", answer
        return item.failure.message, answer
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
        case "cancelled":
            return "It was cancelled.", item.message
    return item.message, ""


def _actions(run: RunDetail, item: ComponentAnswer) -> tuple[tuple[Action, ...], str]:
    url = path("runs", run.id, "retry")
    if item.status == "retrying":
        consequence = f"{item.component} tries again at once instead of waiting; it goes on behind what is confirmed."
        fields = {"component": item.component, "scope": "component"}
        return (Action(label="Retry now", url=url, look="primary", icon="retry", fields=fields, consequence=consequence),), consequence
    if item.status not in ("failed", "succeeded", "cancelled"):
        return (), ""
    behind = following(run, item.component)
    blocked = tuple(one.component for one in run.components if one.component in behind and one.status in ("upstream_failed", "pending"))
    again = (item.component, *blocked)
    stays = tuple(one.component for one in run.components if one.component not in again and one.status == "succeeded")
    consequence = f"Runs again: {', '.join(again)}."
    if stays:
        consequence += f" Stays as it is: {', '.join(stays)}."
    ended = item.status != "succeeded"
    actions = [
        Action(
            label="Retry",
            url=url,
            look="primary" if ended else "plain",
            icon="retry",
            fields={"component": item.component, "scope": "component"},
            consequence=consequence,
            confirm="" if ended else f"Run {item.component} again, though it succeeded?",
        )
    ]
    if behind:
        everything = f"Runs again: {', '.join((item.component, *behind))}."
        actions.append(
            Action(
                label="Retry with what follows",
                url=url,
                fields={"component": item.component, "scope": "following"},
                confirm=f"Run {item.component} and all behind it again?",
                consequence=everything,
            )
        )
    return tuple(actions), consequence


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
