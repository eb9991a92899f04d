"""How people come in: the first user by the set-up link, everybody else by name and password."""

from dataclasses import dataclass

import httpx

from shared.testing.process import PartFailed
from shared.testing.tower.forms import form_with_password


@dataclass(frozen=True)
class Person:
    """Someone who signs in."""

    name: str = "ada"
    password: str = "correct horse battery staple 42"
    email: str = "ada@flow.test"


async def fill_in(client: httpx.AsyncClient, page: httpx.Response, person: Person) -> httpx.Response:
    """Fill in the form of a page that asks for a password and send it, as a browser would.

    Raises:
        PartFailed: The page has no such form; its beginning is in the message.
    """
    form = form_with_password(page.text)
    if form is None:
        raise PartFailed(f"{page.url} answered {page.status_code} and has no form with a password:\n{page.text[:2000]}")
    filled = dict(form.fields)
    for name, kind in form.kinds.items():
        if kind == "password":
            filled[name] = person.password
        elif kind == "email" or "email" in name:
            filled[name] = person.email
        elif kind == "text":
            filled[name] = person.name
    return await client.post(page.url.join(form.action or str(page.url)), data=filled)
