"""PostgreSQL behind the poller's ports."""
