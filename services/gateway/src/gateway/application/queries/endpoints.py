"""Pages of endpoints. The gateway does not call them: what is shown comes from the runs that used them."""

from collections.abc import Mapping

from gateway.application.answers.runs import RunAnswer
from gateway.application.definitions import Definition, Kind, VersionRecord, WorkflowRecord
from gateway.application.ports.read_model import RunFilter
from gateway.application.queries.base import Queries
from gateway.application.queries.words import chips, path
from gateway.application.views.endpoints import EndpointPage, EndpointRow, EndpointsPage, UsedBy
from gateway.application.views.parts import Action, Fact, Seen, StateView, state_view
from gateway.application.views.shell import Person
from shared.contracts.endpoints import EndpointLimits
from shared.contracts.kinds import ENDPOINT_KINDS, KINDS

Used = tuple[StateView, Seen, str]
_HIDDEN = {"ca_pem", "headers"}


def address_of(definition: Definition) -> str:
    """Return where an endpoint leads, in one line."""
    options = definition.body["options"]
    if "base_url" in options:
        return str(options["base_url"])
    if "bootstrap_servers" in options:
        return str(options["bootstrap_servers"])
    port = options.get("port")
    return f"{options.get('host', '')}:{port}" if port else str(options.get("host", ""))


def limits_in_words(limits: EndpointLimits) -> str:
    """Return an endpoint's limits in one line."""
    words = []
    if limits.concurrency is not None:
        words.append(f"{limits.concurrency} attempts at once")
    if limits.breaker is not None:
        words.append(f"breaker open for {limits.breaker.open_for:g} s after {limits.breaker.failures} failures in a row")
    if limits.retry_budget is not None:
        words.append(f"{limits.retry_budget} retries a minute")
    return ", ".join(words) or "none"


def used_by(name: str, workflows: list[tuple[WorkflowRecord, VersionRecord | None]]) -> tuple[UsedBy, ...]:
    """Return which workflows name an endpoint in their newest version."""
    found = []
    for workflow, version in workflows:
        parts = [part["name"] for part in (version.definition if version else {}).get("components", ()) if part.get("endpoint") == name]
        if parts:
            found.append(UsedBy(name=workflow.name, url=path("workflows", workflow.id), components=tuple(parts)))
    return tuple(found)


def last_use(users: tuple[UsedBy, ...], runs: tuple[RunAnswer, ...]) -> Used:
    """Return how the newest use of an endpoint by a run ended. Not used yet is unknown, not well."""
    of = {user.name: user.components for user in users}
    for run in runs:
        for item in run.components:
            if item.component in of.get(run.workflow, ()) and item.status in ("succeeded", "failed", "running", "retrying"):
                word = {"succeeded": "ok", "failed": "failed"}.get(item.status, item.status)
                sentence = item.failure.message if item.failure and item.status != "succeeded" else ""
                at = item.finished_at or run.updated_at
                return state_view(word), Seen(at=at, source=f"{run.workflow} · {item.component}"), sentence
    return state_view(None), Seen(), ""


class EndpointQueries(Queries):
    """The endpoints' pages."""

    async def endpoints(self, person: Person, asked: Mapping[str, str]) -> EndpointsPage:  # noqa: ARG002
        every = await self._reads.definitions(Kind.ENDPOINT)
        workflows = await self._reads.workflows()
        runs = (await self._reads.runs(RunFilter(), after=None, limit=100)).items
        kind = asked.get("state", asked.get("kind", "all"))
        rows = []
        for item in every:
            if kind not in ("all", item.body["kind"]):
                continue
            users = used_by(item.name, workflows)
            state, seen, _ = last_use(users, runs)
            rows.append(
                EndpointRow(
                    id=item.id,
                    name=item.name,
                    url=path("endpoints", item.id),
                    kind=item.body["kind"],
                    address=address_of(item),
                    state=state,
                    seen=seen,
                    used_by=len(users),
                )
            )
        options = [("all", "All", len(every))]
        options += [(name, kind.title, sum(item.body["kind"] == name for item in every)) for name, kind in ENDPOINT_KINDS.items()]
        return EndpointsPage(rows=tuple(rows), chips=chips("/endpoints/", options, kind))

    async def endpoint(self, person: Person, endpoint_id: str) -> EndpointPage | None:  # noqa: ARG002
        found = await self._reads.definition(Kind.ENDPOINT, endpoint_id)
        if found is None:
            return None
        users = used_by(found.name, await self._reads.workflows())
        runs = (await self._reads.runs(RunFilter(), after=None, limit=100)).items
        state, seen, sentence = last_use(users, runs)
        if not sentence:
            sentence = (
                "No run has used it yet. Test it to see whether it answers."
                if state.tone == "unknown"
                else "It worked when a run last used it."
            )
        return EndpointPage(
            id=found.id,
            name=found.name,
            kind=found.body["kind"],
            address=address_of(found),
            state=state,
            sentence=sentence,
            seen=seen,
            facts=_facts(found),
            used_by=users,
            actions=(
                Action(
                    label="Test",
                    url=path("endpoints", found.id, "test"),
                    icon="test",
                    consequence="The executor calls it once; changes nothing.",
                ),
                Action(label="Edit", url=path("endpoints", found.id, "edit"), method="get"),
                Action(
                    label="Delete",
                    url=path("endpoints", found.id, "delete"),
                    method="get",
                    look="danger",
                    refused=f"{users[0].name} uses it" if users else "",
                ),
            ),
        )


def _facts(definition: Definition) -> tuple[Fact, ...]:
    facts = [
        Fact(label="Kind", value=KINDS[definition.body["kind"]].title if definition.body["kind"] in KINDS else definition.body["kind"])
    ]
    for key, value in definition.body["options"].items():
        if key not in _HIDDEN and value not in (None, "", {}, []):
            facts.append(
                Fact(label=key.replace("_", " ").capitalize(), value=str(value), mono=key in ("bootstrap_servers", "base_url", "host"))
            )
    facts.append(Fact(label="Limits", value=limits_in_words(EndpointLimits.model_validate(definition.body.get("limits", {})))))
    stored = ", ".join(definition.body.get("secrets", ())) if definition.sealed_secret else "none"
    facts.append(Fact(label="Secrets", value=f"{stored}, sealed to the executor" if definition.sealed_secret else stored))
    facts.append(Fact(label="Changed", value=f"{definition.updated_at:%Y-%m-%d %H:%M UTC} by {definition.updated_by}"))
    return tuple(facts)
