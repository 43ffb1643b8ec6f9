"""Settings handed down: what a child process must find in its environment to have the same settings."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

from offers.settings import PREFIX, Settings

__all__ = ["METRICS_VARIABLE", "api_environment", "child_environment", "metrics_dir"]

METRICS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def metrics_dir(settings: Settings) -> Path:
    """Where the processes of a service keep their metrics, for any of them to answer for all."""
    return settings.run_dir.absolute() / "metrics"


def child_environment(settings: Settings, *, redis_url: str, base: Mapping[str, str] | None = None) -> dict[str, str]:
    """``base`` (default: this process's environment) with every setting said outright and the server's address."""
    inherited = os.environ if base is None else base
    result = {name: value for name, value in inherited.items() if not name.startswith(PREFIX)}
    for field in fields(Settings):
        value = getattr(settings, field.name)
        result[PREFIX + field.name.upper()] = _text(value)
    result[PREFIX + "REDIS_URL"] = redis_url
    result[METRICS_VARIABLE] = str(metrics_dir(settings))
    return result


def api_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """For processes whose many threads each solve small systems: the algebra library starts no threads of its own.

    Left to its default it starts one a core for every call and lets them spin: requests took twenty times as long.
    """
    return {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", **environment}


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
