"""The baseline: a bare Flask application with one POST route that reads the same body."""

from __future__ import annotations

from flask import Flask, Response, request


def create() -> Flask:
    """Factory for granian."""
    app = Flask("noop")

    @app.post("/v1/offers")
    def offers() -> Response:
        request.get_data()
        return Response(b"{}", mimetype="application/json")

    return app
