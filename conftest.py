"""Loads the fixtures of the real parts for every test of the repository."""

pytest_plugins = ["shared.testing.fixtures", "shared.testing.strict"]
