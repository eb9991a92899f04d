"""Addresses as people type them: what is wrong with one, said so that it can be put right."""

from urllib.parse import SplitResult, urlsplit

from gateway.domain.problems import FieldProblem


def check_url(field: str, url: str) -> tuple[SplitResult | None, FieldProblem | None]:
    """Return the parts of an http(s) URL, or what is wrong with it."""
    text = url.strip()
    if "://" not in text:
        return None, FieldProblem(
            field, f"'{text[:200]}' has no scheme.", f"Write https://{text[:200].lstrip('/')} (or http://, when it has no TLS)."
        )
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as wrong:
        return None, FieldProblem(field, f"'{text[:200]}' is not a URL: {wrong}.", "Write https://host or https://host:port.")
    if parts.scheme not in ("http", "https"):
        return None, FieldProblem(field, f"The scheme '{parts.scheme}' is not taken.", "Use https:// or http://.")
    if not parts.hostname or any(sign.isspace() or ord(sign) < 32 for sign in text):
        return None, FieldProblem(field, f"'{text[:200]}' names no host.", "Write https://host or https://host:port.")
    if parts.username is not None or parts.password is not None:
        return None, FieldProblem(
            field, "A user name or password does not belong in the URL.", "Put them in their own fields; they are sealed there."
        )
    if port == 0:
        return None, FieldProblem(field, "0 is not a port.", "Leave the port out, or write one from 1 to 65535.")
    if parts.query or parts.fragment:
        return None, FieldProblem(
            field, "The URL goes on after the path.", f"Leave away everything from the {'?' if parts.query else '#'} on."
        )
    return parts, None


def without_api_path(url: str) -> str:
    """Return the root of an Airflow web server, however it was copied from the browser."""
    text = url.strip().rstrip("/")
    for ending in ("/api/v1", "/api/v2", "/home"):
        text = text.removesuffix(ending)
    return text


def origin(url: str) -> tuple[str, str, int | None]:
    """Return scheme, host and port: what a credential is bound to."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = None
    return parts.scheme, (parts.hostname or "").lower(), port or {"http": 80, "https": 443}.get(parts.scheme)


def hosts_of(servers: str) -> list[str]:
    """Return the hosts of a comma-separated list of host:port."""
    return [part.strip().rpartition(":")[0].strip("[]") or part.strip() for part in servers.split(",") if part.strip()]
