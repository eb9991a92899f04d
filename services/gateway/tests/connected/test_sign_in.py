"""Sign-in: throttled, no word on who exists, forged requests refused, a new session at each sign-in."""

import asyncio
import statistics
import time

import httpx
import pytest

from shared.runtime.ids import new_id

NAME, PASSWORD = "ada", "correct horse battery staple"


@pytest.mark.usefixtures("first_user")
async def test_the_set_up_link_works_once(gateway) -> None:
    assert gateway.setup_link().returncode == 3
    async with gateway.client() as client:
        body = {"token": "x" * 43, "name": "mallory", "password": PASSWORD}
        answer = await client.post("/api/account/set-up/", json=body)
    assert answer.status_code == 403
    assert "set-up is done" in answer.json()["detail"]
    assert await gateway.rows("SELECT 1 FROM users WHERE name = 'mallory'") == []
    assert await gateway.rows("SELECT 1 FROM setup_tokens") == []


@pytest.mark.usefixtures("first_user")
async def test_a_wrong_password_is_not_told_from_a_wrong_name(gateway) -> None:
    async with gateway.client() as client:
        answers = [
            await client.post("/api/account/sign-in/", json={"name": name, "password": "wrong wrong wrong"})
            for name in (NAME, f"nobody-{new_id()}")
        ]
    bodies = [{key: value for key, value in answer.json().items() if key != "request_id"} for answer in answers]
    assert bodies[0] == bodies[1]
    assert [answer.status_code for answer in answers] == [401, 401]


async def test_finding_out_that_nobody_is_there_takes_as_long() -> None:
    from gateway.identity.passwords import Passwords  # noqa: PLC0415

    passwords = Passwords()
    known = await passwords.hash(PASSWORD)
    await passwords.verify("warm up, please", None)
    took: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(12):
        for exists in (True, False):
            began = time.process_time()
            assert not await passwords.verify("not the password", known if exists else None)
            took[exists].append(time.process_time() - began)
    slow, fast = statistics.median(took[True]), statistics.median(took[False])
    assert abs(slow - fast) < max(0.5 * slow, 0.01)


@pytest.mark.usefixtures("first_user")
async def test_many_wrong_tries_wait_and_a_forged_address_changes_nothing(gateway) -> None:
    name = f"victim-{new_id()}"
    codes = []
    async with gateway.client() as client:
        for number in range(12):
            headers = {"X-Forwarded-For": f"203.0.113.{number}", "X-Real-IP": f"203.0.113.{number}"}
            answer = await client.post("/api/account/sign-in/", json={"name": name, "password": "wrong wrong wrong"}, headers=headers)
            codes.append(answer.status_code)
    assert codes[:5] == [401] * 5
    assert set(codes[5:]) == {429}
    assert int(answer.headers["retry-after"]) >= 1
    await _forget_tries(gateway)


@pytest.mark.usefixtures("first_user")
async def test_parallel_tries_are_not_all_the_free_one(gateway) -> None:
    name = f"victim-{new_id()}"
    async with gateway.client() as client:
        answers = await asyncio.gather(
            *(client.post("/api/account/sign-in/", json={"name": name, "password": "wrong wrong wrong"}) for _ in range(20))
        )
    assert sum(answer.status_code == 401 for answer in answers) == 5
    await _forget_tries(gateway)


async def _forget_tries(gateway) -> None:
    await gateway.rows("DELETE FROM failed_tries")


@pytest.mark.usefixtures("first_user")
async def test_the_session_is_another_after_sign_in_and_the_old_one_is_dead(gateway) -> None:
    async with gateway.client() as client:
        planted = "a" * 43
        client.cookies.set("flowtower", planted)
        body = {"name": NAME, "password": PASSWORD}
        first = await client.post("/api/account/sign-in/", json=body)
        one = first.cookies["flowtower"]
        assert one != planted
        second = await client.post("/api/account/sign-in/", json=body, cookies={"flowtower": one})
        two = second.cookies["flowtower"]
        assert two != one
    for cookie, status in ((planted, 401), (one, 401), (two, 200)):
        async with gateway.client(Cookie=f"flowtower={cookie}") as client:
            assert (await client.get("/api/account/")).status_code == status
    kept = await gateway.rows("SELECT secret_hash FROM sessions")
    assert all(two not in row["secret_hash"] for row in kept)


@pytest.mark.usefixtures("first_user")
async def test_the_cookie_is_out_of_reach_for_scripts_and_other_sites(gateway) -> None:
    async with gateway.client() as client:
        answer = await client.post("/api/account/sign-in/", json={"name": NAME, "password": PASSWORD})
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "path=/" in cookie


async def test_after_sign_out_the_cookie_is_worth_nothing(browser: httpx.AsyncClient) -> None:
    cookie = browser.cookies["flowtower"]
    assert (await browser.post("/api/account/sign-out/")).status_code == 204
    assert (await browser.get("/api/account/", cookies={"flowtower": cookie})).status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 201),
        ({"X-CSRF-Token": ""}, 403),
        ({"X-CSRF-Token": "0" * 64}, 403),
        ({"Origin": "https://evil.example.com"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 201),
    ],
)
async def test_changes_come_from_our_own_pages_only(browser: httpx.AsyncClient, headers: dict[str, str], status: int) -> None:
    answer = await browser.post("/api/tokens/", json={"name": "by a form"}, headers=headers)
    assert answer.status_code == status, answer.text


@pytest.mark.usefixtures("first_user")
async def test_a_form_of_another_site_can_not_sign_anybody_in(gateway) -> None:
    body = '{"name": "ada", "password": "correct horse battery staple"}'
    async with gateway.client() as client:
        for headers in ({"Content-Type": "text/plain"}, {"Content-Type": "application/json", "Origin": "https://evil.example.com"}):
            answer = await client.post("/api/account/sign-in/", content=body, headers=headers)
            assert answer.status_code == 403


async def test_a_token_works_until_it_is_revoked_and_its_secret_is_kept_nowhere(gateway, api: httpx.AsyncClient) -> None:
    made = (await api.post("/api/tokens/", json={"name": "short lived"})).json()
    async with gateway.client(Authorization=f"Bearer {made['token']}") as other:
        assert (await other.get("/api/account/")).status_code == 200
        assert (await api.delete(f"/api/tokens/{made['id']}/")).status_code == 204
        assert (await other.get("/api/account/")).status_code == 401
    secret = made["token"].split("_", 2)[2]
    for row in await gateway.rows("SELECT * FROM api_tokens"):
        assert secret not in str(dict(row))


@pytest.mark.usefixtures("first_user")
async def test_a_weak_password_is_refused_with_the_way_out(gateway) -> None:
    async with gateway.client() as client:
        answer = await client.post("/api/account/set-up/", json={"token": "x", "name": "A B", "password": "short"})
    assert answer.status_code == 422
    assert {item["field"] for item in answer.json()["errors"]} == {"name", "password"}
