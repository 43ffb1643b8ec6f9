"""The one table of settings: name, default, unit, meaning. Read once, from the environment, by whoever starts.

``docs/settings.md`` is generated from :data:`SETTINGS`; a test holds the two together.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from offers.errors import OffersError

__all__ = ["PREFIX", "SETTINGS", "Setting", "Settings", "read_settings"]

PREFIX = "OFFERS_"


def _setting(default: Any, unit: str, about: str) -> Any:
    return field(default=default, metadata={"unit": unit, "help": about})


@dataclass(frozen=True)
class Settings:
    """Every setting with its default. The environment variable is ``OFFERS_`` + the name in capitals."""

    # where things are
    data_dir: Path = _setting(Path("var"), "path", "Everything this instance keeps: ledger, spool, state, logs")
    models_dir: Path | None = _setting(None, "path", "Where model artifacts land; default: models under data_dir")
    ledger_url: str = _setting("", "URL", "Delta table; default: ledger under data_dir. s3://, gs://, az:// work")
    redis_url: str = _setting("", "URL", "External Valkey/Redis; empty starts the embedded Valkey server")
    redis_durability_elsewhere: bool = _setting(
        False,
        "yes/no",
        "Accept an external server without appendfsync always: durability is its operator's business",
    )
    key_prefix: str = _setting("offers", "text", "Prefix of every key in Valkey/Redis")
    # serving
    host: str = _setting("127.0.0.1", "address", "Address the API listens on")
    port: int = _setting(8080, "port", "Port the API listens on")
    workers: int = _setting(2, "processes", "API worker processes")
    threads: int = _setting(16, "threads", "Threads that run requests, per worker process")
    deadline_ms: int = _setting(150, "ms", "Time an offer may take when the request names none")
    state_timeout_ms: int = _setting(50, "ms", "Longest wait for Valkey/Redis while deciding")
    max_body_bytes: int = _setting(4_000_000, "bytes", "Largest request body")
    max_cart_lines: int = _setting(500, "lines", "Largest cart")
    max_batch_lines: int = _setting(10_000, "lines", "Largest NDJSON batch")
    max_inflight_events: int = _setting(8, "requests", "Event requests handled at once, per worker; more get 503")
    public_url: str = _setting("", "URL", "How the outside reaches this service; used in signed addresses")
    signing_secret: str = _setting("", "text", "Secret of signed addresses; empty: a file under data_dir, made once")
    # the shop
    currency: str = _setting("USD", "ISO 4217", "Base currency; money in others is kept and stays out of metrics")
    timezone: str = _setting("UTC", "IANA name", "Days of reports and of naive import times")
    language: str = _setting("en", "ru/en", "Language of texts when a request names none")
    orders_count_from: str = _setting("placed", "status", "Status from which an order counts: placed, paid, delivered")
    default_limit: int = _setting(4, "offers", "Offers in a response when the request names no limit")
    max_price_ratio: float = _setting(1.6, "ratio", "Dearest upsell, as a multiple of the line it replaces")
    bought_again_after_days: int = _setting(
        30,
        "days",
        "After how long an item of unknown replenishability may be offered again to one who bought it",
    )
    # the ledger
    flush_seconds: float = _setting(2.0, "s", "Longest time an accepted event waits for its commit")
    max_stream_entries: int = _setting(2_000_000, "entries", "Stream length at which events get 503")
    compact_every_commits: int = _setting(100, "commits", "Commits between compactions of small files")
    trim_only_older_seconds: int = _setting(
        0,
        "s",
        "Extra age before a committed entry is trimmed; use 3600 where the table's storage cannot be fsynced",
    )
    retain_decisions_days: int = _setting(400, "days", "Decisions older than this leave the ledger; 0 keeps all")
    retain_behaviour_days: int = _setting(800, "days", "Views, carts and searches older than this leave; 0 keeps all")
    retain_messages_days: int = _setting(800, "days", "Letter events older than this leave; 0 keeps all")
    # deciding
    same_decision_minutes: int = _setting(30, "minutes", "Same person, placement and cart get the same decision")
    frozen_picks_days: int = _setting(90, "days", "Picks with a message_id stay as they were")
    # learning
    recipe: Path | None = _setting(None, "path", "Recipe TOML for training; default: the shipped one")
    train_every_hours: float = _setting(24.0, "h", "Pause between trainings by the worker; 0 never trains")
    keep_models: int = _setting(5, "models", "Unpromoted artifacts kept")
    # operating
    log_level: str = _setting("info", "level", "debug, info, warning or error")
    backup_dir: Path | None = _setting(None, "path", "Default target of offers backup")

    @property
    def ledger_location(self) -> str:
        return self.ledger_url or str((self.data_dir / "ledger").absolute())

    @property
    def models_location(self) -> Path:
        return self.models_dir or self.data_dir / "models"

    @property
    def spool_dir(self) -> Path:
        return self.data_dir / "spool"

    @property
    def run_dir(self) -> Path:
        return self.data_dir / "run"

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the documented table."""

    name: str
    env: str
    default: str
    unit: str
    help: str


def _table() -> tuple[Setting, ...]:
    def shown(value: object) -> str:
        if value is None or value == "":
            return ""
        if isinstance(value, bool):
            return "yes" if value else "no"
        return str(value)

    return tuple(
        Setting(f.name, PREFIX + f.name.upper(), shown(f.default), f.metadata["unit"], f.metadata["help"])
        for f in fields(Settings)
    )


SETTINGS: tuple[Setting, ...] = _table()

_OF_TESTS = PREFIX + "TEST_"
_YES = {"1", "yes", "true", "on"}
_NO = {"0", "no", "false", "off", ""}
_CHOICES: dict[str, frozenset[str]] = {
    "language": frozenset({"ru", "en"}),
    "orders_count_from": frozenset({"placed", "paid", "delivered"}),
    "log_level": frozenset({"debug", "info", "warning", "error"}),
}


def _invalid(name: str, detail: str) -> OffersError:
    return OffersError(f"{PREFIX}{name.upper()}: {detail}", code="invalid_settings")


def _parse(name: str, annotation: str, text: str) -> Any:
    try:
        if annotation == "bool":
            if text.lower() in _YES:
                return True
            if text.lower() in _NO:
                return False
            raise ValueError(text)
        if annotation == "int":
            return int(text)
        if annotation == "float":
            return float(text)
    except ValueError:
        raise _invalid(name, f"{text!r} is not a {annotation}") from None
    if annotation.startswith("Path"):
        return Path(text) if text else None
    return text


def read_settings(environ: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
    """Settings from ``environ`` (default: the process environment), then ``overrides``.

    Raises:
        OffersError: ``invalid_settings``, naming the variable, for a value that cannot be read, or for an
            unknown variable that begins with ``OFFERS_``.
    """
    env = os.environ if environ is None else environ
    known = {f.name: f for f in fields(Settings)}
    values: dict[str, Any] = {}
    for key, text in env.items():
        if not key.startswith(PREFIX) or key.startswith(_OF_TESTS):
            continue
        name = key[len(PREFIX) :].lower()
        if name not in known:
            raise _invalid(name, "there is no such setting; docs/settings.md lists them")
        if text == "" and known[name].type not in ("str", "bool"):
            continue
        values[name] = _parse(name, str(known[name].type), text)
    settings = Settings(**{**values, **overrides})
    for name, allowed in _CHOICES.items():
        if getattr(settings, name) not in allowed:
            raise _invalid(name, f"must be one of {', '.join(sorted(allowed))}")
    try:
        _ = settings.zone
    except (KeyError, ValueError, OSError):
        raise _invalid("timezone", f"{settings.timezone!r} is not an IANA time zone") from None
    for name in ("workers", "threads", "deadline_ms", "state_timeout_ms", "max_body_bytes", "default_limit"):
        if getattr(settings, name) < 1:
            raise _invalid(name, "must be at least 1")
    return settings
