"""The gateway's own edges: its tables, the way to the other services, and sealing."""
