"""How programs come in for people: the first user by the set-up link, everybody else by name and password."""

from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qs, urlsplit

import httpx

from shared.testing.process import PartFailed


class Browser(httpx.AsyncClient):
    """A client that keeps cookies; it may be used before it is entered: ``async with await tower.sign_in() as client``."""

    async def __aenter__(self) -> Self:
        return self


@dataclass(frozen=True)
class Person:
    """Someone who signs in."""

    name: str = "ada"
    password: str = "correct horse battery staple 42"
    email: str = "ada@flow.test"


async def set_up(client: httpx.AsyncClient, link: str, person: Person) -> None:
    """Make the first user with the token of a set-up link."""
    (token,) = parse_qs(urlsplit(link).query)["token"]
    body = {"token": token, "name": person.name, "password": person.password, "email": person.email}
    _settled(await client.post("/api/account/set-up/", json=body))


async def sign_in(client: httpx.AsyncClient, person: Person) -> None:
    """Sign a client in: it then carries the session's cookie, and the token that changes need."""
    answer = await client.post("/api/account/sign-in/", json={"name": person.name, "password": person.password})
    _settled(answer)
    client.headers["X-CSRF-Token"] = answer.json()["csrf_token"]


def _settled(answer: httpx.Response) -> None:
    if answer.is_error:
        raise PartFailed(f"{answer.request.method} {answer.url} answered {answer.status_code}:\n{answer.text[:2000]}")
