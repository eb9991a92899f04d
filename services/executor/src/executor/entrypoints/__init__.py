"""Where work comes in: topics and the internal interface."""
