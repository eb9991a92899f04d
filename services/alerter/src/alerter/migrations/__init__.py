"""Migrations of the schema ``alerter``."""
