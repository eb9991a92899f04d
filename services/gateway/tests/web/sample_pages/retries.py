"""The retry menu, two runs side by side, and bulk retries."""

from gateway.application.views.parts import Action, Choice, Fact, FieldProblem, FilterChip, StateView
from gateway.application.views.retries import (
    BulkAddPage,
    BulkItemRow,
    BulkPage,
    BulkRow,
    BulksPage,
    ComparedFact,
    ComparedPart,
    ComparePage,
    PreviewPart,
    RetryPage,
    VersionStep,
)
from gateway.application.views.runs import AuditRow
from sample_pages.frame import AWAY, ago, state, tone

COMPONENTS = tuple(Choice(value=name, label=f"{name} ({word})") for name, word in (("OrderTopic", "succeeded"), ("OrderQueue", "failed")))
RUN = "0192f0c8-11d2-7cc0-9f0a-5d3c3f6f0a01"


def menu() -> RetryPage:
    return RetryPage(
        id="r7",
        workflow="order-processing",
        run_url="/runs/r7/",
        label="order-4711",
        state=state("failed"),
        component="OrderTopic",
        components=COMPONENTS,
        scope="slice",
        scopes=(
            Choice(value="only", label="Only this, and what could not run because of it"),
            Choice(value="following", label="This and everything that follows"),
            Choice(value="slice", label="A slice: this, up to …"),
            Choice(value="failed", label="Everything that failed or is parked"),
        ),
        until="OrderQueue",
        version=8,
        own_version=7,
        versions=(Choice(value="8", label="Version 8"), Choice(value="7", label="Version 7 (this run)")),
        compare_url="/workflows/order-processing/versions/7/compare/8/",
        again=(
            PreviewPart(name="OrderTopic", state=state("succeeded"), note="Succeeded before: what it did is done a second time."),
            PreviewPart(name="OrderQueue", state=state("failed")),
        ),
        stays=(PreviewPart(name="RefundTopic", state=state("succeeded")),),
        added=("OrderLedger",),
        removed=(),
        refused=(),
        seq=41,
        inputs='{"day": "2026-11-22"}',
    )


def refused() -> RetryPage:
    why = FieldProblem(field="components", message="“OrderQueue” is running.", hint="Wait for its end, or cancel the run.")
    typed = FieldProblem(field="inputs", message="This is not a JSON object.", hint="Write e.g. {“day”: “2026-11-22”}.")
    return menu().model_copy(update={"refused": (why,), "problems": (typed,), "typed": "{day", "version": 7})


def compared() -> ComparePage:
    def fact(label: str, a: str, b: str) -> ComparedFact:
        return ComparedFact(label=label, a=a, b=b, same=a == b)

    part = ComparedPart(
        name="OrderQueue",
        state_a=state("failed"),
        state_b=state("succeeded"),
        took_a=54.3,
        took_b=11.7,
        attempts_a=4,
        attempts_b=1,
        outputs=(fact("queued", "48210", "120000"),),
        same=False,
    )
    same = part.model_copy(update={"name": "OrderTopic", "state_a": state("succeeded"), "outputs": (), "same": True, "attempts_a": 1})
    gone = part.model_copy(update={"name": "OrderLedger", "state_a": None, "took_a": None, "attempts_a": 0, "outputs": ()})
    return ComparePage(
        a=RUN,
        b="r6",
        sentence="2 components and 1 input differ",
        facts=(
            ComparedFact(label="Run", a="5d3c3f6f0a01", b="9b1c7b2261d0", same=True, url_a="/runs/r7/", url_b="/runs/r6/"),
            fact("Workflow", "order-processing", "order-processing"),
            fact("Version", "7", "8"),
            fact("State", "Failed", "Succeeded"),
            fact("Took", "2 min 14 s", "54 s"),
        ),
        inputs=(fact("day", '"2026-11-22"', '"2026-11-21"'), fact("order.id", "4711", "4711")),
        components=(same, part, gone),
        others=(Choice(value="r6", label="order-4710 · Succeeded · 11-21 12:00 UTC"),),
        versions_url="/workflows/order-processing/versions/7/compare/8/",
    )


def to_choose() -> ComparePage:
    return compared().model_copy(update={"b": "", "facts": (), "components": (), "inputs": (), "sentence": ""})


def bulks() -> BulksPage:
    return BulksPage(
        rows=(
            BulkRow(
                id="b1",
                url="/runs/bulk/b1/",
                what="Failed runs of order-processing, since 2026-11-22 00:00 UTC",
                state=tone("run", "Running"),
                done=412,
                total=1290,
                counts=(("ok", "Succeeded", 388), ("bad", "Failed again", 11), ("bad", "Refused", 13), ("waiting", "Not asked yet", 878)),
                by="Mira Kessler",
                at=ago(90),
            ),
        )
    )


def add() -> BulkAddPage:
    return BulkAddPage(
        sentence="1,290 runs are retried: failed runs of order-processing",
        total=1290,
        capped=False,
        by_workflow=(Fact(label="order-processing", value="1,290"),),
        by_failure=(Fact(label="QueueNotFound", value="1,204"), Fact(label="HttpStatus", value="86")),
        excluded=("12 are still moving: wait for their end", "3 were refused and never began: start them again"),
        sample=(Fact(label="order-processing", value="5d3c3f6f0a01 · QueueNotFound", url="/runs/r7/"),),
        fields=(("workflow", "order-processing"), ("state", "failed")),
        per_second="5",
        version="8",
        versions=(Choice(value="", label="Each run its own"), Choice(value="8", label="Version 8"), Choice(value="7", label="Version 7")),
        differs=(VersionStep(title="1,290 runs of version 7", changes=("OrderQueue: its deadline is 5 min.",), url="/workflows/w1/"),),
        back_url="/runs/?workflow=order-processing",
        duration="4 min 18 s",
    )


def add_nothing() -> BulkAddPage:
    problem = FieldProblem(field="", message="No run of this selection can be retried.", hint="Choose others.")
    empty = {"total": 0, "by_workflow": (), "by_failure": (), "sample": (), "excluded": (), "problems": (problem,)}
    return add().model_copy(update={**empty, "sentence": "0 runs are retried: failed runs of every workflow"})


def bulk() -> BulkPage:
    def item(place: int, word: StateView, reason: str) -> BulkItemRow:
        return BulkItemRow(
            place=place,
            run_url=f"/runs/r{place}/",
            run="5d3c3f6f0a01",
            workflow="order-processing",
            failure="QueueNotFound",
            state=word,
            reason=reason,
            at=ago(20 - place),
        )

    return BulkPage(
        id="b1",
        title="Retry of 1,290 runs",
        state=tone("run", "Running"),
        sentence="412 of 1,290 runs asked · 388 succeeded · 11 failed again · 13 refused · about 2 min 56 s left",
        fraction=0.32,
        facts=(Fact(label="Takes", value="failed runs of order-processing"), Fact(label="Rate", value="5 runs per second")),
        excluded=("12 are still moving: wait for their end",),
        chips=(
            FilterChip(label="All", url="/runs/bulk/b1/", count=1290, active=True),
            FilterChip(label="Refused", url="/runs/bulk/b1/?state=refused", count=13),
        ),
        items=(
            item(1, tone("ok", "Succeeded"), ""),
            item(2, tone("bad", "Refused"), "The run has gone on since event 41."),
            item(3, tone("bad", "Failed again"), "QueueNotFound"),
        ),
        actions=(Action(label="Pause", url="/runs/bulk/b1/pause/", icon="pause"),),
        audit=(AuditRow(at=ago(90), who="Mira Kessler", what="asked for it", reason="the queue stands again"),),
        next_url="/runs/bulk/b1/?after=x",
        trouble=AWAY,
    )
