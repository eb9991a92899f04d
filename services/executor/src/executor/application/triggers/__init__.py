"""Runs the triggers of workflows: what fires starts a run, durably and once."""
