"""The shop that deciding is tried in."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from offers.artifact.model import Model
from offers.clock import HeldClock


@pytest.fixture(scope="session")
def shops() -> ModuleType:
    """The module that makes shops."""
    name = "deciding_shop"
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name("shop.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def model(shops: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """The shop's artifact."""
    found: Model = shops.model_in(tmp_path_factory.mktemp("models"))
    return found


@pytest.fixture
def shop(shops: ModuleType, model: Model, clock: HeldClock) -> Any:
    """A fresh shop."""
    return shops.make_shop(clock, model)
