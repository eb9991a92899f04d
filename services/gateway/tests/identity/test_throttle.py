"""How long a failed sign-in makes the next one wait."""

from datetime import timedelta

import pytest

from gateway.identity.passwords import Passwords
from gateway.identity.throttle import LONGEST, subjects_of, wait_after
from shared.runtime.clock import now


@pytest.mark.parametrize(("failures", "seconds"), [(0, 0), (4, 0), (5, 30), (6, 60), (7, 120), (10, 900), (1000, 900)])
def test_each_failure_doubles_the_wait(failures: int, seconds: int) -> None:
    at = now()
    assert wait_after(failures, 5, at, at) == timedelta(seconds=seconds)
    assert wait_after(failures, 5, at - LONGEST, at) == timedelta(0)


def test_names_are_not_kept_in_the_clear() -> None:
    subjects = subjects_of("ada", "198.51.100.7")
    assert not any("ada" in subject for subject in subjects)
    assert "address:198.51.100.7" in subjects


@pytest.mark.parametrize(
    ("password", "words"),
    [("short", "at least 12"), ("x" * 201, "longer"), ("passwordpassword", "first that are tried"), ("aaaaaaaaaaaaaa", "first")],
)
def test_weak_passwords_are_named(password: str, words: str) -> None:
    assert words in (Passwords.weakness(password) or "")


async def test_a_password_is_kept_as_argon2id_and_written_in_any_unicode_form() -> None:
    passwords = Passwords()
    hashed = await passwords.hash("zwölf Boxkämpfer jagen")
    assert hashed.startswith("$argon2id$")
    assert await passwords.verify("zwo\u0308lf Boxka\u0308mpfer jagen", hashed)
    assert not await passwords.verify("zwölf Boxkämpfer jagen ", hashed)
    assert not await passwords.verify("zwölf Boxkämpfer jagen", None)
