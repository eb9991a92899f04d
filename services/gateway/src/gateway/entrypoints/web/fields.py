"""Between the fields of a form and the shapes of the use cases; pure."""

import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from gateway.application.views.endpoints import ConfigField
from gateway.application.views.parts import Choice, FieldProblem
from gateway.domain.problems import Conflict, Invalid, Stale

REFUSED = (ValidationError, Invalid, Conflict, Stale)
"""What a use case raises when a form cannot be taken; nothing was changed then."""

_WORDS = {
    "ca_pem": "Certificate of your own authority",
    "tls": "TLS",
    "verify_tls": "Verify the certificate",
    "base_url": "Address",
    "host": "Host",
}


def problems_of(error: BaseException) -> tuple[FieldProblem, ...]:
    """Return what is wrong, per field of the form."""
    match error:
        case ValidationError():
            return tuple(
                FieldProblem(field=".".join(str(part) for part in item["loc"]), message=_sentence(item))
                for item in error.errors(include_url=False, include_input=False)
            )
        case Invalid():
            return tuple(FieldProblem(field=item.field, message=item.message, hint=item.hint) for item in error.problems)
        case Conflict():
            return (FieldProblem(field=error.field, message=str(error)),)
        case Stale():
            return (FieldProblem(field="", message=str(error), take=f'"{error.current}"'),)
        case _:
            return (FieldProblem(field="", message=str(error)),)


def etag_of(form: Mapping[str, str]) -> str | None:
    """Return the ETag from which a change begins: that of the form, or the newer one that its sender has seen and takes on."""
    return form.get("take_mine") or form.get("etag") or None


def status_of(error: BaseException) -> int:
    """Return the status of a form that is not taken."""
    return 412 if isinstance(error, Stale) else 422


def _sentence(item: Any) -> str:
    kind = str(item["type"])
    if kind in ("missing", "string_too_short"):
        return "This is needed."
    message = str(item["msg"]).removeprefix("Value error, ")
    return message if message.endswith(".") else f"{message}."


def checked(form: Mapping[str, str], name: str) -> bool:
    """Whether a checkbox is on; one that is off is not sent at all."""
    return form.get(name) == "true"


def commas(text: str) -> tuple[str, ...]:
    """Return the parts of a list written with commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def secret_of(form: Mapping[str, str], name: str) -> str | None:
    """Return a secret as typed; None when the field was left empty, which keeps what is stored, "" when that shall be removed."""
    return form.get(name) or ("" if name in commas(form.get("forget", "")) else None)


def secrets_of(shape: type[BaseModel], form: Mapping[str, str]) -> dict[str, Any] | None:
    """Return the secrets that were typed, and as empty those that shall be removed; what is not named here stays."""
    removed = {name.removeprefix("secrets."): "" for name in commas(form.get("forget", ""))}
    return {**removed, **config_values("secrets", shape, form)} or None


def shown(form: Mapping[str, str], names: Iterable[str]) -> dict[str, Any]:
    """Return what was typed into these fields."""
    return {name: form[name] for name in names if name in form}


def config_fields(
    part: str, shape: type[BaseModel], values: Mapping[str, Any], *, kept: frozenset[str] = frozenset()
) -> tuple[ConfigField, ...]:
    """Return the fields of a form from the shape of a kind's options or secrets; each is named ``part.field``."""
    return tuple(_field(part, name, info, values.get(name), name in kept) for name, info in shape.model_fields.items())


def _field(part: str, name: str, info: FieldInfo, value: Any, kept: bool) -> ConfigField:
    inner = _inner(info.annotation)
    secret = inner is SecretStr
    options: tuple[Choice, ...] = ()
    kind = "text"
    if secret:
        kind = "password"
    elif inner is bool:
        kind = "checkbox"
    elif inner in (int, float):
        kind = "number"
    elif typing.get_origin(inner) is Literal:
        kind = "select"
        options = tuple(Choice(value=str(item), label=str(item)) for item in typing.get_args(inner))
    elif name.endswith("_pem") or _is_table(inner):
        kind = "textarea"
    if value is None and not info.is_required() and not secret:
        value = info.get_default(call_default_factory=True)
    return ConfigField(
        name=f"{part}.{name}",
        label=_WORDS.get(name, name.replace("_", " ").capitalize()),
        input=kind,
        value="" if secret else _text(value),
        help=" ".join(part for part in (info.description or "", _how(inner)) if part),
        required=info.is_required(),
        secret=secret,
        kept=kept,
        options=options,
    )


def _inner(annotation: Any) -> Any:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return next((_inner(each) for each in typing.get_args(annotation) if each is not type(None)), str)
    if typing.get_origin(annotation) is typing.Annotated:
        return _inner(typing.get_args(annotation)[0])
    return annotation


def _is_table(annotation: Any) -> bool:
    return typing.get_origin(annotation) is dict


def _how(annotation: Any) -> str:
    if _is_table(annotation):
        return "One on each line, as “name: value”."
    return "Separated by commas." if _is_list(annotation) else ""


def _table(text: str) -> Any:
    """Return lines of ``name: value`` as a table; text that has another shape stays text, and the use case refuses it."""
    pairs = [line.partition(":") for line in text.splitlines() if line.strip()]
    if not all(separator and name.strip() for name, separator, _ in pairs):
        return text
    return {name.strip(): value.strip() for name, _, value in pairs}


def _is_list(annotation: Any) -> bool:
    return typing.get_origin(annotation) in (tuple, list)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "\n".join(f"{name}: {item}" for name, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value)
    return str(value)


def config_values(part: str, shape: type[BaseModel], form: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of such fields as typed: figures as figures, lists as lists, empty ones left out."""
    values: dict[str, Any] = {}
    for name, info in shape.model_fields.items():
        inner, text = _inner(info.annotation), form.get(f"{part}.{name}", "")
        if inner is bool:
            values[name] = text == "true"
        elif _is_list(inner):
            values[name] = list(commas(text))
        elif _is_table(inner):
            values[name] = _table(text)
        elif text.strip():
            values[name] = _number(text.strip(), inner) if inner in (int, float) else text if inner is SecretStr else text.strip()
    return values


def _number(text: str, kind: type) -> Any:
    try:
        return kind(text)
    except ValueError:
        return text
