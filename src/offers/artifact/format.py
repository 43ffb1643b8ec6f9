"""What an artifact is: plain arrays with fixed names, types and shapes, and a manifest.

An artifact is a directory ``<id>/`` with one ``.npy`` file per array and ``manifest.json``; nothing is pickled.
Dimensions: ``n`` items, ``f`` factors, ``co`` and ``similar`` stored pairs, ``bytes`` of the vocabulary.

The id is the content: the first 16 hexadecimal digits of the SHA-256 over format, engine, recipe, parameters and every
file's checksum, shape and type. Neither time nor place enters it (:func:`content_id`), so the same facts and the same
recipe give the same id. The seal is a checksum over the rest of the manifest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from offers.errors import OffersError

__all__ = [
    "ARRAYS",
    "FORMAT",
    "MANIFEST",
    "Arrays",
    "File",
    "Manifest",
    "Parameters",
    "Verdict",
    "check",
    "content_id",
    "damaged",
    "estimate_bytes",
    "seal_of",
]

FORMAT = 1
"""Version of the directory layout. Readers refuse a later one."""

MANIFEST = "manifest.json"

Arrays = Mapping[str, npt.NDArray[Any]]

#: name -> (little-endian dtype, dimensions).
ARRAYS: dict[str, tuple[str, tuple[str, ...]]] = {
    "vocab_blob": ("|u1", ("bytes",)),  # item ids in UTF-8, end to end
    "vocab_offsets": ("<i8", ("n+1",)),  # where each begins
    "factors": ("<f4", ("n", "f")),  # Y of the factorisation
    "gram": ("<f4", ("f", "f")),  # YᵀY
    "norms": ("<f4", ("n",)),  # Euclidean norms of the rows of factors
    "norm_order": ("<i4", ("n",)),  # items by falling norm
    "popularity": ("<f4", ("n",)),  # share of recency-decayed orders, sums to 1
    "item_baskets": ("<i4", ("n",)),  # baskets that hold the item
    "co_indptr": ("<i8", ("n+1",)),
    "co_indices": ("<i4", ("co",)),  # complements of each item, best first
    "co_score": ("<f4", ("co",)),  # shrunk asymmetric score
    "co_together": ("<i4", ("co",)),  # baskets that hold both
    "similar_indptr": ("<i8", ("n+1",)),
    "similar_indices": ("<i4", ("similar",)),  # items of like taste, best first
    "similar_score": ("<f4", ("similar",)),  # cosine of factors
}


class File(msgspec.Struct, frozen=True):
    """One array on disk: checksum of the file, and what is in it."""

    sha256: str
    shape: tuple[int, ...]
    dtype: str
    bytes: int


class Parameters(msgspec.Struct, frozen=True):
    """What serving must know besides the arrays.

    ``as_of``: the moment (µs since the epoch) that recency is measured from. ``n_baskets``: baskets counted, guests'
    included.
    """

    n_items: int
    n_factors: int
    n_baskets: int
    regularization: float
    confidence_weight: float
    half_life_days: float
    as_of: int


class Verdict(msgspec.Struct, frozen=True):
    """What the gate said: ``reasons`` name each test that failed, as sentences."""

    passed: bool
    reasons: tuple[str, ...] = ()


class Manifest(msgspec.Struct, frozen=True):
    """``manifest.json``. ``created_at`` in µs; ``ledger_version``: of the table it was learned from, None if unknown.

    ``metrics``: measured on the hold-out, ``timings``: seconds by step, ``counts``: customers, baskets, lines...
    ``gate`` is None when no gate was asked, which is not a pass.
    """

    id: str
    format: int
    engine: str
    recipe: dict[str, Any]
    parameters: Parameters
    files: dict[str, File]
    created_at: int
    ledger_version: int | None = None
    ledger_uri: str | None = None
    counts: dict[str, int] = {}
    metrics: dict[str, Any] = {}
    timings: dict[str, float] = {}
    gate: Verdict | None = None
    seal: str = ""

    @property
    def bytes(self) -> int:
        """Size of all arrays on disk."""
        return sum(file.bytes for file in self.files.values())


def damaged(detail: str) -> OffersError:
    """The fault of files that are not what the manifest says."""
    return OffersError(detail, code="artifact_damaged")


def _digest(value: Any) -> str:
    return hashlib.sha256(msgspec.json.encode(value, order="deterministic")).hexdigest()


def content_id(manifest: Manifest) -> str:
    """The id that the content of a manifest gives, whatever its ``id`` says."""
    return _digest(
        {
            "format": manifest.format,
            "engine": manifest.engine,
            "recipe": manifest.recipe,
            "parameters": manifest.parameters,
            "files": manifest.files,
        }
    )[:16]


def seal_of(manifest: Manifest) -> str:
    """Checksum of the whole manifest but the seal itself."""
    return _digest(msgspec.structs.replace(manifest, seal=""))


def estimate_bytes(n_items: int, n_factors: int, co_pairs: int, similar_pairs: int, id_bytes: int = 12) -> int:
    """Size on disk and mapped in memory, headers left out. Pairs are totals over all items."""
    sizes = {"n": n_items, "n+1": n_items + 1, "f": n_factors, "co": co_pairs, "similar": similar_pairs}
    sizes["bytes"] = n_items * id_bytes
    return sum(
        np.dtype(dtype).itemsize * int(np.prod([sizes[d] for d in dims], dtype=np.int64))
        for dtype, dims in ARRAYS.values()
    )


def check(arrays: Arrays) -> None:
    """Whether arrays fit :data:`ARRAYS` and each other.

    Raises:
        ValueError: naming the array and what is wrong with it.
    """
    if set(arrays) != set(ARRAYS):
        raise ValueError(f"arrays differ from the format: {sorted(set(arrays) ^ set(ARRAYS))}")
    sizes: dict[str, int] = {"n": arrays["factors"].shape[0]}
    sizes["n+1"] = sizes["n"] + 1
    for name, (dtype, dims) in ARRAYS.items():
        array = arrays[name]
        if array.dtype != np.dtype(dtype) or array.ndim != len(dims):
            raise ValueError(f"{name}: {array.dtype}{array.shape}, not {dtype} of {dims}")
        for size, dim in zip(array.shape, dims, strict=True):
            if sizes.setdefault(dim, size) != size:
                raise ValueError(f"{name}: {dim} is {size}, not {sizes[dim]}")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError(f"{name}: holds what is not a number")
    _check_offsets("vocab_offsets", arrays["vocab_offsets"], sizes["bytes"])
    for part in ("co", "similar"):
        _check_offsets(f"{part}_indptr", arrays[f"{part}_indptr"], sizes[part])
        indices = arrays[f"{part}_indices"]
        if len(indices) and not (int(indices.min()) >= 0 and int(indices.max()) < sizes["n"]):
            raise ValueError(f"{part}_indices: outside the vocabulary")
    if not np.array_equal(np.sort(arrays["norm_order"]), np.arange(sizes["n"])):
        raise ValueError("norm_order: not an order of all items")


def _check_offsets(name: str, offsets: npt.NDArray[Any], last: int) -> None:
    if offsets[0] != 0 or offsets[-1] != last or (np.diff(offsets) < 0).any():
        raise ValueError(f"{name}: does not rise from 0 to {last}")
