"""Connections to PostgreSQL: where they may go, how they sign in, and what their errors mean."""

import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import asyncpg

from executor.application.ports import Endpoint, Permanent, Retryable, Trouble
from shared.runtime.egress import Egress, EgressRefused

_CONNECT_SECONDS = 10

_AWAY = ("08", "53", "57P", "58")
"""SQLSTATEs that say "not now": connection, resources, shutdown or start-up, I/O."""
_AGAIN = frozenset({"40001", "40P01", "55P03"})
"""SQLSTATEs of a transaction that may pass when it is done again: serialisation, deadlock, lock."""


def _words(name: str, table: str) -> dict[str, tuple[type[Trouble], str, str]]:
    """Return SQLSTATE (or its beginning) → what it means; the longest fitting one counts."""
    at = f"“{table}” of {name}" if table else name
    return {
        "42P01": (Retryable, "TableNotFound", f"A table does not exist on {name}. Create it, or correct its name or the search_path."),
        "42703": (Permanent, "ColumnMissing", f"A column does not exist in {at}. Create it, or correct its name."),
        "42P10": (
            Permanent,
            "KeyNotUnique",
            f"The key columns of {at} have no unique index of just these columns. Create one, or name others.",
        ),
        "42501": (Permanent, "NotAllowed", f"{name} does not allow this user to do that. Grant the right, or change the endpoint's user."),
        "42": (Permanent, "StatementInvalid", f"{name} does not understand the statement. Correct it."),
        "23": (Permanent, "ConstraintViolated", f"A rule of {at} forbids this row. Correct what is sent, or the rule."),
        "22": (Permanent, "DataInvalid", f"A value does not fit where it should go in {at}. Correct what is sent, or the column's type."),
        "21": (Permanent, "StatementInvalid", f"The statement can't be carried out as it is on {name}. Correct it."),
        "0A": (Permanent, "StatementInvalid", f"{name} can't do this. Write the statement in another way."),
        "P0": (Permanent, "StatementRaised", f"A function or trigger of {name} raised an error."),
        "25006": (
            Permanent,
            "ReadOnly",
            f"{name} allows only reading here. A query can't change anything: write statement: or table: for that.",
        ),
        "57014": (Retryable, "StatementTimeout", f"{name} was not done in time. Raise statement_timeout:, or look why it is slow."),
        "28P01": (Permanent, "AuthenticationFailed", f"{name} refused the user name or the password. Correct them on the endpoint."),
        "28": (Permanent, "AuthenticationFailed", f"{name} does not let this user in. Correct the endpoint, or the server's pg_hba.conf."),
        "3D": (Permanent, "DatabaseNotFound", f"The database does not exist on {name}. Create it, or correct the endpoint."),
        "3F": (Permanent, "SchemaNotFound", f"A schema does not exist on {name}. Create it, or correct the search_path."),
        "53300": (Retryable, "TooManyConnections", f"{name} has no free connection. It is tried again; raise its limit if this stays."),
    }


@contextmanager
def explained(endpoint: Endpoint, table: str = "") -> Iterator[None]:
    """Turn the client's errors into ones that people can act on. No row's values are told."""
    try:
        yield
    except Trouble:
        raise
    except EgressRefused as error:
        raise Permanent("EgressRefused", str(error)) from error
    except ssl.SSLError as error:
        text = f"{endpoint.name} has no certificate that we can trust: {error.reason}. Set ca_pem on the endpoint."
        raise Permanent("TlsFailed", text, answer=str(error)) from error
    except asyncpg.PostgresError as error:
        raise _meaning(endpoint, table, error) from error
    except (asyncpg.InterfaceError, OSError, TimeoutError) as error:
        if "rejected SSL upgrade" in str(error):
            text = f"{endpoint.name} offers no TLS. Switch it on there, or switch tls off on the endpoint."
            raise Permanent("TlsFailed", text, answer=str(error)[:500]) from error
        options = endpoint.options
        where = f"{options.host}:{options.port}"
        text = f"{endpoint.name} does not answer at {where}, or the connection broke. Check the address and that it runs."
        raise Retryable("ConnectionRefused", text, answer=str(error)[:500]) from error


def _meaning(endpoint: Endpoint, table: str, error: asyncpg.PostgresError) -> Trouble:
    state = error.sqlstate or ""
    if error.severity is None:
        # The client itself found that a value can't become the type that the server wants; its text shows the value.
        text = f"A parameter does not fit the statement's type on {endpoint.name}: {str(error).split(':')[0]}."
        return Permanent("ParameterInvalid", text)
    # The message names columns and constraints; detail and hint would show values of rows.
    answer = f"{state}: {error}".splitlines()[0][:500]
    if "no encryption" in str(error) and not endpoint.options.tls:
        return Permanent("TlsNeeded", f"{endpoint.name} wants TLS. Switch tls on on the endpoint.", answer=answer)
    words = _words(endpoint.name, table)
    for length in (5, 2):
        if known := words.get(state[:length]):
            kind, code, text = known
            return kind(code, text, answer=answer if state[:2] != "22" else state)
    if state in _AGAIN:
        return Retryable("Conflict", f"{endpoint.name} gave way to another transaction; it is done again.", answer=answer)
    if state.startswith(_AWAY):
        return Retryable("ConnectionRefused", f"{endpoint.name} can't work now. Check that it runs and has room.", answer=answer)
    return Permanent("StatementFailed", f"{endpoint.name} answered with an error.", answer=answer)


class _Named(ssl.SSLContext):
    """Holds the certificate against the endpoint's name although the connection goes to its checked address."""

    name = ""

    def wrap_bio(self, *arguments: Any, **given: Any) -> ssl.SSLObject:
        return super().wrap_bio(*arguments, **{**given, "server_hostname": self.name})


def _tls(host: str, ca_pem: str | None) -> ssl.SSLContext:
    context = _Named(ssl.PROTOCOL_TLS_CLIENT)
    context.name = host
    if ca_pem:
        context.load_verify_locations(cadata=ca_pem)
    else:
        context.load_default_certs()
    return context


@asynccontextmanager
async def connected(
    egress: Egress, endpoint: Endpoint, *, seconds: float = 30.0, read_only: bool = False
) -> AsyncIterator[asyncpg.Connection]:
    """Connect to an address that the egress policy has checked; the server ends each statement after so many seconds.

    Only errors of connecting are explained here: within the block others may write to other systems.
    """
    options, password = endpoint.options, endpoint.secrets.password
    with explained(endpoint):
        addresses = await egress.resolve(options.host, options.port)
        connection = await asyncpg.connect(
            host=addresses[0],
            port=options.port,
            user=options.username or "postgres",
            password=password.get_secret_value() if password else "",
            database=options.database,
            ssl=_tls(options.host, options.ca_pem) if options.tls else False,
            timeout=_CONNECT_SECONDS,
            statement_cache_size=20,
            server_settings={
                "application_name": "flowtower-executor",
                "search_path": options.search_path,
                "timezone": "UTC",
                "statement_timeout": str(max(int(seconds * 1000), 1)),
                "idle_in_transaction_session_timeout": "120s",
                "default_transaction_read_only": "on" if read_only else "off",
            },
        )
    try:
        yield connection
    finally:
        with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
            await connection.close(timeout=5)


def quoted(name: str) -> str:
    """Return an identifier as SQL takes it, whatever signs it has."""
    return '"' + name.replace('"', '""') + '"'
