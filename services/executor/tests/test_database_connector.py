"""The connector of databases on a real PostgreSQL: what it reads and writes, and each trouble by its own name."""

import asyncio
import json
import ssl
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import asyncpg
import pytest
from database_shop import CONNECTOR, Shop

from executor.application.ports import Message, Retryable, Trouble
from shared.testing.certificates import Certificates, make_certificates
from shared.testing.ports import free_port
from shared.testing.postgres import PostgresPart

pytestmark = pytest.mark.connected


@pytest.fixture(scope="module")
def shop_url(postgres: PostgresPart) -> str:
    return postgres.fresh_database()


@pytest.fixture
async def shop(shop_url: str) -> AsyncIterator[Shop]:
    connection = await asyncpg.connect(shop_url)
    await connection.execute("""
        DROP SCHEMA public CASCADE; CREATE SCHEMA public;
        CREATE TABLE orders (id bigint PRIMARY KEY, customer text, total numeric, at timestamptz, ref uuid DEFAULT gen_random_uuid());
        INSERT INTO orders
        SELECT n, 'customer-' || n % 7, n + 0.10, '2026-01-01 00:00:00.000001Z'::timestamptz + n * interval '1 minute'
        FROM generate_series(-20, 979) AS n;
        CREATE TABLE copies (id bigint PRIMARY KEY, customer text, total numeric CHECK (total < 5000), seen boolean DEFAULT true);
    """)
    yield Shop(shop_url, connection)
    await connection.close()


@pytest.mark.parametrize("order_by", ["id", "at", "ref"])
async def test_every_row_is_a_message_in_the_order_of_the_column(shop: Shop, order_by: str) -> None:
    expected = await shop.rows(f"SELECT row_to_json(o)::text, customer FROM orders AS o ORDER BY {order_by}")
    options = {"query": "SELECT * FROM orders -- all of them", "order_by": order_by, "key": "customer"}
    messages = await shop.read(most=130, **options)
    assert [(m.body.decode(), (m.key or b"").decode()) for m in messages] == expected
    assert [m.offset for m in messages] == sorted({m.offset for m in messages})
    assert messages[0].offset == 0
    # A checkpoint in the middle goes on right behind it.
    rest = await shop.read(most=130, resume=messages[499].offset + 1, **options)
    assert [m.body for m in rest] == [m.body for m in messages[500:]]
    assert [m.name for m in rest] == [m.name for m in messages[500:]]


async def test_the_window_is_the_same_whatever_is_written_meanwhile(shop: Shop) -> None:
    options = {"query": "SELECT id FROM orders WHERE customer = $1", "order_by": "id", "parameters": ["inputs.customer"]}
    found = await shop.begin({"customer": "customer-3"}, **options)
    await shop.connection.execute("INSERT INTO orders (id, customer) VALUES (5000, 'customer-3')")
    source = shop.place("Look", found.output, **options)
    async with CONNECTOR.reader(shop.work(shop.place("Copy", table="copies"), source), source, {}) as reader:
        read = [json.loads(m.body)["id"] for m in await reader.read(5000)]
    assert read == [row[0] for row in await shop.rows("SELECT id FROM orders WHERE customer = 'customer-3' AND id < 5000 ORDER BY id")]
    assert found.output["messages"] == len(read)


async def test_an_empty_table_is_no_trouble(shop: Shop) -> None:
    assert await shop.read(query="SELECT * FROM copies", order_by="id") == []


async def test_a_column_that_repeats_or_is_null_is_never_read_past(shop: Shop) -> None:
    for most in (1, 2, 500):
        with pytest.raises(Trouble) as caught:
            await shop.read(most=most, query="SELECT greatest(id, 978) AS n FROM orders WHERE id > 970", order_by="n")
        assert caught.value.code == "OrderRepeats"
    trouble = await shop.trouble(query="SELECT nullif(id, 5) AS n FROM orders", order_by="n")
    assert trouble.code == "OrderNull"
    assert "1 rows" in trouble.message
    assert (await shop.trouble(query="SELECT customer FROM orders", order_by="customer")).code == "OrderUnfit"
    with pytest.raises(Trouble) as caught:
        await shop.read(query="SELECT 1 AS n")
    assert caught.value.code == "OrderMissing"


async def test_rows_stand_in_the_output_for_what_follows(shop: Shop) -> None:
    found = await shop.begin({"low": 975}, query="SELECT id, total FROM orders WHERE id > $1 ORDER BY id", parameters=["inputs.low"])
    assert found.output["rows"] == [{"id": n, "total": n + 0.1} for n in (976, 977, 978, 979)]
    assert found.output["more"] is False
    found = await shop.begin(query="SELECT id FROM orders", output_rows=3)
    assert (len(found.output["rows"]), found.output["more"]) == (3, True)
    large = await shop.trouble(query="SELECT repeat('x', 300000) AS x")
    assert large.code == "OutputTooLarge"


async def test_a_statement_takes_inputs_as_parameters_only(shop: Shop) -> None:
    evil = "'; DROP TABLE orders; --"
    found = await shop.begin(
        {"name": evil, "ids": [1, 2], "at": "2026-05-01T10:00:00+02:00", "ref": str(uuid.UUID(int=7)), "total": 12.5},
        statement="UPDATE orders SET customer = $1, at = $3, ref = $4, total = $5 WHERE id = ANY($2) RETURNING id, customer, at, total",
        parameters=["inputs.name", "inputs.ids", "inputs.at", "inputs.ref", "inputs.total"],
    )
    assert found.output["rows_affected"] == 2
    assert found.output["rows"][0] | {"id": 0} == {"id": 0, "customer": evil, "at": "2026-05-01T08:00:00Z", "total": "12.5"}
    found = await shop.begin({"n": 900}, statement="DELETE FROM orders WHERE id >= $1", parameters=["inputs.n"])
    assert found.output == {"rows_affected": 80}
    assert await shop.rows("SELECT count(*) FROM orders WHERE id >= 900") == [(0,)]


async def test_messages_become_rows_and_a_repeat_changes_nothing(shop: Shop) -> None:
    orders = [json.dumps({"order": n, "who": {"name": f"ä{n}"}, "sum": n * 1.5}).encode() for n in range(700)]
    given = {"table": "public.copies", "columns": {"id": "order", "customer": "who.name", "total": "sum"}, "key_columns": ["id"]}
    await shop.write(orders, **given)
    assert await shop.rows("SELECT id, customer, total::float, seen FROM copies ORDER BY id LIMIT 2") == [
        (0, "ä0", 0.0, True),
        (1, "ä1", 1.5, True),
    ]
    before = await shop.rows("SELECT xmin::text, ctid::text, * FROM copies ORDER BY id")
    assert len(before) == 700
    await shop.write(orders, **given)
    assert await shop.rows("SELECT xmin::text, ctid::text, * FROM copies ORDER BY id") == before
    # The last of several with one key counts, also within one window.
    newer = [json.dumps({"order": 5, "who": {"name": name}, "sum": 1}).encode() for name in ("first", "second", "last")]
    await shop.write(newer, **given)
    assert await shop.rows("SELECT customer FROM copies WHERE id = 5") == [("last",)]
    await shop.write(newer[:1], **given, on_conflict="ignore")
    assert await shop.rows("SELECT customer, (SELECT count(*) FROM copies) FROM copies WHERE id = 5") == [("last", 700)]


async def test_fields_go_into_the_columns_of_their_names(shop: Shop) -> None:
    bodies = [b'{"id": 1, "customer": "a"}', b'{"id": 2, "seen": false}', b'{"customer": "c", "id": 1}', b'{"id": 3, "total": 7.125}']
    await shop.write(bodies, table="copies", key_columns=["id"])
    rows = await shop.rows("SELECT id, customer, seen, total::text FROM copies ORDER BY id")
    assert rows == [(1, "c", True, None), (2, None, False, None), (3, None, True, "7.125")]
    trouble = await shop.refused([b'{"id": 9}', b'{"id": 1, "custmer": "a"}'], table="copies", key_columns=["id"])
    assert (trouble.code, "“custmer”" in trouble.message) == ("ColumnMissing", True)
    # A window that is refused leaves nothing behind.
    assert await shop.rows("SELECT count(*) FROM copies") == [(3,)]


async def test_whole_messages_are_kept_as_they_are(shop: Shop) -> None:
    await shop.connection.execute("CREATE TABLE kept (event text PRIMARY KEY, raw bytea); CREATE TABLE texts (raw text)")
    bodies = [b"\xff\x00\xfe", b"{}", b"", "ä".encode()]
    for _ in range(2):
        await shop.write(bodies, table="kept", body_column="raw", idempotency_column="event")
    assert await shop.rows("SELECT event, raw FROM kept ORDER BY event") == [(f"r1:Write:1:0:{n}", body) for n, body in enumerate(bodies)]
    assert (await shop.refused(bodies, table="texts", body_column="raw")).code == "MessageInvalid"
    assert (await shop.refused([b"a\x00b"], table="texts", body_column="raw")).code == "MessageInvalid"
    await shop.write([b"plain", "ä".encode()], table="texts", body_column="raw")
    assert await shop.rows("SELECT raw FROM texts ORDER BY 1") == [("plain",), ("ä",)]


async def test_nothing_is_written_behind_a_window_that_failed(shop: Shop) -> None:
    place = shop.place("Write", table="copies", key_columns=["id"])
    windows = [[Message(b'{"id": %d, "total": %d}' % (n, total), None, [], 0, n, "", "")] for n, total in ((1, 1), (2, 9999), (3, 1))]
    async with CONNECTOR.writer(shop.work(place)) as writer:
        answers = [await writer.send(window) for window in windows]
        await answers[0]
        for answer in answers[1:]:
            with pytest.raises(Trouble):
                await answer
    assert await shop.rows("SELECT id FROM copies") == [(1,)]


async def test_each_trouble_of_a_write_has_its_name(shop: Shop) -> None:
    body = [b'{"id": 1, "total": 9999}']
    cases = [
        ({"table": "nowhere"}, body, "TableNotFound", True),
        ({"table": "copies", "columns": {"nope": "id"}}, body, "ColumnMissing", False),
        ({"table": "copies"}, body, "ConstraintViolated", False),
        ({"table": "copies", "key_columns": ["customer"]}, [b'{"id": 1, "customer": "a"}'], "KeyNotUnique", False),
        ({"table": "copies", "key_columns": ["id"]}, [b'{"customer": "a"}'], "MessageInvalid", False),
        ({"table": "copies"}, [b"[1]"], "MessageInvalid", False),
        ({"table": "copies"}, [b'{"id": "many"}'], "DataInvalid", False),
        ({"query": "SELECT 1"}, body, "NotWritable", False),
    ]
    for options, bodies, code, retryable in cases:
        trouble = await shop.refused(bodies, **options)
        assert (trouble.code, isinstance(trouble, Retryable)) == (code, retryable), (options, trouble)
        assert "9999" not in trouble.message + trouble.answer
        assert "many" not in trouble.message + trouble.answer


async def test_each_trouble_of_a_query_has_its_name(shop: Shop) -> None:
    await shop.connection.execute("CREATE FUNCTION change() RETURNS int LANGUAGE sql AS 'DELETE FROM orders RETURNING 1'")
    cases = [
        ({"query": "SELECT * FROM nowhere"}, "TableNotFound"),
        ({"query": "SELECT nope FROM orders"}, "ColumnMissing"),
        ({"query": "SELEC 1"}, "StatementInvalid"),
        ({"query": "SELECT 1; SELECT 2"}, "StatementInvalid"),
        ({"query": "SELECT change()"}, "ReadOnly"),
        ({"query": "SELECT set_config('transaction_read_only', 'off', true), change()"}, "StatementFailed"),
        ({"query": "SELECT pg_sleep(5)", "statement_timeout": "100ms"}, "StatementTimeout"),
        ({"query": "SELECT $1::int", "parameters": ["'x'"]}, "ParameterInvalid"),
        ({"query": "SELECT $1::int + $2::int", "parameters": ["1"]}, "ParameterInvalid"),
        ({"query": "SELECT $1::inet", "parameters": ["'many'"]}, "ParameterInvalid"),
        ({"query": "SELECT 1", "parameters": ["inputs.missing"]}, "ExpressionFailed"),
        ({"query": "SELECT 1/0"}, "DataInvalid"),
        ({"statement": "INSERT INTO orders (id) VALUES (1)"}, "ConstraintViolated"),
        ({"statement": "DO $$ BEGIN RAISE 'no'; END $$"}, "StatementRaised"),
        ({"table": "orders"}, "NothingToWrite"),
    ]
    for options, code in cases:
        trouble = await shop.trouble(**options)
        assert trouble.code == code, (options, trouble)
        assert "many" not in trouble.message + trouble.answer
    assert await shop.rows("SELECT count(*) FROM orders") == [(1000,)]


async def test_a_check_tells_wrong_things_apart(shop: Shop) -> None:
    facts = await CONNECTOR.check(shop.endpoint())
    assert facts["product"].startswith("PostgreSQL 1")
    assert facts["database"] == shop.parts.path[1:]
    cases = [
        (shop.endpoint(password="wrong"), "AuthenticationFailed"),
        (shop.endpoint(username="nobody-here"), "AuthenticationFailed"),
        (shop.endpoint(database="nowhere"), "DatabaseNotFound"),
        (shop.endpoint(port=free_port()), "ConnectionRefused"),
        (shop.endpoint(host="169.254.169.254"), "EgressRefused"),
        (shop.endpoint(tls=True), "TlsFailed"),
    ]
    for endpoint, code in cases:
        with pytest.raises(Trouble) as caught:
            await CONNECTOR.check(endpoint)
        assert caught.value.code == code, caught.value
        assert "wrong" not in caught.value.message + caught.value.answer


@asynccontextmanager
async def behind_tls(certificates: Certificates, port: int) -> AsyncIterator[int]:
    """Offer a PostgreSQL over TLS; the one of the tests is built without it. Gives the port."""

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(65536):
            writer.write(piece)
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(8)  # SSLRequest
        writer.write(b"S")
        with suppress(OSError, ssl.SSLError, asyncio.IncompleteReadError):
            await writer.start_tls(certificates.server_context())
            there = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(pipe(reader, there[1]), pipe(there[0], writer))

    server = await asyncio.start_server(serve, ["127.0.0.1", "127.0.0.2"], free := free_port())
    try:
        yield free
    finally:
        server.close()


async def test_a_certificate_is_held_against_the_name_of_the_endpoint(shop: Shop, tmp_path: Path) -> None:
    made = make_certificates(tmp_path)
    trusted = made.authority.read_text()
    (tmp_path / "other").mkdir()
    other = make_certificates(tmp_path / "other").authority.read_text()
    async with behind_tls(made, shop.parts.port or 0) as port:
        for host in ("127.0.0.1", "localhost"):
            facts = await CONNECTOR.check(shop.endpoint(host=host, port=port, tls=True, ca_pem=trusted))
            assert facts["product"].startswith("PostgreSQL")
        # The last one listens as well, and its certificate is for another name.
        for changes in ({"ca_pem": other}, {}, {"host": "127.0.0.2", "ca_pem": trusted}):
            with pytest.raises(Trouble) as caught:
                await CONNECTOR.check(shop.endpoint(tls=True, **{"port": port, **changes}))
            assert caught.value.code == "TlsFailed", caught.value
