"""Tables in files, read in batches: CSV as shops export it, Parquet, NDJSON.

A batch is a frame of the file's own columns (texts, or Parquet's types) and the number of each row. Rows that are
no rows of the table (too few cells, broken JSON) come apart with their reason.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from offers.errors import InvalidInput
from offers.intake.text import delimiter_of, scan_text

__all__ = ["BATCH_ROWS", "ROW", "Batch", "Broken", "Table", "open_table"]

BATCH_ROWS = 100_000
"""Rows held at once while reading."""

ROW = "\x00row"
"""Column of a batch with the row's place in the file: a line's number in a text file, a row's (from 1) in Parquet."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A row that is none: where, why, and what was there."""

    row: int
    code: str
    original: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows of a table. ``rows``: how many rows of the file it covers, broken ones included and blank ones not."""

    frame: pl.DataFrame
    rows: int
    broken: tuple[Broken, ...] = ()


@dataclass
class Table:
    """A file as a table. ``total`` is exact for Parquet and an estimate (lines) for text."""

    path: Path
    kind: str
    columns: list[str]
    total: int
    encoding: str | None = None
    delimiter: str | None = None
    checked: bool = True
    skip: int = 0
    notes: dict[str, int] = field(default_factory=dict)

    def batches(self, size: int = BATCH_ROWS) -> Iterator[Batch]:
        """The rows, in the order of the file."""
        reader = {"csv": self._csv, "parquet": self._parquet, "ndjson": self._ndjson}[self.kind]
        return reader(size)

    def _frame(self, cells: dict[str, Any], rows: list[int]) -> pl.DataFrame:
        schema = dict.fromkeys(cells, pl.String)
        frame = pl.DataFrame(cells, schema=schema)
        return frame.with_columns(pl.Series(ROW, rows, dtype=pl.Int64))

    def _csv(self, size: int) -> Iterator[Batch]:
        width = len(self.columns)
        with self.path.open(encoding=self.encoding, newline="", errors="strict" if self.checked else "replace") as file:
            for _ in range(self.skip):
                file.readline()
            reader = csv.reader(file, delimiter=self.delimiter or ",")
            next(reader, None)
            rows: list[list[str]] = []
            places: list[int] = []
            broken: list[Broken] = []
            seen, place = 0, reader.line_num + self.skip + 1
            try:
                for row in reader:
                    if len(row) != width:
                        if not any(row):
                            place = reader.line_num + self.skip + 1
                            continue
                        if len(row) > width and not any(c.strip() for c in row[width:]):
                            row = row[:width]
                        else:
                            seen += 1
                            broken.append(Broken(place, "wrong_number_of_cells", _original(self.columns, row)))
                            place = reader.line_num + self.skip + 1
                            continue
                    seen += 1
                    rows.append(row)
                    places.append(place)
                    place = reader.line_num + self.skip + 1
                    if len(rows) >= size:
                        yield self._batch(rows, places, seen, broken)
                        rows, places, broken, seen = [], [], [], 0
            except csv.Error:
                raise InvalidInput(
                    f"{self.path.name}, line {place}: a quoted cell does not end; close the quote and import again"
                ) from None
            if rows or broken:
                yield self._batch(rows, places, seen, broken)

    def _batch(self, rows: list[list[str]], places: list[int], seen: int, broken: list[Broken]) -> Batch:
        cells: dict[str, Any] = dict(
            zip(self.columns, zip(*rows, strict=True) if rows else [()] * len(self.columns), strict=True)
        )
        frame = self._frame(cells, places)
        text = [pl.col(c).str.strip_chars() == "" for c in self.columns]
        frame = frame.filter(~pl.all_horizontal(text))
        return Batch(frame, seen - (len(places) - frame.height), tuple(broken))

    def _parquet(self, size: int) -> Iterator[Batch]:
        lazy = pl.scan_parquet(self.path)
        for start in range(0, self.total, size):
            frame = lazy.slice(start, size).collect()
            places = pl.int_range(start + 1, start + 1 + frame.height, dtype=pl.Int64, eager=True)
            yield Batch(frame.with_columns(places.alias(ROW)), frame.height)

    def _ndjson(self, size: int) -> Iterator[Batch]:
        rows: list[dict[str, Any]] = []
        places: list[int] = []
        broken: list[Broken] = []
        for place, found in _documents(self.path):
            if found is None:
                broken.append(Broken(place, "malformed_json", {}))
            else:
                rows.append(found)
                places.append(place)
            if len(rows) + len(broken) >= size:
                yield self._json_batch(rows, places, broken)
                rows, places, broken = [], [], []
        if rows or broken:
            yield self._json_batch(rows, places, broken)

    def _json_batch(self, rows: list[dict[str, Any]], places: list[int], broken: list[Broken]) -> Batch:
        cells = {c: [_cell(row.get(c)) for row in rows] for c in self.columns}
        return Batch(self._frame(cells, places), len(rows) + len(broken), tuple(broken))


def _original(columns: list[str], row: list[str]) -> dict[str, Any]:
    named: dict[str, Any] = dict(zip(columns, row, strict=False))
    if len(row) > len(columns):
        named["(further cells)"] = row[len(columns) :]
    return named


def _cell(value: Any) -> str | None:
    if value is None or type(value) is str:
        return value
    if type(value) is float and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if type(value) in (dict, list, bool):
        return orjson.dumps(value).decode()
    return str(value)


def _documents(path: Path) -> Iterator[tuple[int, dict[str, Any] | None]]:
    """Line number and object of every line that is not blank; None for a line that holds no object."""
    with path.open("rb") as file:
        for n, line in enumerate(file, 1):
            text = line.strip().removeprefix(b"\xef\xbb\xbf")
            if not text:
                continue
            try:
                found = orjson.loads(text)
            except orjson.JSONDecodeError:
                yield n, None
                continue
            yield n, found if type(found) is dict else None


def _kind(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(4096)
    if not start.strip():
        raise InvalidInput(f"{path.name} is empty")
    if start.startswith(b"PAR1"):
        return "parquet"
    if start.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise InvalidInput(f"{path.name} is an Excel workbook; save the sheet as CSV (UTF-8) and import that")
    head = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if head.startswith(b"{"):
        return "ndjson"
    if head.startswith(b"[") and path.suffix.lower() in (".json", ".ndjson", ".jsonl"):
        raise InvalidInput(f"{path.name} is one JSON list; write one object per line (jq -c '.[]' does)")
    if head.startswith(b"<"):
        raise InvalidInput(f"{path.name} is XML; feeds are read by the import of items")
    return "csv"


def open_table(path: Path | str, *, encoding: str | None = None) -> Table:
    """The table in a file; its format is found from its first bytes.

    Raises:
        InvalidInput: there is no such file, it is empty, or no table.
    """
    path = Path(path)
    if not path.is_file():
        raise InvalidInput(f"there is no file {path}")
    kind = _kind(path)
    if kind == "parquet":
        try:
            lazy = pl.scan_parquet(path)
            columns = lazy.collect_schema().names()
            total = int(lazy.select(pl.len()).collect().item())
        except pl.exceptions.PolarsError:
            raise InvalidInput(f"{path.name} is not a readable Parquet file") from None
        return Table(path, kind, columns, total)
    if kind == "ndjson":
        names: dict[str, None] = {}
        total = 0
        for _, found in _documents(path):
            total += 1
            if found is not None:
                names.update(dict.fromkeys(found))
        return Table(path, kind, list(names), total)
    return _open_csv(path, encoding)


def _open_csv(path: Path, encoding: str | None) -> Table:
    scan = scan_text(path, encoding)
    with path.open(encoding=scan.encoding, newline="", errors="replace") as file:
        skip, first = 0, file.readline()
        delimiter = None
        if first.lower().startswith("sep=") and len(first.strip()) == 5:
            delimiter, skip, first = first.strip()[4], 1, file.readline()
        while first and not first.strip():
            skip, first = skip + 1, file.readline()
        delimiter = delimiter or delimiter_of(first)
        file.seek(0)
        for _ in range(skip):
            file.readline()
        try:
            header = next(csv.reader(file, delimiter=delimiter), [])
        except csv.Error:
            raise InvalidInput(f"{path.name}: the header holds a quoted name that does not end") from None
    while header and not header[-1].strip():
        header.pop()
    if not header:
        raise InvalidInput(f"{path.name} has no header line")
    columns: list[str] = []
    for n, name in enumerate(header, 1):
        name = name.strip().strip("\ufeff") or f"column {n}"
        columns.append(name if name not in columns else f"{name} ({n})")
    return Table(path, "csv", columns, max(scan.lines - skip - 1, 1), scan.encoding, delimiter, scan.checked, skip)
