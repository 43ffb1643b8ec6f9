"""The processes: supervisor, worker loop, scheduler."""
