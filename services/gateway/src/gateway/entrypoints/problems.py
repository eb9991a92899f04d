"""Errors as RFC 9457 problems: what is wrong, with which field, and the way out; never a trace, a query or a path."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from gateway.application.ports.read_model import WrongCursor
from gateway.application.ports.services import NotThere, ServiceIsAway
from gateway.domain.problems import Conflict, Invalid, InvalidDocument, Missing, Stale
from gateway.identity.people import SetupRefused, Throttled, WrongCredentials
from gateway.identity.principal import ForgedRequest, NotAllowed, SignInNeeded
from shared.runtime.database import may_pass_again, why_away
from shared.runtime.delivery.transaction import MessageTooLarge
from shared.runtime.keyfile import KeyFileBroken
from shared.runtime.logging import get_logger

log = get_logger(__name__)

MEDIA_TYPE = "application/problem+json"


ErrorPage = Callable[[Request, Exception, JSONResponse], Awaitable[Response]]
"""Renders an error for people; it stands at ``app.state.error_page``."""


class Replayed(Exception):
    """An Idempotency-Key came again with another body."""


class Precondition(Exception):
    """A change without If-Match."""


def problem(
    request: Request, status: int, title: str, detail: str = "", *, headers: dict[str, str] | None = None, **more: Any
) -> JSONResponse:
    """Return a problem document."""
    body = {
        "type": f"/problems/{title.lower().replace(' ', '-').replace(chr(39), '')}",
        "title": title,
        "status": status,
        "detail": detail,
        "request_id": getattr(request.state, "request_id", ""),
        **more,
    }
    return JSONResponse(body, status_code=status, media_type=MEDIA_TYPE, headers=headers)


def describe(request: Request, error: Exception) -> JSONResponse | None:  # noqa: C901, PLR0912 - one line for each kind of error
    """Return the problem that an error is, or None when it is nobody's fault but ours."""
    match error:
        case Invalid():
            errors = [{"field": item.field, "message": item.message, "hint": item.hint} for item in error.problems]
            return problem(request, 422, "Invalid input", str(error)[:2000], errors=errors)
        case InvalidDocument():
            errors = [vars(item) for item in error.problems]
            return problem(request, 422, "Invalid workflow", str(error)[:2000], errors=errors)
        case RequestValidationError():
            errors = [_field_error(item, error.body) for item in error.errors()]
            return problem(
                request, 422, "Invalid input", "; ".join(f"{item['field']}: {item['message']}" for item in errors)[:2000], errors=errors
            )
        case Stale():
            return problem(request, 412, "Changed meanwhile", str(error), headers={"ETag": f'"{error.current}"'})
        case Precondition():
            return problem(request, 428, "If-Match needed", str(error))
        case Conflict():
            return problem(
                request,
                409,
                "Conflict",
                str(error),
                errors=[{"field": error.field, "message": str(error), "hint": ""}] if error.field else [],
            )
        case Replayed():
            return problem(request, 422, "Idempotency-Key used", str(error))
        case WrongCursor():
            return problem(request, 422, "Invalid input", str(error), errors=[{"field": "after", "message": str(error), "hint": ""}])
        case NotThere() | Missing():
            return problem(request, 404, "Not found", str(error))
        case ServiceIsAway():
            return problem(request, 503, "Service away", str(error), headers={"Retry-After": "5"}, service=error.service)
        case MessageTooLarge():
            return problem(request, 413, "Too large", "This is larger than a message may be (1 MiB). Make it smaller.")
        case KeyFileBroken():
            log.error("a key file is missing or broken", error=str(error))
            return problem(
                request,
                503,
                "Keys missing",
                "A secret can't be sealed: a key file is missing. The log says which.",
                headers={"Retry-After": "30"},
            )
        case SignInNeeded():
            return problem(
                request, 401, "Sign-in needed", "Sign in, or send 'Authorization: Bearer ft_…'.", headers={"WWW-Authenticate": "Bearer"}
            )
        case WrongCredentials():
            return problem(request, 401, "Sign-in failed", "The name or the password is wrong.", headers={"WWW-Authenticate": "Bearer"})
        case Throttled():
            seconds = str(max(int(error.wait.total_seconds()), 1))
            return problem(request, 429, "Too many tries", str(error), headers={"Retry-After": seconds})
        case SetupRefused():
            return problem(request, 403, "Set-up refused", str(error))
        case NotAllowed():
            return problem(request, 403, "Not allowed", str(error))
        case ForgedRequest():
            return problem(request, 403, "Request refused", str(error))
        case HTTPException(__cause__=Invalid() as wrong):
            return describe(request, wrong)
        case HTTPException():
            return _http(request, error)
    return None


_TITLES = {404: "Not found", 405: "Method not allowed", 413: "Too large", 415: "Unsupported media type", 422: "Invalid input"}


def _http(request: Request, error: HTTPException) -> JSONResponse:
    title = _TITLES.get(error.status_code, "Request refused")
    detail = error.detail if isinstance(error.detail, str) else ""
    if error.status_code == 404 and detail == "Not Found":
        detail = f"There is nothing at {request.url.path[:200]}. The addresses are listed in /api/openapi.json."
    return problem(request, error.status_code, title, detail, headers=dict(error.headers or {}))


def _field_error(item: Any, body: Any) -> dict[str, str]:
    where = _place(item["loc"], body)
    kind, message = str(item["type"]), str(item["msg"])
    if kind == "extra_forbidden":
        message = f"'{where[-1] if where else ''}' is not known here."
        hint = "Leave it out, or look at /api/openapi.json for the right name."
    elif kind == "json_invalid":
        message, hint = "The body is not JSON.", "Send a JSON object with 'Content-Type: application/json'."
    elif kind == "missing":
        message, hint = "This is needed.", "Add it."
    else:
        hint = ""
    return {"field": ".".join(where), "message": message, "hint": hint}


def _place(loc: Sequence[Any], body: Any) -> list[str]:
    """Return the place of a problem by what was sent: where one of several shapes is taken, Pydantic's place also names the shape."""
    if loc[:1] != ("body",) or not isinstance(body, dict):
        return [str(part) for part in loc if part not in ("body", "query", "path", "header")]
    where, value = [], body
    for number, part in enumerate(loc[1:], start=2):
        inside = (isinstance(value, dict) and part in value) or (isinstance(value, list) and isinstance(part, int) and part < len(value))
        if inside:
            value = value[part]
        if inside or (number == len(loc) and isinstance(value, dict)):  # what is missing is not there
            where.append(str(part))
    return where


def away(request: Request, error: BaseException) -> JSONResponse | None:
    """Return the problem of a database that is away or busy, or None when the error is something else."""
    reason = why_away(error)
    if reason is None and may_pass_again(error):
        reason = "PostgreSQL is busy"
    if reason is None:
        return None
    log.warning("the database is away", reason=reason)
    return problem(
        request,
        503,
        "Service away",
        "The gateway's database does not answer now. Nothing was changed; try again.",
        headers={"Retry-After": "5"},
    )


async def answer(request: Request, error: Exception) -> Response:
    """Return the answer to an error: a problem document, or a page where people look at pages."""
    document = describe(request, error) or away(request, error)
    if document is None:
        log.error("unexpected error", exc_info=error, path=request.scope.get("path", ""))
        document = problem(request, 500, "Internal error", "Something went wrong here. The log has the details under this request's id.")
    page: ErrorPage | None = getattr(request.app.state, "error_page", None)
    if page is None or str(request.scope.get("path", "")).startswith(("/api/", "/live")):
        return document
    return await page(request, error, document)


def install(app: FastAPI) -> None:
    """Turn what FastAPI itself refuses into problems too; everything else passes through to ``Edge``."""
    for kind in (RequestValidationError, HTTPException):
        app.add_exception_handler(kind, answer)
