"""What a test of a connection found, as a page says it."""

from fastapi import Request, Response

from gateway.application.views.clusters import ClusterFormPage, ConnectionTest
from gateway.application.views.endpoints import EndpointFormPage
from gateway.application.views.parts import Fact, FieldProblem
from gateway.entrypoints.web.site import Site, done, own_path
from shared.contracts.internal import ConnectionTestResult, EndpointTestResult

_TITLES = {
    "wrong_url": "This is no Airflow.",
    "wrong_password": "User or password is wrong.",
    "no_permission": "The user may not read.",
    "wrong_version": "This version is not known.",
    "tls": "The certificate is not trusted.",
    "timeout": "It did not answer in time.",
    "unreachable": "It cannot be reached.",
    "egress": "This address is not allowed.",
    "bad_answer": "It answers, but not as Airflow does.",
}


def cluster_test(result: ConnectionTestResult) -> ConnectionTest:
    """Return the test of a cluster in words."""
    facts = [Fact(label=part.component.replace("_", " ").capitalize(), value=part.health.value) for part in result.components]
    if result.version:
        facts.insert(0, Fact(label="Airflow", value=result.version + (f", API {result.api}" if result.api else "")))
    return ConnectionTest(
        tone="ok" if result.ok else "bad",
        title="It answers." if result.ok else _TITLES.get(result.problem, "It did not work."),
        text=result.message,
        reason=result.problem,
        facts=tuple(facts),
        took_ms=None if result.latency_seconds is None else round(result.latency_seconds * 1000),
    )


def endpoint_test(result: EndpointTestResult) -> ConnectionTest:
    """Return the test of an endpoint in words."""
    return ConnectionTest(
        tone="ok" if result.ok else "bad",
        title="It answers." if result.ok else "It does not work.",
        text=result.message,
        reason=result.problem,
        facts=tuple(
            Fact(label=name.replace("_", " ").capitalize(), value=str(value))
            for name, value in result.facts.items()
            if isinstance(value, str | int | float)
        ),
        took_ms=None if result.latency_seconds is None else round(result.latency_seconds * 1000),
    )


def answer_trial(site: Site, request: Request, template: str, page: ClusterFormPage | EndpointFormPage) -> Response | None:
    """Return the finding for a script: beside the form where there is one, else in a corner. None: a whole page is wanted."""
    if request.headers.get("hx-request") != "true" or page.test is None:
        return None
    here = own_path(request.headers.get("hx-current-url", ""))
    if not here.startswith(("/clusters/", "/endpoints/")):
        return done(request, "", f"{page.test.title} {page.test.text}", page.test.tone)
    response = site.render(request, template, {"page": page}, part="test")
    response.headers["HX-Retarget"], response.headers["HX-Reswap"] = "#test-result", "innerHTML"
    return response


def untested(problems: tuple[FieldProblem, ...]) -> ConnectionTest:
    """Return that nothing was tried, and why."""
    said = " ".join(f"{item.field.replace('_', ' ').capitalize()}: {item.message}" if item.field else item.message for item in problems)
    return ConnectionTest(tone="retry", title="Nothing was tried yet.", text=said, hint=problems[0].hint if problems else "")


def service_away(service: str, reason: str) -> ConnectionTest:
    """Return that the service which would try it is away."""
    return ConnectionTest(
        tone="unknown",
        title=f"The {service} is away.",
        text=f"It is the only one that can try this. {reason}",
        hint="Try again when it is back.",
    )
