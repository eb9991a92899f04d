"""What the alerter does with its domain, over ports that the edges fill."""
