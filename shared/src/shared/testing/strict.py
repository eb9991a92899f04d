"""Under the gate (FLOWTOWER_TEST_STRICT=1) a skipped test is a failure: what was not run was not shown to work."""

import os

import pytest

VARIABLE = "FLOWTOWER_TEST_STRICT"


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if os.environ.get(VARIABLE) != "1" or session.exitstatus != pytest.ExitCode.OK:
        return
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = [] if reporter is None else reporter.stats.get("skipped", [])
    if skipped:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    if skipped and os.environ.get(VARIABLE) == "1":
        terminalreporter.section("skipped tests fail the gate")
        for report in skipped:
            terminalreporter.line(report.nodeid)
