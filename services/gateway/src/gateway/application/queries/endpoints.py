"""Pages of endpoints. The gateway does not call them: what is shown comes from the runs that used them."""

from collections.abc import Mapping

from gateway.application.answers.endpoints import EndpointHold, EndpointUse
from gateway.application.definitions import Definition, Kind, VersionRecord, WorkflowRecord
from gateway.application.queries.base import Queries
from gateway.application.queries.words import chips, path
from gateway.application.views.endpoints import EndpointPage, EndpointRow, EndpointsPage, UsedBy
from gateway.application.views.parts import Action, Fact, Seen, StateView, state_view
from gateway.application.views.shell import Person
from shared.contracts.endpoints import EndpointLimits
from shared.contracts.kinds import ENDPOINT_KINDS, KINDS

Used = tuple[StateView, Seen, str]
_LIMITS = {"breaker": "its breaker", "concurrency": "room among the attempts that it allows at once", "retry_budget": "its retry budget"}
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


def last_use(use: EndpointUse | None, holds: tuple[EndpointHold, ...] = ()) -> Used:
    """Return how the newest use of an endpoint by a run ended. Not used yet is unknown, not well; an open breaker comes first."""
    state, seen, sentence = state_view(None), Seen(), ""
    if use is not None:
        state = state_view({"succeeded": "ok"}.get(use.status, use.status))
        seen = Seen(at=use.at, source=f"{use.workflow} · {use.component}")
        sentence = use.failure or "" if use.status != "succeeded" else ""
    if any(hold.limit == "breaker" for hold in holds):
        state = StateView(tone="bad", word="Breaker open")
    return state, seen, sentence


def _named(name: str, workflows: list[tuple[WorkflowRecord, VersionRecord | None]]) -> list[tuple[str, str, str]]:
    """Return the endpoint with the workflow and component of everything that names it."""
    return [
        (name, workflow.id, part["name"])
        for workflow, version in workflows
        for part in (version.definition if version else {}).get("components", ())
        if part.get("endpoint") == name
    ]


def hold_in_words(hold: EndpointHold) -> str:
    """Say what waits for a limit, and since when."""
    many = "attempt waits" if hold.attempts == 1 else "attempts wait"
    until = f", which is tried again at {hold.until:%H:%M:%S} UTC at the latest" if hold.until and hold.limit == "breaker" else ""
    return f"{hold.attempts:,} {many} for {_LIMITS.get(hold.limit, hold.limit)}{until}; the first since {hold.since:%Y-%m-%d %H:%M:%S} UTC."


class EndpointQueries(Queries):
    """The endpoints' pages."""

    async def endpoints(self, person: Person, asked: Mapping[str, str]) -> EndpointsPage:  # noqa: ARG002
        every = await self._reads.definitions(Kind.ENDPOINT)
        workflows = await self._reads.workflows()
        uses = await self._reads.last_uses([use for item in every for use in _named(item.name, workflows)])
        holds = await self._reads.holds()
        kind = asked.get("state", asked.get("kind", "all"))
        rows = []
        for item in every:
            if kind not in ("all", item.body["kind"]):
                continue
            users = used_by(item.name, workflows)
            state, seen, _ = last_use(uses.get(item.name), holds.get(item.name, ()))
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
        workflows = await self._reads.workflows()
        users = used_by(found.name, workflows)
        use = (await self._reads.last_uses(_named(found.name, workflows))).get(found.name)
        holds = (await self._reads.holds()).get(found.name, ())
        state, seen, sentence = last_use(use, holds)
        if not sentence:
            sentence = (
                "None of the newest runs of a workflow that names it has used it. Test it to see whether it answers."
                if use is None
                else "A run is using it."
                if use.status != "succeeded"
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
            holds=tuple(hold_in_words(hold) for hold in holds),
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
