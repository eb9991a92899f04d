"""Live: what changed in the read model goes to browsers as soon as it can be read."""
