"""A process serves one artifact at a time, and a bad one never replaces a good one."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import numpy as np
import pytest

from offers.artifact.model import Model
from offers.artifact.registry import Registry
from offers.artifact.slot import ModelSlot

Save = Callable[..., str]


def test_a_promotion_is_seen_once_and_made_ready_before_it_is_published(registry: Registry, save_model: Save) -> None:
    a, b = save_model(registry.artifacts, 1), save_model(registry.artifacts, 2)
    seen: list[tuple[str, str | None]] = []

    def ready(model: Model) -> None:
        seen.append((model.version, slot.current.version if slot.current else None))

    slot = ModelSlot(registry, ready)
    assert slot.refresh() is False
    assert slot.current is None
    registry.promote(a, "ann", "first")
    assert slot.refresh() is True
    assert slot.refresh() is False
    registry.promote(b, "ann", "second")
    assert slot.refresh() is True
    assert seen == [(a, None), (b, a)]


def test_a_late_listener_gets_the_present_model(registry: Registry, save_model: Save) -> None:
    model = save_model(registry.artifacts)
    registry.promote(model, "ann", "first")
    slot = ModelSlot(registry)
    slot.refresh()
    seen: list[str] = []
    slot.on_swap(lambda m: seen.append(m.version))
    assert seen == [model]


def test_a_model_that_cannot_be_opened_or_made_ready_leaves_the_old_one(
    registry: Registry, save_model: Save, caplog: pytest.LogCaptureFixture
) -> None:
    a, b = save_model(registry.artifacts, 1), save_model(registry.artifacts, 2)
    refuse = False

    def ready(_model: Model) -> None:
        if refuse:
            raise ValueError("not this one")

    slot = ModelSlot(registry, ready)
    registry.promote(a, "ann", "first")
    slot.refresh()
    registry.promote(b, "ann", "second")
    held = registry.path(b) / "gram.npy"
    content = held.read_bytes()
    held.write_bytes(content[:-1])
    with caplog.at_level(logging.CRITICAL):
        assert slot.refresh() is False
        assert slot.fault is not None
        assert slot.current is not None
        assert slot.current.version == a
        held.write_bytes(content)
        refuse = True
        assert slot.refresh() is False
        assert slot.current.version == a
    refuse = False
    assert slot.refresh() is True
    assert slot.current.version == b
    assert slot.fault is None


def test_readers_never_see_two_artifacts_while_models_are_swapped(registry: Registry, save_model: Save) -> None:
    ids = [save_model(registry.artifacts, seed) for seed in (1, 2, 3)]
    truth = {i: np.array(Model.open(registry.path(i)).factors) for i in ids}
    grams = {i: np.array(Model.open(registry.path(i)).gram) for i in ids}
    registry.promote(ids[0], "ann", "first")
    slot = ModelSlot(registry)
    slot.refresh()
    stop = threading.Event()
    mixed: list[str] = []
    reads = [0]

    def read() -> None:
        while not stop.is_set():
            model = slot.current
            assert model is not None
            same = np.array_equal(model.factors, truth[model.version]) and np.array_equal(
                model.gram, grams[model.version]
            )
            reads[0] += 1
            if not same:
                mixed.append(model.version)

    readers = [threading.Thread(target=read) for _ in range(3)]
    follower = threading.Thread(target=slot.follow, args=(stop, 0.005))
    for thread in (*readers, follower):
        thread.start()
    for turn in range(7):
        wanted = ids[(turn + 1) % 3]
        registry.promote(wanted, "ann", f"turn {turn}")
        for _ in range(400):
            if slot.current is not None and slot.current.version == wanted:
                break
            stop.wait(0.005)
        else:
            pytest.fail("a promotion was not followed within two seconds")
    assert len(registry.prune(0)) == 1  # deleted files stay mapped where they are still read
    stop.set()
    for thread in (*readers, follower):
        thread.join()
    assert mixed == []
    assert reads[0] > 20
