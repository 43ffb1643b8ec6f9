"""Online state in Valkey/Redis: every key, script and structure, and the embedded server."""
