"""What the engine keeps and where: PostgreSQL, Kafka, spans."""
