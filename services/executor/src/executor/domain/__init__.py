"""The engine's rules: what a journal means and what may happen next. No I/O, no clock, no chance of its own."""
