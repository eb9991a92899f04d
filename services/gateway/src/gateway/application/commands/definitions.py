"""Create, replace and delete: the same for clusters, endpoints, rules and channels. What differs is in each Shape."""

from typing import Any, Generic, Protocol, TypeVar

from pydantic import BaseModel

from gateway.application.commands.secrets import sealed_after
from gateway.application.definitions import Actor, Definition, Entry, Kind
from gateway.application.ports.work import Sealer, Work, Works
from gateway.domain.problems import Conflict, FieldProblem, Invalid, Missing, Stale
from shared.contracts.topics import Topic
from shared.runtime.clock import now
from shared.runtime.ids import new_id

Given = TypeVar("Given", bound=BaseModel)
Given_contra = TypeVar("Given_contra", bound=BaseModel, contravariant=True)


class Shape(Protocol[Given_contra]):
    """What one kind of definition adds: its checks, its secret and its message."""

    kind: Kind
    topic: Topic
    opener: str
    """The service that alone can open the secret."""

    async def ask(self, given: Given_contra) -> list[FieldProblem]:
        """Ask others, before the transaction begins: nothing waits for a network inside of one."""
        ...

    async def check(self, work: Work, given: Given_contra, before: Definition | None) -> list[FieldProblem]: ...
    def name(self, given: Given_contra) -> str: ...
    def body(self, given: Given_contra) -> dict[str, Any]: ...
    def secret(self, given: Given_contra) -> dict[str, str]:
        """Return the secrets that were given by name. One that is not named stays as it is stored, an empty one is forgotten."""
        ...

    def encode(self, secrets: dict[str, str]) -> bytes: ...
    def address(self, body: dict[str, Any]) -> object:
        """Return what a secret is bound to: when it changes, the stored secret goes."""
        ...

    def message(self, definition: Definition) -> BaseModel: ...
    async def may_go(self, work: Work, definition: Definition) -> None: ...
    async def may_change_name(self, work: Work, definition: Definition) -> None:
        """Raise Conflict while others find it by its name."""
        ...


class Define(Generic[Given]):
    """The use cases of one kind of definition."""

    def __init__(self, works: Works, sealer: Sealer, shape: Shape[Given]) -> None:
        self._works = works
        self._sealer = sealer
        self._shape = shape

    async def create(self, actor: Actor, given: Given, *, work: Work | None = None) -> Definition:
        """Register it; the registry event leaves with it. ``work``: a transaction that is open already, after ``ask``."""
        if work is not None:
            return await self._create(work, actor, given)
        await self.ask(given)
        async with self._works.begin() as own:
            return await self._create(own, actor, given)

    async def ask(self, given: Given) -> None:
        """Ask what must be asked of others before anything is written."""
        problems = await self._shape.ask(given)
        if problems:
            raise Invalid(*problems)

    async def _create(self, work: Work, actor: Actor, given: Given) -> Definition:
        shape, at = self._shape, now()
        await self._check(work, given, None)
        identity = new_id()
        body = shape.body(given)
        sealed, names = sealed_after(shape, self._sealer, given, None, owner=identity)
        if names:
            body = {**body, "secrets": names}
        made = Definition(shape.kind, identity, shape.name(given), 1, body, sealed, at, actor.name, at, actor.name)
        await work.add(made)
        await self._tell(work, actor, "created", None, made)
        return made

    async def replace(self, actor: Actor, definition_id: str, given: Given, *, if_match: str | None) -> Definition:
        """Change it as a whole. ``if_match``: the ETag that the change began from; None takes any."""
        shape = self._shape
        await self.ask(given)
        async with self._works.begin() as work:
            before = await self._current(work, definition_id, if_match)
            await self._check(work, given, before)
            if shape.name(given) != before.name:
                await shape.may_change_name(work, before)
            body = shape.body(given)
            sealed, names = sealed_after(shape, self._sealer, given, before, owner=before.id)
            if names:
                body = {**body, "secrets": names}
            after = before.changed(name=shape.name(given), body=body, sealed_secret=sealed, at=now(), by=actor.name)
            await work.replace(after)
            await self._tell(work, actor, "changed", before, after)
            return after

    async def delete(self, actor: Actor, definition_id: str, *, if_match: str | None = None) -> Definition:
        """Remove it; a tombstone leaves with it."""
        async with self._works.begin() as work:
            before = await self._current(work, definition_id, if_match)
            await self._shape.may_go(work, before)
            await work.remove(before)
            await self._tell(work, actor, "deleted", before, None)
            return before

    async def _current(self, work: Work, definition_id: str, if_match: str | None) -> Definition:
        kind = self._shape.kind
        found = await work.definition(kind, definition_id, lock=True)
        if found is None:
            raise Missing(kind, definition_id)
        if if_match is not None and if_match != "*" and found.etag not in [tag.strip() for tag in if_match.split(",")]:
            raise Stale(kind, expected=if_match, current=found.revision)
        return found

    async def _check(self, work: Work, given: Given, before: Definition | None) -> None:
        problems = await self._shape.check(work, given, before)
        namesake = await work.named(self._shape.kind, self._shape.name(given))
        if namesake is not None and (before is None or namesake.id != before.id):
            kind = self._shape.kind
            hint = f"Choose another name, or change the {kind} that has it."
            problems.append(FieldProblem("name", f"There is a {kind} '{namesake.name}' already.", hint))
        if problems:
            raise Invalid(*problems)

    async def _tell(self, work: Work, actor: Actor, action: str, before: Definition | None, after: Definition | None) -> None:
        subject = after or before
        if subject is None:
            raise Conflict("Nothing was changed.")
        work.publish(self._shape.topic, None if after is None else self._shape.message(after), key=subject.id)
        await work.audit(
            Entry(
                who=actor.name,
                action=f"{subject.kind}.{action}",
                kind=subject.kind,
                subject_id=subject.id,
                subject=subject.name,
                before=None if before is None else before.shown(),
                after=None if after is None else after.shown(),
                reason=actor.reason,
                request_id=actor.request_id,
            )
        )
        await work.changed(subject.kind, subject.id)
