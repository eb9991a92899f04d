"""What `make demo` shows: orders that flow from Kafka over a queue to a service, beside two simulated Airflow clusters.

Everything here is a client of Flowtower: it uses the public API and Kafka as anybody's programs would.
"""
