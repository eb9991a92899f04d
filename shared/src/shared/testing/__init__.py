"""Test parts: one fixture for each real program that Flowtower talks to, and builders for its contracts.

Everything here starts the real thing as a private local process on free loopback ports, once per test session,
and ends it for sure. A part that can't be started fails the test and says why; nothing is skipped.
"""
