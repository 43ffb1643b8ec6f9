"""Flow b: one use case, read top to bottom: from a request to a recorded decision."""
