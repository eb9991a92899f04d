"""Ways into the cluster-poller: Kafka, the schedule of its own, and the internal HTTP interface."""
