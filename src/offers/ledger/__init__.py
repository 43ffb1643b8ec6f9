"""The one append-only truth: events accepted into a stream, written into a Delta Lake table, scanned as frames.

Ways in: :mod:`accept` (the durable stream) and :mod:`spool` (files of our own decisions). :mod:`writer` moves both
into the table of :mod:`table` exactly once; :mod:`scan` reads it; :mod:`maintenance` keeps it small and forgets
what must be forgotten. May import the domain and below; never online state or artifacts.
"""
