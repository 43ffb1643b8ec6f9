"""HTTP: app factory, thin blueprints, OpenAPI document."""
