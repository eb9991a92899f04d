"""The gateway's own knowledge, without I/O: what a definition may hold and what is wrong with one that it refuses."""
