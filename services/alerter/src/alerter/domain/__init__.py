"""What the alerter knows about rules, alerts and notifications, without any input or output and with a clock that is handed in."""
