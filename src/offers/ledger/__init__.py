"""The truth: events accepted, written once into a Delta Lake table, scanned. May import pure packages."""
