"""People at the pages: their passwords, their links, what is theirs alone, and forms that are sent twice."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from run_stories import published

from gateway.identity.passwords import Passwords
from shared.runtime.ids import new_id

ADA_PASSWORD, FIRST, SECOND, THIRD = (
    "correct horse battery staple",
    "a first password of mine",
    "a second password of mine",
    "a third password of mine",
)


async def a_person(gateway) -> str:
    """Put another person into the store and return their name."""
    name = f"p-{new_id()}"
    await gateway.rows(
        "INSERT INTO users (id, name, email, password_hash, role, disabled, created_at, password_changed_at)"
        " VALUES ($1, $2, '', $3, 'admin', false, now(), now())",
        new_id(), name, await Passwords().hash(FIRST),
    )  # fmt: skip
    return name


async def signs_in(client: httpx.AsyncClient, name: str, password: str) -> bool:
    signed = await client.post("/api/account/sign-in/", json={"name": name, "password": password})
    if signed.status_code == 200:
        client.headers["X-CSRF-Token"] = signed.json()["csrf_token"]
    return signed.status_code == 200


@asynccontextmanager
async def at_pages(url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=url, headers={"Accept": "text/html", "Origin": url}, trust_env=False, timeout=30) as client:
        yield client


async def actions(gateway, name: str) -> list[tuple[str, str]]:
    return [(row["who"], row["action"]) for row in await gateway.rows("SELECT who, action FROM audit WHERE subject = $1 ORDER BY id", name)]


async def test_a_password_is_changed_by_who_knows_it_and_ends_every_other_sign_in(gateway, first_user: str, page_url: str) -> None:
    name = await a_person(gateway)
    async with at_pages(page_url) as here, at_pages(page_url) as elsewhere:
        assert await signs_in(here, name, FIRST)
        assert await signs_in(elsewhere, name, FIRST)
        form = {"password": "not that one at all", "new_password": SECOND}
        wrong = await here.post("/account/password/", data=form)
        assert (wrong.status_code, "This is not your password." in wrong.text) == (422, True)
        weak = await here.post("/account/password/", data={"password": FIRST, "new_password": "short"})
        assert (weak.status_code, "at least 12" in weak.text) == (422, True)
        assert (await elsewhere.get("/account/")).status_code == 200
        taken = await here.post("/account/password/", data={"password": FIRST, "new_password": SECOND})
        assert (taken.status_code, taken.headers["location"]) == (303, "/account/")
        assert (await here.get("/account/")).status_code == 200
        assert (await elsewhere.get("/account/")).status_code == 303, "signed out"
        assert not await signs_in(elsewhere, name, FIRST)
        assert await signs_in(elsewhere, name, SECOND)
    assert await actions(gateway, name) == [(name, "password.changed")]


async def test_a_lost_password_is_replaced_by_a_link_that_works_once(gateway, first_user: str, page_url: str) -> None:
    name = await a_person(gateway)
    nobody = await asyncio.to_thread(gateway.command, "reset-link", "nobody-at-all")
    assert (nobody.returncode, "/reset/" in nobody.stdout) == (3, False)
    links = [await asyncio.to_thread(gateway.command, "reset-link", name.upper()) for _ in range(2)]
    assert [link.returncode for link in links] == [0, 0], links[0].stderr
    token, other = (link.stdout.strip().split("/reset/?token=")[1] for link in links)
    async with at_pages(page_url) as signed_in, at_pages(page_url) as lost:
        assert await signs_in(signed_in, name, FIRST)
        assert (await lost.get("/reset/", params={"token": token[:-1] + ("0" if token[-1] != "0" else "1")})).status_code == 403
        page = await lost.get("/reset/", params={"token": token})
        assert name in page.text
        csrf = page.text.split('name="csrf_token" value="')[1].split('"')[0]
        weak = await lost.post("/reset/", data={"token": token, "new_password": "short", "csrf_token": csrf})
        assert (weak.status_code, "at least 12" in weak.text) == (422, True)
        taken = await lost.post("/reset/", data={"token": token, "new_password": THIRD, "csrf_token": csrf})
        assert (taken.status_code, taken.headers["location"]) == (303, "/account/")
        assert (await lost.get("/account/")).status_code == 200
        assert (await signed_in.get("/account/")).status_code == 303
        for used in (token, other):
            assert (await lost.get("/reset/", params={"token": used})).status_code == 403
        assert not await signs_in(signed_in, name, FIRST)
    assert await actions(gateway, name) == [("command line", "password.link_made")] * 2 + [(name, "password.reset")]


async def test_nobody_ends_the_sign_in_or_revokes_the_token_of_another(gateway, api: httpx.AsyncClient, page_url: str) -> None:
    name = await a_person(gateway)
    made = (await api.post("/api/tokens/", json={"name": "mine"})).json()
    async with at_pages(page_url) as bob, at_pages(page_url) as ada:
        assert await signs_in(bob, name, FIRST)
        assert await signs_in(ada, "ada", ADA_PASSWORD)
        query = "SELECT s.id FROM sessions s JOIN users u ON u.id = s.user_id WHERE u.name = $1 ORDER BY s.started_at DESC LIMIT 1"
        (session,) = [row["id"] for row in await gateway.rows(query, "ada")]
        assert made["id"] not in (await bob.get("/account/")).text
        assert session not in (await bob.get("/account/")).text
        assert (await bob.post(f"/account/sessions/{session}/end/")).status_code == 404
        assert (await bob.post(f"/account/tokens/{made['id']}/revoke/")).status_code == 404
        assert (await bob.delete(f"/api/tokens/{made['id']}/")).status_code == 404
        listed = await bob.get("/api/tokens/")
        assert listed.json()["items"] == []
        assert (await ada.get("/account/")).status_code == 200
    async with gateway.client(Authorization=f"Bearer {made['token']}") as program:
        assert (await program.get("/api/account/")).json()["name"] == "ada"
    # Half of one token and half of another is neither.
    async with gateway.client(Authorization=f"Bearer ft_{new_id().replace('-', '')}_{made['token'].split('_')[2]}") as forged:
        assert (await forged.get("/api/account/")).status_code == 401


async def test_a_form_that_is_sent_twice_starts_one_run(gateway, api: httpx.AsyncClient, page_url: str) -> None:
    _, workflow_id = await published(api)
    async with at_pages(page_url) as ada:
        assert await signs_in(ada, "ada", ADA_PASSWORD)
        path = f"/workflows/{workflow_id}/start/"
        page = (await ada.get(path)).text
        key = page.split('name="once" value="')[1].split('"')[0]
        assert key != (await ada.get(path)).text.split('name="once" value="')[1].split('"')[0]
        answers = await asyncio.gather(*(ada.post(path, data={"once": key, "inputs": ""}) for _ in range(4)))
        assert {answer.status_code for answer in answers} == {303}, answers[0].text
        assert len({answer.headers["location"] for answer in answers}) == 1
        another = await ada.post(path, data={"once": f"{key}.1", "inputs": ""})
        assert another.headers["location"] != answers[0].headers["location"]
    assert len(await gateway.rows("SELECT 1 FROM runs WHERE workflow_id = $1", workflow_id)) == 2
