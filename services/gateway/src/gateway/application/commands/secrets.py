"""What is sealed after a change: each secret by itself, so that one can be given anew while the others stay.

The gateway can't open what it sealed. It keeps the sealed values side by side (``shared.runtime.sealed.SEPARATOR``), in the order of
their names in ``body["secrets"]``.
"""

from typing import Any, Protocol, TypeVar

from gateway.application.definitions import Definition
from gateway.application.ports.work import Sealer
from gateway.domain.problems import FieldProblem, Invalid
from shared.runtime.sealed import SEPARATOR

Given_contra = TypeVar("Given_contra", contravariant=True)


class Secretive(Protocol[Given_contra]):
    """The part of a Shape that is about secrets."""

    opener: str

    def body(self, given: Given_contra) -> dict[str, Any]: ...
    def secret(self, given: Given_contra) -> dict[str, str]: ...
    def encode(self, secrets: dict[str, str]) -> bytes: ...
    def address(self, body: dict[str, Any]) -> object: ...


def sealed_after(
    shape: Secretive[Given_contra], sealer: Sealer, given: Given_contra, before: Definition | None, *, owner: str
) -> tuple[str | None, list[str]]:
    """Return what is sealed and the names of what is in it. Raises Invalid where what is stored can't be taken apart."""
    asked, stored = shape.secret(given), {}
    # A credential must never follow a changed address: whoever changes it would receive it.
    if before is not None and before.sealed_secret is not None and shape.address(shape.body(given)) == shape.address(before.body):
        names = list(before.body.get("secrets", ()))
        if not asked:
            return before.sealed_secret, names
        stored = _apart(before.sealed_secret, names, asked)
    for name, value in asked.items():
        stored.pop(name, None)
        if value:
            stored[name] = sealer.seal(shape.opener, shape.encode({name: value}), owner=owner)
    names = sorted(stored)
    return SEPARATOR.join(stored[name] for name in names) or None, names


def _apart(sealed: str, names: list[str], asked: dict[str, str]) -> dict[str, str]:
    values = sealed.split(SEPARATOR)
    if len(values) == len(names):
        return dict(zip(names, values, strict=True))
    # Sealed together, as it was done before each was sealed by itself.
    left = [name for name in names if name not in asked]
    if left:
        hint = "Enter these too, or have them removed."
        raise Invalid(
            *(FieldProblem(f"secrets.{name}", "It was stored together with what you change, and can't be kept.", hint) for name in left)
        )
    return {}
