"""What the gateway asks: does this rule make sense, and what is there to start from."""

from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Depends, HTTPException
from pydantic import BaseModel

from alerter.application.examples import EXAMPLES
from alerter.application.rule_check import Checker, check
from shared.contracts.alerts import RuleSubject, Severity
from shared.contracts.internal import RuleCheckRequest, RuleCheckResult


class RuleExample(BaseModel):
    """A rule to start from."""

    name: str
    about: str
    subject: RuleSubject
    expression: str
    hold: float
    severity: Severity
    summary: str


def router(checker: Checker, allowed: Callable[..., Awaitable[str]]) -> APIRouter:
    """Return the routes, for services of this installation only."""
    routes = APIRouter(prefix="/internal/rules", dependencies=[Depends(allowed)])

    @routes.post("/check")
    async def check_rule(asked: RuleCheckRequest) -> RuleCheckResult:
        if asked.subject not in set(RuleSubject):
            raise HTTPException(422, f"subject: there is no {asked.subject!r}; known are {', '.join(RuleSubject)}")
        return check(checker, RuleSubject(asked.subject), asked.expression, asked.summary)

    @routes.get("/examples")
    async def examples() -> list[RuleExample]:
        return [RuleExample.model_validate(example, from_attributes=True) for example in EXAMPLES]

    return routes
