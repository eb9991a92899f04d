"""Addresses that people type wrong, and what a credential is bound to."""

import pytest

from gateway.adapters.addresses import PolicyAddresses
from gateway.domain.addresses import check_url, origin, without_api_path
from shared.runtime.egress import EgressPolicy


@pytest.mark.parametrize(
    ("url", "message", "hint"),
    [
        ("airflow.example.com", "no scheme", "https://airflow.example.com"),
        ("//airflow.example.com", "no scheme", "https://airflow.example.com"),
        ("ftp://airflow.example.com", "'ftp' is not taken", "https://"),
        ("https://", "names no host", "https://host"),
        ("https://a b/", "names no host", "https://host"),
        ("https://user:pw@airflow.example.com", "does not belong", "own fields"),
        ("https://airflow.example.com:99999", "not a URL", "https://host:port"),
        ("https://airflow.example.com:0", "not a port", "1 to 65535"),
        ("https://airflow.example.com/?x=1", "goes on", "?"),
        ("https://airflow.example.com/#dags", "goes on", "#"),
    ],
)
def test_a_wrong_url_is_said_with_the_way_out(url: str, message: str, hint: str) -> None:
    _, problem = check_url("base_url", url)
    assert problem is not None
    assert problem.field == "base_url"
    assert message in problem.message
    assert hint in problem.hint


def test_what_was_copied_from_the_browser_becomes_the_root() -> None:
    for copied in ("https://a.example.com/home", "https://a.example.com/api/v2/", "https://a.example.com/"):
        assert without_api_path(copied) == "https://a.example.com"


def test_a_credential_is_bound_to_scheme_host_and_port() -> None:
    assert origin("https://A.example.com/x") == origin("https://a.example.com:443/y")
    assert origin("http://a.example.com") != origin("https://a.example.com")
    assert origin("https://a.example.com") != origin("https://a.example.com:8443")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "x.localhost",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "[::1]",
        "::ffff:127.0.0.1",
        "169.254.169.254",
        "10.0.0.7",
        "metadata.google.internal",
    ],
)
def test_addresses_that_the_policy_forbids_are_named_however_they_are_written(host: str) -> None:
    refusal = PolicyAddresses(EgressPolicy()).refusal(host)
    assert refusal is not None
    assert host.strip("[]") in refusal


def test_the_operator_can_allow_loopback_but_never_metadata() -> None:
    allowing = PolicyAddresses(EgressPolicy.allowing(["127.0.0.0/8", "169.254.0.0/16"]))
    assert allowing.refusal("127.0.0.1") is None
    assert allowing.refusal("localhost") is None
    assert allowing.refusal("169.254.169.254") is not None
    assert allowing.refusal("airflow.example.com") is None
