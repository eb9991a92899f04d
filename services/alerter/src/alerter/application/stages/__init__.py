"""The stages of the pipeline, one per file. Each takes what the one before it made and knows nothing of the others."""
