"""Use cases over ports: the engine, transfers and processing."""
