"""Figures, as ratios in one run against a peer or the raw limit; never as timed tests."""
