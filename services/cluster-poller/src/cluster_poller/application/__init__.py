"""Use cases of the cluster-poller over ports: poll, carry out commands, answer reads."""
