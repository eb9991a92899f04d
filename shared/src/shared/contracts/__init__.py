"""The shapes that services exchange: pydantic models and the table of topics, nothing else."""
