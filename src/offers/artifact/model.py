"""An artifact mapped into memory, as serving reads it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from offers.artifact.assemble import decode
from offers.artifact.format import ARRAYS, Manifest, damaged
from offers.artifact.store import read_array, read_manifest, verify

__all__ = ["ItemIds", "Model"]

Floats = npt.NDArray[np.float32]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]


class ItemIds(Sequence[str]):
    """The ids of a vocabulary, decoded as they are asked for: nothing per item is kept in the process."""

    def __init__(self, blob: npt.NDArray[np.uint8], offsets: Int64s) -> None:
        self._blob = blob
        self._offsets = offsets

    def __len__(self) -> int:
        return len(self._offsets) - 1

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: int | slice) -> str | list[str]:
        n = len(self)
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(n))]
        at = index + n if index < 0 else index
        if not 0 <= at < n:
            raise IndexError(index)
        return self._blob[self._offsets[at] : self._offsets[at + 1]].tobytes().decode()

    def __iter__(self) -> Iterator[str]:
        return iter(decode(self._blob, self._offsets))


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """One immutable artifact. Arrays are memory maps, read-only; shapes and meanings as in :mod:`.format`.

    ``n_items`` n and ``n_factors`` f; items are numbered by falling norm of their factors. ``version`` is the id.
    """

    version: str
    path: Path
    manifest: Manifest
    item_ids: ItemIds
    factors: Floats
    gram: Floats
    norms: Floats
    norm_order: Int32s
    popularity: Floats
    item_baskets: Int32s
    co_indptr: Int64s
    co_indices: Int32s
    co_score: Floats
    co_together: Int32s
    similar_indptr: Int64s
    similar_indices: Int32s
    similar_score: Floats

    @property
    def n_items(self) -> int:
        return self.manifest.parameters.n_items

    @property
    def n_factors(self) -> int:
        return self.manifest.parameters.n_factors

    @property
    def n_baskets(self) -> int:
        return self.manifest.parameters.n_baskets

    @property
    def regularization(self) -> float:
        return self.manifest.parameters.regularization

    @property
    def confidence_weight(self) -> float:
        return self.manifest.parameters.confidence_weight

    @property
    def half_life_days(self) -> float:
        return self.manifest.parameters.half_life_days

    @classmethod
    def open(cls, path: Path, *, verify_checksums: bool = False) -> Model:
        """Map the artifact directory ``path``. Sizes, shapes and types are always checked, checksums if asked for.

        Raises:
            OffersError: ``artifact_damaged``.
        """
        if verify_checksums and (faults := verify(path)):
            raise damaged("; ".join(faults))
        manifest = read_manifest(path)
        arrays: dict[str, Any] = {name: read_array(path, manifest, name) for name in ARRAYS}
        ids = ItemIds(arrays.pop("vocab_blob"), arrays.pop("vocab_offsets"))
        return cls(version=manifest.id, path=path, manifest=manifest, item_ids=ids, **arrays)
