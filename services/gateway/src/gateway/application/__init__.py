"""What the gateway does: questions, changes and projections, over ports."""
