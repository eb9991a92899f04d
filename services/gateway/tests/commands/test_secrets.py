"""Each secret is sealed by itself: one changes or goes, the others stay. Real keys; what is sealed is opened again."""

import pytest
from nacl.public import PrivateKey

from gateway.application.commands.endpoints import EndpointInput, EndpointShape
from gateway.application.commands.secrets import sealed_after
from gateway.application.definitions import Definition, Kind
from gateway.domain.problems import Invalid
from shared.runtime.clock import now
from shared.runtime.keyfile import key_id
from shared.runtime.sealed import OpeningKey, SealBroken, SealingKey

PRIVATE = PrivateKey.generate()
OPENING = OpeningKey({key_id(bytes(PRIVATE.public_key)): PRIVATE})
OWNER = "e1"


class Sealer:
    """Seals to a real key."""

    def seal(self, service: str, secret: bytes, *, owner: str) -> str:
        assert service == "executor"
        return SealingKey(PRIVATE.public_key).seal(secret, owner=owner)


def given(url: str = "https://shop.example.com", **secrets: str) -> EndpointInput:
    return EndpointInput.model_validate({"name": "shop", "kind": "service", "options": {"base_url": url}, "secrets": secrets or None})


def changed(what: EndpointInput, before: Definition | None = None) -> Definition:
    """Return the endpoint after a change, as ``Define`` keeps it."""
    shape = EndpointShape(None)  # type: ignore[arg-type]
    sealed, names = sealed_after(shape, Sealer(), what, before, owner=OWNER)
    return Definition(Kind.ENDPOINT, OWNER, "shop", 1, {**shape.body(what), "secrets": names}, sealed, now(), "ada", now(), "ada")


def opened(definition: Definition) -> dict[str, str]:
    return {} if definition.sealed_secret is None else OPENING.open_texts(definition.sealed_secret, owner=OWNER)


def test_a_secret_that_is_not_typed_stays_and_one_that_is_removed_goes() -> None:
    first = changed(given(password="pw", bearer_token="bt", header_value="hv"))
    assert opened(first) == {"password": "pw", "bearer_token": "bt", "header_value": "hv"}
    second = changed(given(bearer_token="new"), first)
    assert opened(second) == {"password": "pw", "bearer_token": "new", "header_value": "hv"}
    assert second.body["secrets"] == ["bearer_token", "header_value", "password"]
    third = changed(given(password="", header_value=""), second)
    assert opened(third) == {"bearer_token": "new"}
    assert third.body["secrets"] == ["bearer_token"]
    assert changed(given(), third).sealed_secret == third.sealed_secret
    assert changed(given(bearer_token=""), third).sealed_secret is None


def test_what_is_stored_does_not_follow_a_changed_address_beside_a_secret_that_is_given() -> None:
    first = changed(given(password="pw", bearer_token="bt"))
    assert opened(changed(given("https://elsewhere.example.com", bearer_token="bt2"), first)) == {"bearer_token": "bt2"}
    assert opened(changed(given("https://elsewhere.example.com"), first)) == {}


def test_what_was_sealed_together_by_an_earlier_version_is_kept_whole_or_asked_for_again() -> None:
    together = Sealer().seal("executor", b'{"password": "pw", "bearer_token": "bt"}', owner=OWNER)
    body = {"options": {"base_url": "https://shop.example.com"}, "secrets": ["bearer_token", "password"]}
    old = Definition(Kind.ENDPOINT, OWNER, "shop", 1, body, together, now(), "ada", now(), "ada")
    assert opened(changed(given(), old)) == {"password": "pw", "bearer_token": "bt"}
    with pytest.raises(Invalid) as refused:
        changed(given(password="new"), old)
    assert [item.field for item in refused.value.problems] == ["secrets.bearer_token"]
    assert opened(changed(given(password="new", bearer_token=""), old)) == {"password": "new"}


def test_one_broken_seal_among_several_opens_nothing() -> None:
    first = changed(given(password="pw", bearer_token="bt"))
    with pytest.raises(SealBroken):
        OPENING.open_texts((first.sealed_secret or "")[:-8], owner=OWNER)
    with pytest.raises(SealBroken, match="no JSON object"):
        OPENING.open_texts(Sealer().seal("executor", b"[1]", owner=OWNER), owner=OWNER)
