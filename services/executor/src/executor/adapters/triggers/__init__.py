"""Triggers and their firings in PostgreSQL."""
