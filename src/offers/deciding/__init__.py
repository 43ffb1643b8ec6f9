"""Flow b: one use case, read top to bottom: from a request to a recorded decision.

``request`` and ``answer`` are its words, ``decide`` the use case, ``response`` the body that leaves. May import
the online state, the artifact, the ledger and ``ranking``; knows nothing of HTTP.
"""
