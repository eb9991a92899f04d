"""Log lines: one JSON object each, with the trace, without secrets."""

import json
import logging

import pytest
import structlog
from pydantic import SecretStr

from shared.runtime import logging as runtime_logging
from shared.runtime import tracing


@pytest.fixture
def lines(capsys):
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def begin():
        # Not before the test itself: pytest gives it another standard output than its fixtures.
        runtime_logging.configure("station", level="DEBUG")
        return lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    yield begin
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


SECRETS = [
    ("url", {"where": "postgresql://flow:hunter2@db:5432/x"}),
    ("url in the event", {"event_text": "amqp://u:hunter2@mq/ failed"}),
    ("name", {"password": "hunter2"}),
    ("nested", {"config": {"sasl": {"sasl_password": "hunter2"}}}),
    ("list", {"items": [{"api_key": "hunter2"}]}),
    ("secret type", {"value": SecretStr("hunter2")}),
    ("bearer", {"header": "Authorization: Bearer hunter2hunter2"}),
    ("assignment", {"text": "connecting with password=hunter2, retrying"}),
    ("json", {"text": '{"token": "hunter2"}'}),
    ("slack", {"text": "xoxb-hunter2-abc"}),
    ("bytes", {"payload": b"hunter2"}),
    ("pem", {"text": "-----BEGIN " + "PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----"}),
]


@pytest.mark.parametrize(("_what", "values"), SECRETS, ids=[what for what, _ in SECRETS])
def test_secrets_do_not_leave(lines, _what, values) -> None:
    said = lines()
    runtime_logging.get_logger("x").info("something", **values)
    text = json.dumps(said())
    assert "something" in text
    assert "hunter2" not in text


def test_secrets_in_exceptions_and_in_other_libraries_loggers_do_not_leave(lines) -> None:
    said = lines()
    try:
        raise OSError("can't reach postgresql://flow:hunter2@db/x")  # noqa: TRY301  (the log of this error is the test)
    except OSError:
        runtime_logging.get_logger("x").exception("failed")
        logging.getLogger("library").exception("failed for password=%s", "hunter2")
    written = said()
    assert len(written) == 2
    assert "hunter2" not in json.dumps(written)
    assert "OSError" in written[0]["exception"]


def test_a_line_names_service_level_time_and_trace(lines) -> None:
    said = lines()
    tracing.configure("station", instance="0", otlp_endpoint=None)
    with tracing.tracer("t").start_as_current_span("s") as span:
        runtime_logging.get_logger("some.module").warning("odd", run="r1", count=3)
    (line,) = said()
    assert line["trace_id"] == f"{span.get_span_context().trace_id:032x}"
    assert (line["service"], line["level"], line["logger"], line["event"]) == ("station", "warning", "some.module", "odd")
    assert (line["run"], line["count"]) == ("r1", 3)
    assert line["timestamp"].endswith("Z")


def test_control_characters_cannot_forge_a_line(lines) -> None:
    said = lines()
    runtime_logging.get_logger("x").info('user\n{"event":"forged"}\x1b[2J', name="a\r\nb")
    assert len(said()) == 1


def test_what_is_no_secret_stays(lines) -> None:
    said = lines()
    runtime_logging.get_logger("x").info("moved 10 messages", topic="orders", tokens_per_second=None, url="http://host:8080/path")
    (line,) = said()
    assert (line["topic"], line["url"]) == ("orders", "http://host:8080/path")
