"""Artifacts are written whole, are the same for the same content, and every damage is found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from offers.artifact.format import ARRAYS, MANIFEST, Verdict
from offers.artifact.model import Model
from offers.artifact.store import TEMPORARY, read_manifest, verify
from offers.errors import OffersError

Save = Callable[..., str]


def test_the_same_content_has_the_same_id_and_is_kept_once(tmp_path: Path, save_model: Save) -> None:
    first = save_model(tmp_path, created_at=1, ledger_version=3)
    assert save_model(tmp_path, created_at=2, ledger_version=9) == first
    assert save_model(tmp_path, seed=2) != first
    assert len(list(tmp_path.iterdir())) == 2
    assert not list(tmp_path.glob(f"{TEMPORARY}*"))


def test_a_later_verdict_of_the_gate_replaces_the_earlier_and_no_verdict_does_not(
    tmp_path: Path, save_model: Save
) -> None:
    path = tmp_path / save_model(tmp_path, gate=None)
    save_model(tmp_path, gate=Verdict(True))
    assert read_manifest(path).gate == Verdict(True)
    save_model(tmp_path, gate=Verdict(False, ("worse",)))
    assert read_manifest(path).gate == Verdict(False, ("worse",))
    save_model(tmp_path, gate=None)
    assert read_manifest(path).gate == Verdict(False, ("worse",))
    assert verify(path) == []


@pytest.mark.parametrize("name", sorted(ARRAYS))
def test_a_flipped_bit_of_any_file_is_found(tmp_path: Path, save_model: Save, name: str) -> None:
    path = tmp_path / save_model(tmp_path)
    file = path / f"{name}.npy"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    assert [name in fault for fault in verify(path)] == [True]
    with pytest.raises(OffersError) as caught:
        Model.open(path, verify_checksums=True)
    assert caught.value.code == "artifact_damaged"


@pytest.mark.parametrize("name", sorted(ARRAYS))
def test_a_file_cut_short_or_absent_is_found_without_reading_it(tmp_path: Path, save_model: Save, name: str) -> None:
    path = tmp_path / save_model(tmp_path)
    file = path / f"{name}.npy"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(OffersError, match=name):
        Model.open(path)
    file.unlink()
    with pytest.raises(OffersError, match=name):
        Model.open(path)
    assert verify(path)


@pytest.mark.parametrize("damage", [lambda t: t.replace('"tiny"', '"huge"'), lambda t: t[:-9], lambda _t: "null"])
def test_a_changed_manifest_is_found(tmp_path: Path, save_model: Save, damage: Callable[[str], str]) -> None:
    path = tmp_path / save_model(tmp_path)
    (path / MANIFEST).write_text(damage((path / MANIFEST).read_text()))
    with pytest.raises(OffersError) as caught:
        read_manifest(path)
    assert caught.value.code == "artifact_damaged"


def test_saving_over_a_damaged_artifact_mends_it(tmp_path: Path, save_model: Save) -> None:
    path = tmp_path / save_model(tmp_path)
    (path / "gram.npy").unlink()
    save_model(tmp_path)
    assert verify(path) == []
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_model_is_mapped_read_only_and_tells_its_parameters(
    tmp_path: Path, save_model: Save, make_arrays: Callable[[int], Any]
) -> None:
    model = Model.open(tmp_path / save_model(tmp_path))
    arrays = make_arrays(1)
    for name in set(ARRAYS) - {"vocab_blob", "vocab_offsets"}:
        np.testing.assert_array_equal(getattr(model, name), arrays[name])
    assert isinstance(model.factors, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        model.factors[0, 0] = 1.0
    assert sorted(model.item_ids) == ["i0", "i1", "i3", "i4", "i5", "молоко-2"]
    assert list(model.item_ids) == [model.item_ids[i] for i in range(len(model.item_ids))]
    assert model.item_ids[-1] == list(model.item_ids)[-1]
    assert model.item_ids[1:3] == list(model.item_ids)[1:3]
    with pytest.raises(IndexError):
        model.item_ids[6]
    assert (model.n_items, model.n_factors, model.n_baskets) == (6, 4, 10)
    assert (model.regularization, model.confidence_weight, model.half_life_days) == (1.0, 2.0, 45.0)
