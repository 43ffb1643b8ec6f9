"""Promotion, rollback and pruning; what a crash cuts in two is completed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from offers.artifact.format import Verdict
from offers.artifact.registry import Registry
from offers.artifact.store import TEMPORARY
from offers.errors import Conflict, GateRefused, NotFound, OffersError

Save = Callable[..., str]


def test_an_empty_registry_has_nothing(registry: Registry) -> None:
    assert registry.current() is None
    assert list(registry.list()) == []
    assert list(registry.history()) == []
    with pytest.raises(Conflict):
        registry.rollback("ann", "why not")
    for name in ("", "nothing", "../models", ".", ".."):
        with pytest.raises(NotFound):
            registry.path(name)


def test_promotion_says_what_was_current_and_is_remembered(registry: Registry, save_model: Save) -> None:
    a, b = save_model(registry.artifacts, 1), save_model(registry.artifacts, 2)
    assert registry.promote(a, "ann", "first") is None
    assert registry.promote(b, "bob", "better") == a
    assert registry.current() == b
    assert [(i.id, i.current) for i in registry.list()] == [(b, True), (a, False)]
    told = [(c.seq, c.action, c.model, c.previous, c.author, c.reason, c.forced) for c in registry.history()]
    assert told == [(1, "promote", a, None, "ann", "first", False), (2, "promote", b, a, "bob", "better", False)]


@pytest.mark.parametrize("gate", [None, Verdict(False, ("discover: popularity is as good",))])
def test_the_gate_is_passed_by_force_only_and_the_history_says_so(
    registry: Registry, save_model: Save, gate: Verdict | None
) -> None:
    model = save_model(registry.artifacts, gate=gate)
    with pytest.raises(GateRefused, match="popularity is as good" if gate else "never put to the gate"):
        registry.promote(model, "ann", "try")
    assert registry.current() is None
    registry.promote(model, "ann", "I know better", forced=True)
    assert registry.current() == model
    assert registry.history()[-1].forced


def test_a_damaged_model_is_not_promoted(registry: Registry, save_model: Save) -> None:
    model = save_model(registry.artifacts)
    (registry.path(model) / "gram.npy").write_bytes(b"")
    with pytest.raises(OffersError) as caught:
        registry.promote(model, "ann", "try", forced=True)
    assert caught.value.code == "artifact_damaged"
    assert registry.verify(model)


def test_rollback_goes_back_one_promotion_each_time(registry: Registry, save_model: Save) -> None:
    a, b, c, d = (save_model(registry.artifacts, seed) for seed in (1, 2, 3, 4))
    for model in (a, b, c):
        registry.promote(model, "ann", "new")
    assert registry.rollback("bob", "worse") == (b, c)
    registry.promote(d, "ann", "newer")
    assert registry.rollback("bob", "worse") == (b, d)
    assert registry.rollback("bob", "worse still") == (a, b)
    with pytest.raises(Conflict):
        registry.rollback("bob", "nothing left")
    assert registry.current() == a


def test_pruning_keeps_the_current_one_its_predecessor_and_the_newest(registry: Registry, save_model: Save) -> None:
    a, b, c, d, e = (save_model(registry.artifacts, seed) for seed in (1, 2, 3, 4, 5))
    for model in (a, b, c):
        registry.promote(model, "ann", "new")
    assert list(registry.prune(1)) == [d, a]
    assert {info.id for info in registry.list()} == {b, c, e}
    assert list(registry.prune(0)) == [e]
    assert registry.rollback("ann", "still possible") == (b, c)
    with pytest.raises(Conflict):
        registry.rollback("ann", "a is gone")


def test_leftovers_of_a_day_ago_are_pruned_and_fresh_ones_are_not(registry: Registry, save_model: Save) -> None:
    import os

    save_model(registry.artifacts)
    now = registry._clock.now_us() / 1e6
    for name, age in (("old", 90_000), ("new", 10)):
        path = registry.artifacts / f"{TEMPORARY}{name}"
        path.mkdir()
        os.utime(path, (now - age, now - age))
    registry.prune(5)
    assert {p.name for p in registry.artifacts.glob(f"{TEMPORARY}*")} == {f"{TEMPORARY}new"}


def test_a_promotion_cut_before_the_pointer_is_completed_by_the_next_operation(
    registry: Registry, save_model: Save, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = save_model(registry.artifacts, 1), save_model(registry.artifacts, 2)
    registry.promote(a, "ann", "first")

    def crash(path: Path, content: bytes) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("offers.artifact.registry.write_atomically", crash)
        with pytest.raises(KeyboardInterrupt):
            registry.promote(b, "ann", "cut")
    assert registry.current() == a
    registry.prune(5)
    assert registry.current() == b
    assert registry.rollback("ann", "back") == (a, b)
    assert [c.seq for c in registry.history()] == [1, 2, 3]


def test_a_line_of_the_history_cut_short_is_dropped(registry: Registry, save_model: Save) -> None:
    a, b = save_model(registry.artifacts, 1), save_model(registry.artifacts, 2)
    registry.promote(a, "ann", "first")
    with (registry.directory / "history.ndjson").open("ab") as file:
        file.write(b'{"seq": 2, "at": 1, "act')
    assert len(registry.history()) == 1
    assert registry.promote(b, "ann", "second") == a
    assert [(c.seq, c.model) for c in registry.history()] == [(1, a), (2, b)]


def test_a_damaged_manifest_is_listed_with_its_fault(registry: Registry, save_model: Save) -> None:
    good, bad = save_model(registry.artifacts, 1), save_model(registry.artifacts, 2)
    (registry.path(bad) / "manifest.json").write_text("{")
    listed = registry.list()
    assert [(i.id, i.manifest is None, i.fault is None) for i in listed] == [(good, False, True), (bad, True, False)]
