"""What the engine asks of the copies of the registries."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any, Protocol

from pydantic import ValidationError

from executor.application.copies import Copy
from executor.application.ports import Connector, Endpoint, Permanent, Place, Retryable
from executor.application.preparing import Plugins, graph_of, missing_plugin
from executor.application.steps import Step, step_of
from executor.domain.graph import Graph, GraphRefused
from shared.contracts.kinds import KINDS
from shared.contracts.workflows import EventTrigger, WorkflowDefinition

_FRESH_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Published:
    """One version of a workflow."""

    workflow_id: str
    version: int
    definition: WorkflowDefinition
    retired: bool


class Registries(Protocol):
    async def workflow(self, name: str, version: int | None) -> Published | None:
        """Return a version by the workflow's name; None asks for the newest."""

    async def version(self, workflow_id: str, version: int) -> Published | None: ...

    async def endpoint(self, name: str) -> Endpoint | None:
        """Return an endpoint with its secrets opened; raise Permanent when they can't be."""


@dataclass(slots=True)
class Plan:
    """A version of a workflow, made ready to run: its graph, and the checked options of each component."""

    published: Published
    graph: Graph
    options: dict[str, Any]
    steps: dict[str, Step] = field(default_factory=dict)

    @property
    def events(self) -> bool:
        """Whether programs outside Flowtower may start it."""
        return any(isinstance(trigger, EventTrigger) for trigger in self.published.definition.triggers)


class Plans:
    """Plans by version, and endpoints by name; endpoints and "newest" are looked up again after a second."""

    def __init__(
        self, registries: Registries, connectors: dict[str, Connector], plugins: Plugins | None = None, *, endpoints: Copy | None = None
    ) -> None:
        self._registries = registries
        self._copy = endpoints
        self._plugins = plugins or {}
        self.connectors = connectors
        self.changes = 0  # of the registries, as far as they came here
        self._plans: dict[tuple[str, int], Plan] = {}
        self._names: dict[tuple[str, int | None], tuple[float, Plan]] = {}
        self._endpoints: dict[str, tuple[float, Endpoint]] = {}
        self._looking: dict[str, asyncio.Future[Endpoint]] = {}

    def forget(self) -> None:
        """Look everything up again: a registry has changed."""
        self.changes += 1
        self._names.clear()
        self._endpoints.clear()

    async def named(self, name: str, version: int | None) -> Plan | None:
        """Return the plan of a workflow's version; None = there is none (yet). Raises GraphRefused."""
        known = self._names.get((name, version))
        if known is not None and time.monotonic() - known[0] < _FRESH_SECONDS:
            return known[1]
        published = await self._registries.workflow(name, version)
        if published is None:
            return None
        plan = self._planned(published)
        if (lacks := missing_plugin(published.definition, self._plugins)) is not None:
            raise GraphRefused(lacks)
        self._names[name, version] = (time.monotonic(), plan)
        return plan

    async def of(self, workflow_id: str, version: int) -> Plan | None:
        """Return the plan of a version by its id; None = it is not known here. Raises GraphRefused."""
        plan = self._plans.get((workflow_id, version))
        if plan is None:
            published = await self._registries.version(workflow_id, version)
            plan = None if published is None else self._planned(published)
        return plan

    def _planned(self, published: Published) -> Plan:
        key = (published.workflow_id, published.version)
        plan = self._plans.get(key)
        if plan is None or plan.published.retired != published.retired:
            plan = Plan(published, graph_of(published.definition, self._plugins), {})
            if len(self._plans) > 1000:
                self._plans.clear()
            self._plans[key] = plan
        return plan

    async def place(self, plan: Plan, name: str, *, output: dict[str, Any] | None = None, generation: int = 1) -> Place:
        """Return a component with its checked options and its endpoint."""
        component = plan.graph.components[name]
        if name not in plan.options:
            if component.kind not in self.connectors:
                raise Permanent(
                    "KindUnknown", f"There is no connector for the kind “{component.kind}”. Known: {', '.join(self.connectors)}."
                )
            kind = KINDS.get(component.kind)
            try:
                plan.options[name] = kind.component.model_validate(component.options) if kind else component.options
            except ValidationError as error:
                # Without what was written: it goes into events, and may be what is wrong because it is a secret.
                found = error.errors(include_input=False, include_url=False, include_context=False)
                wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in found)
                raise Permanent("OptionsInvalid", f"The options of “{name}” are not valid: {wrong}.") from None
        endpoint = None if component.endpoint is None else await self.endpoint(component.endpoint, component.kind)
        return Place(component, plan.options[name], endpoint, output or {}, generation)

    def at_hand(self, plan: Plan, name: str, *, output: dict[str, Any] | None = None, generation: int = 1) -> Place | None:
        """Return the same as ``place`` when nothing has to be looked up for it; None = something has."""
        if name not in plan.options:
            return None
        component = plan.graph.components[name]
        endpoint: Endpoint | None = None
        if component.endpoint is not None:
            endpoint = self.known(component.endpoint)
            if endpoint is None or endpoint.kind != component.kind:
                return None
        return Place(component, plan.options[name], endpoint, output or {}, generation)

    def known(self, name: str) -> Endpoint | None:
        """Return an endpoint that was looked up within the last second; None = it has to be looked up."""
        known = self._endpoints.get(name)
        return known[1] if known is not None and time.monotonic() - known[0] <= _FRESH_SECONDS else None

    async def endpoint(self, name: str, kind: str) -> Endpoint:
        """Return an endpoint; a missing one may still come, so that is worth another attempt."""
        endpoint = self.known(name) or await self._looked_up(name)
        if endpoint.kind != kind:
            raise Permanent("EndpointDiffers", f"The endpoint “{name}” is of the kind “{endpoint.kind}”, and a “{kind}” is needed here.")
        return endpoint

    async def _looked_up(self, name: str) -> Endpoint:
        """Look an endpoint up, once for all that ask meanwhile: after a take-over, thousands do."""
        looking = self._looking.get(name)
        if looking is None:
            looking = self._looking[name] = asyncio.ensure_future(self._look_up(name))
        return await asyncio.shield(looking)  # who asks may be stopped, the others go on

    async def _look_up(self, name: str) -> Endpoint:
        try:
            look = self._registries.endpoint
            endpoint = await (look(name) if self._copy is None else self._copy.find(name, look))
        finally:
            del self._looking[name]
        if endpoint is None:
            raise Retryable("EndpointUnknown", f"There is no endpoint “{name}”. Register it, or correct endpoint: in the workflow.")
        self._endpoints[name] = (time.monotonic(), endpoint)
        return endpoint

    def step(self, plan: Plan, name: str, place: Place, sources: Any) -> Step:
        """Return what an attempt of the component does."""
        step = plan.steps.get(name)
        if step is None:
            step = step_of(self.connectors[place.component.kind], place, sources, self.connectors)
            if len(sources) == len(plan.graph.incoming.get(name, ())):
                plan.steps[name] = step
        return step
