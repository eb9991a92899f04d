"""How the world reaches the gateway: pages, the API, live messages, Kafka."""
