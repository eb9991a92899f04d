"""The version that ``/version`` and the logs tell. It equals the one in the root ``pyproject.toml`` (a test compares them)."""

VERSION = "0.1.0"
