"""Runs workflows durably and alone opens endpoint credentials."""
