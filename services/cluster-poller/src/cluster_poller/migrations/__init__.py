"""Revisions of the schema ``poller``."""
