"""Texts of tables: which encoding and delimiter a file has, and numbers written as people write them."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import polars as pl

from offers.errors import InvalidInput

__all__ = ["NULLS", "Scan", "clean", "comma_style", "delimiter_of", "flags", "ids", "numbers", "scan_text"]

#: What exports write for nothing.
NULLS: tuple[str, ...] = ("", "nan", "NaN", "null", "NULL", "None", "none", "\\N", "#N/A", "<NA>", "NaT")

_CHUNK = 1 << 20
_DELIMITERS = ";\t,|"
_COMMON = frozenset("оеаинтсрвлкмдпу")


@dataclass(frozen=True, slots=True)
class Scan:
    """One pass over a text file: its codec, whether every byte was checked against it, and how many lines it has."""

    encoding: str
    checked: bool
    lines: int


def scan_text(path: Path, encoding: str | None = None) -> Scan:
    """Count lines and find the encoding: UTF-8 if the whole file is, else by its letters; a byte order mark decides.

    Raises:
        InvalidInput: ``encoding`` names no codec, or the file is not in it.
    """
    if encoding is not None:
        try:
            encoding = codecs.lookup(encoding).name
        except LookupError:
            raise InvalidInput(f"{encoding!r} is not an encoding; use utf-8 or cp1251") from None
    with path.open("rb") as file:
        start = file.read(4)
        if encoding is None and start[:2] in (b"\xff\xfe", b"\xfe\xff"):
            encoding = "utf-16"
        file.seek(0)
        if encoding is not None and encoding not in ("utf-8", "utf-8-sig", "ascii"):
            count = 0
            while chunk := file.read(_CHUNK):
                count += chunk.count(b"\n")
            return Scan(encoding, False, count + 1)
        decoder = codecs.getincrementaldecoder("utf-8")()
        count, broken = 0, b""
        while chunk := file.read(_CHUNK):
            count += chunk.count(b"\n")
            if not broken:
                try:
                    decoder.decode(chunk)
                except UnicodeDecodeError as fault:
                    broken = chunk[max(0, fault.start - 50) : fault.start + 20_000]
        if not broken:
            try:
                decoder.decode(b"", True)
            except UnicodeDecodeError:
                broken = chunk or start
    if broken and encoding is not None:
        raise InvalidInput(f"{path.name} is not in {encoding}; leave --encoding out to have it found, or name another")
    return Scan(_by_letters(broken) if broken else "utf-8-sig", not broken, count + 1)


def _by_letters(sample: bytes) -> str:
    """The single-byte encoding of a sample that is not UTF-8.

    High bytes stand together in Russian words and alone in Western ones; among the Cyrillic encodings the one wins
    that reads most of them as the commonest lower-case letters.
    """
    high = [b >= 0x80 for b in sample]
    total = sum(high)
    together = sum(1 for a, b in pairwise(high) if a and b)
    if total == 0 or together < total * 0.4:
        return "cp1252"
    texts = {name: sample.decode(name, errors="replace") for name in ("cp1251", "cp866", "koi8-r")}
    return max(texts, key=lambda name: sum(c in _COMMON for c in texts[name]))


def delimiter_of(header: str) -> str:
    """The delimiter of a header line: whichever candidate stands most often outside quotes."""
    outside = re.sub(r'"[^"]*"', "", header)
    return max(_DELIMITERS, key=lambda d: (outside.count(d), -_DELIMITERS.index(d)))


def clean(series: pl.Series) -> pl.Series:
    """Any column as texts without surrounding white space; what means nothing becomes null. 17850.0 becomes 17850."""
    dtype = series.dtype
    if dtype == pl.String:
        text = series.str.strip_chars()
    elif dtype.is_float():
        whole = (series == series.floor()) & (series.abs() < 1e15)
        text = (
            pl.select(
                pl.when(whole)
                .then(series.cast(pl.Int64, strict=False).cast(pl.String))
                .otherwise(series.cast(pl.String))
            )
            .to_series()
            .alias(series.name)
        )
    elif dtype.is_nested() or dtype in (pl.Binary, pl.Object):
        return pl.Series(series.name, [None] * len(series), dtype=pl.String)
    else:
        text = series.cast(pl.String)
    if text.dtype == pl.Null:
        return text.cast(pl.String)
    frame = text.to_frame("t")
    return frame.select(pl.when(~pl.col("t").is_in(NULLS)).then(pl.col("t")).alias(series.name)).to_series()


def ids(series: pl.Series) -> pl.Series:
    """A column of ids: :func:`clean`, and ``17850.0`` in a text file, which pandas wrote, is 17850."""
    text = clean(series)
    return text if series.dtype.is_integer() else text.str.replace(r"^(\d+)\.0$", "$1")


def comma_style(columns: list[pl.Series], delimiter: str | None) -> bool:
    """Whether the comma is the decimal sign of these columns: by what they hold, else by the delimiter (``;``)."""
    for series in columns:
        if series.dtype == pl.String and series.str.contains(r"^-?0,\d|\d,(\d{1,2}|\d{4,})\D*$|\.\d{3},").any():
            return True
    for series in columns:
        if series.dtype == pl.String and series.str.contains(r"\d\.\d{1,2}\D*$").any():
            return False
    return delimiter == ";"


_DROP = r"[\s\u00a0\u2007\u2009\u202f'’$€£₽]|(?i:руб|rub|usd|eur|gbp)\.?|р\.?$"


def numbers(series: pl.Series, comma: bool) -> pl.Series:
    """A column as Float64; null where there is no number or more than one reading. ``comma``: see :func:`comma_style`.

    Reads thousands parted by spaces, apostrophes, points or commas, currency signs, and (1.50) as -1.50.
    """
    if series.dtype.is_numeric() or series.dtype.is_decimal():
        return series.cast(pl.Float64)
    text = clean(series)
    plain = text.cast(pl.Float64, strict=False)
    odd = text.is_not_null() & plain.is_null()
    if comma:
        odd = odd | text.str.contains(r"^-?[1-9]\d{0,2}\.\d{3}$").fill_null(False)
    if not odd.any():
        return plain
    frame = pl.DataFrame({"i": pl.int_range(len(text), eager=True), "t": text}).filter(odd)
    t = pl.col("t")
    frame = frame.with_columns(t=t.str.replace_all(_DROP, "").str.replace("−", "-").str.replace(r"^\((.+)\)$", "-$1"))
    no_points, no_commas = t.str.replace_all(".", "", literal=True), t.str.replace_all(",", "", literal=True)
    decimal = no_points.str.replace(",", ".", literal=True)
    read = (
        pl.when(t.str.contains(r"^-?\d{1,3}(\.\d{3})+,\d+$"))
        .then(decimal)
        .when(t.str.contains(r"^-?\d{1,3}(,\d{3})+\.\d+$") | t.str.contains(r"^-?\d{1,3}(,\d{3}){2,}$"))
        .then(no_commas)
        .when(t.str.contains(r"^-?\d{1,3}(\.\d{3}){2,}$"))
        .then(no_points)
        .when(t.str.contains(r"^-?[1-9]\d{0,2},\d{3}$"))
        .then(decimal if comma else no_commas)
        .when(t.str.contains(r"^-?[1-9]\d{0,2}\.\d{3}$"))
        .then(no_points if comma else t)
        .when(t.str.contains(r"^-?\d*,\d+$"))
        .then(t.str.replace(",", ".", literal=True))
        .otherwise(t)
    )
    found = frame.select("i", read.cast(pl.Float64, strict=False).alias("v"))
    return plain.scatter(found["i"], found["v"])


def flags(series: pl.Series) -> pl.Series:
    """A column of yes and no as Boolean; null where it is neither."""
    if series.dtype == pl.Boolean:
        return series
    yes = ("true", "yes", "y", "1", "да", "д", "on", "t")
    no = ("false", "no", "n", "0", "нет", "н", "off", "f")
    text = clean(series).str.to_lowercase().to_frame("t")
    t = pl.col("t")
    return text.select(pl.when(t.is_in(yes)).then(True).when(t.is_in(no)).then(False)).to_series().alias(series.name)
