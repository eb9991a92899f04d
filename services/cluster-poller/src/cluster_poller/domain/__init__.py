"""What the poller knows about clusters, without any I/O: readings, snapshots, their difference and what health means."""
