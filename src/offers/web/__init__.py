"""HTTP: the edge, thin views, the types that validate requests and the OpenAPI document made from them.

Reads top to bottom: ``app`` (factory) → ``edge`` (WSGI: request ids, headers, metrics, the short road of
``POST /v1/offers``) → ``routing`` (operations bound to Flask) → the views. May import everything below it but
``offers.cli`` and ``offers.running``; nothing outside this package speaks Flask.
"""
