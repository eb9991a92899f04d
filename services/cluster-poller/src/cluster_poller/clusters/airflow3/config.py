"""What is particular to Airflow 3.x: its paths, limits and token times."""

PREFIX = "/api/v2"

RENEW_AT = 0.8
"""Part of a token's life after which a new one is fetched; there is no refresh token."""

UNREADABLE_TOKEN_SECONDS = 1800.0
"""Life that is assumed of a token whose expiry cannot be read."""

REFUSED_FOR_SECONDS = 30.0
"""After a refused sign-in no other is tried for this long: accounts get locked."""

MOST_RUNS_COUNTED = 10
"""Runs whose tasks are counted per poll, one request each. The batch read would do it in one, but writes a row into the
cluster's audit log at every call (measured on 3.3.2)."""
