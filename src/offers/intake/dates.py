"""Columns of moments: ISO 8601, day-first dates, Excel's serial days; naive ones in a time zone, gaps and all."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

import polars as pl

from offers.errors import InvalidInput
from offers.intake.text import clean

__all__ = ["Dates", "check_zone", "strptime_format"]

_US = 1_000_000
_DAY = 86_400 * _US
_TIME = r"(?:[T\s,]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?)?\s*(Z|[+-]\d{2}:?\d{2})?"
_YEAR_FIRST = r"^(?<y>\d{4})[-/.](?<m>\d{1,2})[-/.](?<d>\d{1,2})" + _TIME + "$"
_DAY_FIRST = r"^(?<d>\d{1,2})[.\-](?<m>\d{1,2})[.\-](?<y>\d{4}|\d{2})" + _TIME + "$"
_SLASHED = {
    "dmy": r"^(?<d>\d{1,2})/(?<m>\d{1,2})/(?<y>\d{4})" + _TIME + "$",
    "mdy": r"^(?<m>\d{1,2})/(?<d>\d{1,2})/(?<y>\d{4})" + _TIME + "$",
}
_COMPACT = r"^(?<y>(?:19|20)\d{2})(?<m>\d{2})(?<d>\d{2})" + _TIME + "$"
_SERIAL_EPOCH = 25_569  # days from 1899-12-30, Excel's day 0, to 1970-01-01
_TOKENS = {"YYYY": "%Y", "YY": "%y", "MM": "%m", "DD": "%d", "HH": "%H", "hh": "%H", "mm": "%M", "ss": "%S"}
_ANY_SLASHED = r"^\d{1,2}/\d{1,2}/\d{4}(?:[T\s,]|$)"


def check_zone(name: str) -> str:
    """An IANA name that exists.

    Raises:
        InvalidInput: it does not.
    """
    try:
        return ZoneInfo(name).key
    except (KeyError, ValueError, OSError):
        raise InvalidInput(f"{name!r} is not an IANA time zone, such as Europe/Moscow") from None


def strptime_format(text: str) -> str:
    """``DD/MM/YYYY HH:mm`` or ``%d/%m/%Y %H:%M`` as the latter.

    Raises:
        InvalidInput: it names no day, month or year.
    """
    made = text
    if "%" not in text:
        for token, code in _TOKENS.items():
            made = made.replace(token, code, 1)
    if not all(any(code in made for code in codes) for codes in (("%Y", "%y"), ("%m", "%b", "%B"), ("%d", "%e"))):
        raise InvalidInput(f"{text!r} names no day, month and year; use --date-format DD/MM/YYYY or '%d/%m/%Y %H:%M'")
    return made


@dataclass
class Dates:
    """Reads columns of moments. What it learns of ``03/04/2026`` in the first batch holds for the whole file."""

    zone: str
    date_format: str | None = None
    slashed: str | None = None

    def __post_init__(self) -> None:
        self.zone = check_zone(self.zone)
        if self.date_format is not None:
            self.date_format = strptime_format(self.date_format)

    def read(self, series: pl.Series) -> pl.Series:
        """µs since the epoch, Int64; null where no moment can be read.

        An hour that the clocks show twice is the earlier one; one that they skip is moved on by what they skip.

        Raises:
            InvalidInput: dates such as 03/04/2026 whose day and month cannot be told apart.
        """
        if isinstance(series.dtype, pl.Datetime):
            exact = series.cast(pl.Datetime("us", series.dtype.time_zone))
            if series.dtype.time_zone is not None:
                return exact.dt.epoch("us")
            return self._localise(exact)
        if series.dtype == pl.Date:
            return self._localise(series.cast(pl.Datetime("us")))
        text = clean(series)
        distinct = text.drop_nulls().unique()
        table = pl.DataFrame({"t": distinct, "us": self._parse(distinct)})
        return text.to_frame("t").join(table, on="t", how="left", maintain_order="left")["us"]

    def _localise(self, naive: pl.Series) -> pl.Series:
        def at(moments: pl.Series) -> pl.Series:
            return moments.dt.replace_time_zone(self.zone, ambiguous="earliest", non_existent="null").dt.epoch("us")

        found = at(naive)
        if found.null_count() > naive.null_count():
            # the offset before the gap, taken from a day (or two, where a whole day was skipped) earlier
            day_before = at(naive.dt.offset_by("-1d")) + _DAY
            found = found.fill_null(day_before).fill_null(at(naive.dt.offset_by("-2d")) + 2 * _DAY)
        return found

    def _parse(self, texts: pl.Series) -> pl.Series:
        frame = pl.DataFrame({"i": pl.int_range(len(texts), eager=True), "t": texts})
        result = pl.Series("us", [None] * len(texts), dtype=pl.Int64)

        def settle(rows: pl.DataFrame, us: pl.Series) -> None:
            nonlocal frame, result
            good = us.is_not_null()
            done = rows.filter(good)
            if not done.is_empty():
                result = result.scatter(done["i"], us.filter(good))
                frame = frame.join(done.select("i"), on="i", how="anti")

        if self.date_format is not None:
            settle(frame, self._formatted(frame["t"], self.date_format))
            settle(frame, self._matched(frame["t"], _YEAR_FIRST))
            return result
        for pattern in (_YEAR_FIRST, _DAY_FIRST, _COMPACT):
            if not frame.is_empty():
                settle(frame, self._matched(frame["t"], pattern))
        if frame["t"].str.contains(_ANY_SLASHED).any():
            settle(frame, self._matched(frame["t"], _SLASHED[self._slash_order(frame["t"])]))
        if not frame.is_empty():
            settle(frame, self._numeric(frame["t"]))
        return result

    def _slash_order(self, texts: pl.Series) -> str:
        if self.slashed is None:
            first = texts.str.extract(r"^(\d{1,2})/\d{1,2}/\d{4}", 1).cast(pl.Int64, strict=False).max()
            second = texts.str.extract(r"^\d{1,2}/(\d{1,2})/\d{4}", 1).cast(pl.Int64, strict=False).max()
            day_first = isinstance(first, int) and first > 12
            month_first = isinstance(second, int) and second > 12
            if day_first == month_first:
                raise InvalidInput(
                    "dates such as 03/04/2026 have two readings; say --date-format DD/MM/YYYY or MM/DD/YYYY"
                )
            self.slashed = "dmy" if day_first else "mdy"
        return self.slashed

    def _matched(self, texts: pl.Series, pattern: str) -> pl.Series:
        """Moments of texts that match a pattern of named groups; null elsewhere, also for the 31st of February."""
        parts = texts.to_frame("t").select(pl.col("t").str.extract_groups(pattern)).unnest("t")
        hour, minute, second, fraction, offset = (parts.columns[i] for i in range(3, 8))
        year = pl.when(pl.col("y").str.len_chars() == 2).then("20" + pl.col("y")).otherwise(pl.col("y"))
        padded = [year, *(pl.col(c).str.zfill(2) for c in ("m", "d"))]
        clock = [pl.col(c).fill_null("00").str.zfill(2) for c in (hour, minute, second)]
        whole = pl.concat_str([*padded, *clock], separator="-")
        us = pl.col(fraction).fill_null("0").str.pad_end(9, "0").str.slice(0, 6).cast(pl.Int64)
        made = parts.select(
            naive=whole.str.to_datetime("%Y-%m-%d-%H-%M-%S", time_unit="us", strict=False)
            + pl.duration(microseconds=us),
            offset=pl.when(pl.col(offset) == "Z").then(pl.lit("+0000")).otherwise(pl.col(offset).str.replace(":", "")),
        )
        return self._with_offsets(made)

    def _with_offsets(self, made: pl.DataFrame) -> pl.Series:
        minutes = pl.col("offset").str.slice(1, 2).cast(pl.Int64) * 60 + pl.col("offset").str.slice(3, 2).cast(pl.Int64)
        signed = pl.when(pl.col("offset").str.starts_with("-")).then(-minutes).otherwise(minutes)
        aware = made.select(pl.col("naive").dt.epoch("us") - signed * 60 * _US).to_series()
        naive = made["naive"]
        if made["offset"].null_count() == 0:
            return aware
        local = self._localise(naive)
        return made.select(pl.when(pl.col("offset").is_null()).then(local).otherwise(aware).alias("us")).to_series()

    def _formatted(self, texts: pl.Series, form: str) -> pl.Series:
        if "%z" in form or "%:z" in form or "%#z" in form:
            return texts.str.to_datetime(form, time_unit="us", strict=False).dt.epoch("us")
        found: pl.Series | None = None
        tails = ("",) if "%H" in form or "%I" in form else (" %H:%M:%S", " %H:%M")
        for tail in tails:
            read = texts.str.to_datetime(form + tail, time_unit="us", strict=False, exact=True)
            found = read if found is None else found.fill_null(read)
        assert found is not None
        if tails != ("",):
            day = texts.str.to_date(form, strict=False, exact=True).cast(pl.Datetime("us"))
            found = found.fill_null(day)
        return self._localise(found)

    def _numeric(self, texts: pl.Series) -> pl.Series:
        """Excel's serial days (naive), and seconds or milliseconds since the epoch."""
        value = texts.str.replace(",", ".", literal=True).cast(pl.Float64, strict=False)
        serial = ((value - _SERIAL_EPOCH) * 86_400).round() * _US
        naive = pl.select(pl.when((value > 20_000) & (value < 80_000)).then(serial).cast(pl.Int64)).to_series()
        local = self._localise(naive.cast(pl.Datetime("us")))
        return pl.select(
            pl.when(naive.is_not_null())
            .then(local)
            .when((value >= 6e8) & (value < 1e10))
            .then((value * _US).cast(pl.Int64, strict=False))
            .when((value >= 6e11) & (value < 1e13))
            .then((value * 1000).cast(pl.Int64, strict=False))
        ).to_series()
