"""Serves the UI and the API, signs people in, owns definitions and the read model."""
