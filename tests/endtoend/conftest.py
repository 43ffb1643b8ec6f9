"""Whole services, started and ended around each test or module."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def services() -> ModuleType:
    """The module that drives services (`tests/endtoend/service.py`)."""
    return _load("service")


@pytest.fixture
def service(services: ModuleType) -> Iterator[object]:
    """A fresh instance, not started."""
    instance = services.Service()
    try:
        yield instance
    finally:
        instance.close()
