"""What every service runs on: settings, logs, storage, delivery over Kafka, lifecycle, safe calls to the outside, secrets.

Nothing connects at import. Each module can be used without the others where that makes sense: the executor's hot path
takes only ``database.Database.connection`` and ``producer.Producer.send``.
"""
