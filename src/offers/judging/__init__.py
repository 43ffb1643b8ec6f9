"""Flow c: outcomes to a report a marketer can trust."""
