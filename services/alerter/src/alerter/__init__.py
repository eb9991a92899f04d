"""Evaluates rules, keeps alert state and alone talks to people."""
