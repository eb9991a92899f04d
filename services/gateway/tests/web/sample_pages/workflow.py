"""The page of one workflow, and the form that starts a run of it."""

from gateway.application.views.endpoints import ConfigField
from gateway.application.views.parts import Action, Choice, Fact, FieldProblem
from gateway.application.views.workflows import Outcome, OutcomesView, StartForm, StartPage, VersionRow, WorkflowPage
from sample_pages.flows import PLAIN_GRAPH, ROWS, YAML
from sample_pages.frame import AWAY, ago, history, state
from sample_pages.triggers import TRIGGERS


def _version(number: int, days: float, by: str, changes: tuple[str, ...], note: str = "", *, shown: bool = False) -> VersionRow:
    return VersionRow(
        version=number,
        url=f"/workflows/order-processing/?version={number}",
        changed_at=ago(86400 * days),
        changed_by=by,
        note=note,
        shown=shown,
        changes=changes,
        compare_url=f"/workflows/order-processing/versions/{number - 1}/compare/{number}/" if number > 1 else "",
        download_url=f"/workflows/order-processing/versions/{number}/workflow.yaml",
        again=None
        if number == 7
        else Action(
            label=f"Publish version {number} again",
            url=f"/workflows/order-processing/versions/{number}/publish/",
            icon="history",
            confirm=f"Publish version {number} of order-processing again?",
            consequence=f"Makes version 8 with the text of version {number}. Runs under way keep theirs.",
        ),
    )


VERSIONS = (
    _version(
        7, 2, "Mira Kessler", ("OrderQueue: queue is “orders” instead of “orders-eu”.", "The time limit is 2h instead of 30m."), shown=True
    ),
    _version(6, 9, "Tomás Rey", ("OrderQueue: retry is strategy exponential, first 1s, factor 2, most 30s, attempts 5.",), "longer retry"),
    _version(5, 12, "Tomás Rey", ()),
    _version(1, 40, "Mira Kessler", ()),
)


def start_form(**changes: object) -> StartForm:
    return StartForm(
        id="order-processing",
        name="order-processing",
        version=7,
        latest=7,
        versions=tuple(Choice(value=str(n), label=f"Version {n}" + (", the newest" if n == 7 else "")) for n in (7, 6, 5, 4)),
        fields=(
            ConfigField(name="inputs.day", label="day", input="date", help="Day of business. A date, e.g. 2026-11-22.", required=True),
            ConfigField(
                name="inputs.country",
                label="country",
                input="select",
                options=tuple(Choice(value=v, label=v or "Left out: DE") for v in ("", "DE", "AT", "CH")),
                value="DE",
            ),
            ConfigField(name="inputs.limit", label="limit", input="number", value="100", help="A whole number, at least 1."),
            ConfigField(
                name="inputs.order",
                label="order",
                input="textarea",
                help="The order to begin with. A JSON object, as JSON.",
                required=True,
                placeholder='{"id": "…"}',
            ),
        ),
    ).model_copy(update=changes)


def start_page() -> StartPage:
    return StartPage(start=start_form())


def start_wrong() -> StartPage:
    fields = tuple(
        field.model_copy(update={"value": {"inputs.limit": "0", "inputs.order": "{id: 7"}.get(field.name, field.value)})
        for field in start_form().fields
    )
    problems = (
        FieldProblem(field="inputs.day", message="This is needed.", hint="Day of business"),
        FieldProblem(field="inputs.limit", message="0 is less than the minimum of 1.", hint="It takes a whole number."),
        FieldProblem(field="inputs.order", message="This is not a JSON object.", hint="Write it as JSON."),
    )
    return StartPage(start=start_form(fields=fields, problems=problems, version=6))


def start_free() -> StartPage:
    return StartPage(
        start=start_form(fields=(), versions=(), version=1, latest=1, refused="The workflow 'x' was deleted: no new run starts.")
    )


OUTCOMES = OutcomesView(
    days=7,
    sentence="98.2 % succeeded of 171 runs in 7 days (2 neither succeeded nor failed).",
    tone="retry",
    outcomes=tuple(
        Outcome(state=state(word), count=count, share=count / 171, url=f"/runs/?state={word}")
        for word, count in (("succeeded", 166), ("failed", 3), ("cancelled", 1), ("running", 1))
    ),
    seconds_p50=134.2,
    seconds_p95=412.0,
    last_sentence="94.0 % succeeded of the last 50 runs.",
)


def workflow() -> WorkflowPage:
    return WorkflowPage(
        id="order-processing",
        name="order-processing",
        description="Replays orders from Kafka into the queue and has them processed",
        version=7,
        latest=7,
        graph=PLAIN_GRAPH,
        yaml=YAML,
        facts=(
            Fact(label="Version", value="7 of 7"),
            Fact(label="Published", value="2026-11-20 12:41 UTC by Mira Kessler"),
            Fact(label="Started by", value="event"),
            Fact(label="Business key", value="inputs.order.id", mono=True),
            Fact(label="Time limit", value="2h"),
            Fact(label="Runs at once", value="at most 5"),
            Fact(label="Endpoint", value="orders-mq", url="/endpoints/orders-mq/"),
        ),
        versions=VERSIONS,
        triggers=TRIGGERS,
        runs=ROWS,
        bars=history("sssfssssssssssssfssssssssxsssssfssssssssssssssssst"),
        outcomes=OUTCOMES,
        start=start_form(),
        actions=(
            Action(
                label="Run",
                url="/workflows/order-processing/start/",
                method="get",
                look="primary",
                icon="play",
                opens="start-dialog",
            ),
            Action(label="Edit", url="/workflows/order-processing/edit/", method="get", icon="edit"),
            Action(label="Delete", url="/workflows/order-processing/delete/", method="get", look="danger", icon="delete"),
        ),
    )


def old_workflow() -> WorkflowPage:
    """An older version, while the executor is away."""
    trouble = AWAY.model_copy(update={"title": "The executor is away", "text": "Runs do not move on, and new ones wait."})
    return workflow().model_copy(update={"version": 6, "trouble": trouble})


def broken_workflow() -> WorkflowPage:
    return workflow().model_copy(
        update={
            "runs": (),
            "bars": (),
            "outcomes": OutcomesView(days=7, sentence="No run in the last 7 days.", tone="unknown"),
            "start": None,
            "trouble_text": "The endpoint “orders-mq” was deleted. Add it again, or name another one.",
            "actions": (),
            "description": "",
        }
    )
