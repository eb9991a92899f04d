"""What starts the alerter's work: topics, time, waiting notifications, and the gateway's questions."""
