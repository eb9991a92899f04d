"""Ways to reach people, one folder each; none knows another."""
