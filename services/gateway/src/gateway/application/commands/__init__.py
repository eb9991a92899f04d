"""Changes: each checks its input, writes the state and what leaves with it in one transaction, and is audited."""
