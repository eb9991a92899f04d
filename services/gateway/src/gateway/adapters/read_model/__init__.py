"""The read model in PostgreSQL: written from events, read by pages and the API."""
