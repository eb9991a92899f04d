"""Connectors: one folder per kind. Each raises ``Retryable`` or ``Permanent`` and never retries by itself."""
