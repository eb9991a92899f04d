"""Seals, keys and tokens."""

import re
import stat

import pytest
from fastapi import Depends, FastAPI
from httpx import ASGITransport, AsyncClient, ConnectError, MockTransport, Response

from shared.runtime import keys
from shared.runtime.internal import InternalClient, InternalSigner, ServiceAway, TokenRefused, require_internal
from shared.runtime.keyfile import KeyFileBroken, read_keys
from shared.runtime.sealed import OpeningKey, SealBroken, SealedForAnother, SealingKey
from shared.runtime.vault import Vault


@pytest.fixture
def keys_dir(tmp_path):
    keys.make(tmp_path)
    return tmp_path


def test_all_key_files_are_made_once_and_are_private(tmp_path) -> None:
    made = tmp_path / "new" / "keys"
    assert keys.main([str(made)]) == 0
    names = {"cluster-poller.key", "executor.key", "alerter.key", "internal.key", "gateway.key"}
    assert {path.name for path in made.iterdir()} == names | {"cluster-poller.pub", "executor.pub", "alerter.pub"}
    for name in names:
        assert stat.S_IMODE((made / name).stat().st_mode) == 0o600
    before = {path.name: path.read_bytes() for path in made.iterdir()}
    assert keys.main([str(made)]) == 0
    assert {path.name: path.read_bytes() for path in made.iterdir()} == before


def test_the_command_prints_no_key(tmp_path, capsys) -> None:
    keys.main([str(tmp_path)])
    shown = capsys.readouterr().out
    for path in tmp_path.glob("*.key"):
        assert path.read_text().strip() not in shown


def test_only_the_key_holder_opens_and_only_for_the_owner(keys_dir) -> None:
    sealed = SealingKey.from_file(keys_dir / "executor.pub").seal(b"s3cret \x00\xff", owner="endpoint-1")
    assert re.fullmatch(r"v1\.[0-9a-f]{12}\.[A-Za-z0-9_-]+", sealed)
    opener = OpeningKey.from_file(keys_dir / "executor.key")
    assert opener.open(sealed, owner="endpoint-1") == b"s3cret \x00\xff"
    with pytest.raises(SealedForAnother):
        opener.open(sealed, owner="endpoint-2")
    with pytest.raises(SealBroken, match="not here"):
        OpeningKey.from_file(keys_dir / "alerter.key").open(sealed, owner="endpoint-1")


def test_each_changed_character_breaks_the_seal(keys_dir) -> None:
    sealed = SealingKey.from_file(keys_dir / "executor.pub").seal(b"pw", owner="e")
    opener = OpeningKey.from_file(keys_dir / "executor.key")
    for place in range(len(sealed) - 1):  # the last character may hold unused bits
        changed = sealed[:place] + ("A" if sealed[place] != "A" else "B") + sealed[place + 1 :]
        with pytest.raises(SealBroken):
            opener.open(changed, owner="e")


@pytest.mark.parametrize("text", ["", "v1", "v1..", "v2.a.b", "v1.0123456789ab.", "v1.0123456789ab.!!", "password", "v1.é.é"])
def test_what_is_no_seal_is_refused(keys_dir, text: str) -> None:
    with pytest.raises(SealBroken):
        OpeningKey.from_file(keys_dir / "executor.key").open(text, owner="e")
    with pytest.raises(SealBroken):
        Vault(keys_dir / "gateway.key").open("t", "1", "c", text)


def test_after_a_rotation_old_seals_open_and_new_ones_use_the_new_key(keys_dir) -> None:
    old = SealingKey.from_file(keys_dir / "executor.pub").seal(b"old", owner="e")
    vault_old = Vault(keys_dir / "gateway.key").seal("t", "1", "c", b"old")
    keys.main([str(keys_dir), "--rotate", "executor"])
    keys.main([str(keys_dir), "--rotate", "gateway"])
    new = SealingKey.from_file(keys_dir / "executor.pub").seal(b"new", owner="e")
    assert old.split(".")[1] != new.split(".")[1]
    opener = OpeningKey.from_file(keys_dir / "executor.key")
    assert (opener.open(old, owner="e"), opener.open(new, owner="e")) == (b"old", b"new")
    vault = Vault(keys_dir / "gateway.key")
    assert vault.open("t", "1", "c", vault_old) == b"old"
    assert not vault.is_newest(vault_old)
    assert vault.is_newest(vault.seal("t", "1", "c", b"x"))


def test_what_the_vault_seals_opens_in_its_place_alone(keys_dir) -> None:
    vault = Vault(keys_dir / "gateway.key")
    sealed = vault.seal("users", "7", "totp", b"seed")
    assert vault.open("users", "7", "totp", sealed) == b"seed"
    assert vault.seal("users", "7", "totp", b"seed") != sealed
    for place in (("users", "8", "totp"), ("tokens", "7", "totp"), ("users", "7", "other")):
        with pytest.raises(SealBroken):
            vault.open(*place, sealed)


def test_a_missing_or_broken_key_file_is_named_with_the_way_out(tmp_path) -> None:
    with pytest.raises(KeyFileBroken, match=r"python -m shared\.runtime\.keys"):
        read_keys(tmp_path / "executor.key")
    broken = tmp_path / "executor.key"
    broken.write_text("c2hvcnQ\n")
    with pytest.raises(KeyFileBroken, match=r"executor\.key, line 1: a key has 32 bytes") as error:
        read_keys(broken)
    assert "c2hvcnQ" not in str(error.value)


def test_a_token_says_who_asks_and_is_for_one_service_and_a_minute(keys_dir) -> None:
    times = [1000.0]
    signer = InternalSigner(keys_dir, issuer="gateway", clock=lambda: times[0])
    token = signer.token("executor")
    assert signer.verify(token, "executor") == "gateway"
    with pytest.raises(TokenRefused, match="not for cluster-poller"):
        signer.verify(token, "cluster-poller")
    times[0] += 69
    assert signer.verify(token, "executor") == "gateway"
    times[0] += 2
    with pytest.raises(TokenRefused, match="over"):
        signer.verify(token, "executor")
    times[0] = 900.0
    with pytest.raises(TokenRefused, match="too long"):
        signer.verify(token, "executor")


def test_a_token_of_another_installation_or_a_changed_one_is_refused(keys_dir, tmp_path_factory) -> None:
    other = tmp_path_factory.mktemp("other")
    keys.make(other)
    signer = InternalSigner(keys_dir)
    token = signer.token("executor")
    claims, _, signature = token.partition(".")
    for bad in (
        InternalSigner(other).token("executor"),
        f"{claims}x.{signature}",
        f"{claims}.",
        claims,
        "",
        ".",
        "a.b",
        f"{claims}.{signature}é",
    ):
        with pytest.raises(TokenRefused):
            signer.verify(bad, "executor")


def guarded(signer: InternalSigner) -> FastAPI:
    app = FastAPI()
    app.get("/internal/x", dependencies=[Depends(require_internal(signer, "executor"))])(lambda: {"ok": True})
    app.post("/internal/large", dependencies=[Depends(require_internal(signer, "executor"))])(lambda: {"x": "y" * 11_000_000})
    return app


async def test_internal_routes_let_only_signed_requests_in(keys_dir) -> None:
    signer = InternalSigner(keys_dir)
    async with AsyncClient(transport=ASGITransport(guarded(signer)), base_url="http://executor") as client:
        for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": f"Basic {signer.token('executor')}"}):
            answer = await client.get("/internal/x", headers=headers)
            assert answer.status_code == 401
            assert "signature" not in answer.text
        assert (await client.get("/internal/x", headers={"Authorization": f"Bearer {signer.token('alerter')}"})).status_code == 401
        assert (await client.get("/internal/x", headers={"Authorization": f"Bearer {signer.token('executor')}"})).status_code == 200


async def test_the_client_asks_signed_and_within_bounds(keys_dir) -> None:
    signer = InternalSigner(keys_dir)
    client = InternalClient("http://executor", "executor", signer, transport=ASGITransport(guarded(signer)))
    assert (await client.get("/internal/x")).json() == {"ok": True}
    assert (await client.get("/internal/none")).status_code == 404
    with pytest.raises(ServiceAway, match="longer than"):
        await client.post("/internal/large")
    await client.stop()


@pytest.mark.parametrize("status", [401, 403, 500, 502, 503])
async def test_a_service_that_does_not_answer_is_away(keys_dir, status: int) -> None:
    client = InternalClient("http://executor", "executor", InternalSigner(keys_dir), transport=MockTransport(lambda _r: Response(status)))
    with pytest.raises(ServiceAway, match=f"executor: answered {status}"):
        await client.get("/internal/x")
    await client.stop()

    def refuse(_request) -> Response:
        raise ConnectError("connection refused")

    client = InternalClient("http://executor", "executor", InternalSigner(keys_dir), transport=MockTransport(refuse))
    with pytest.raises(ServiceAway, match="refused"):
        await client.get("/internal/x")
    await client.stop()
