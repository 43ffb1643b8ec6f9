"""Pauses between starts, and what a child is told."""

from __future__ import annotations

from pathlib import Path

from offers.running.child import Backoff
from offers.running.environment import METRICS_VARIABLE, child_environment
from offers.settings import Settings, read_settings


def test_pauses_double_up_to_a_bound() -> None:
    backoff = Backoff(first_s=0.1, most_s=1.0)
    assert [backoff.after(0.5) for _ in range(6)] == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0]


def test_a_child_that_lived_long_begins_anew() -> None:
    backoff = Backoff(first_s=0.1, most_s=1.0, forgive_s=20)
    for _ in range(5):
        backoff.after(0.5)
    assert backoff.after(25.0) == 0.1
    assert backoff.after(0.5) == 0.2


def test_a_child_reads_the_settings_of_its_parent() -> None:
    settings = Settings(
        data_dir=Path("/data"), workers=3, flush_seconds=0.25, redis_durability_elsewhere=True, recipe=Path("r.toml")
    )
    environment = child_environment(settings, redis_url="unix:///s", base={"PATH": "/bin", "OFFERS_TEST_SHARED": "/x"})
    assert environment["PATH"] == "/bin"
    assert environment[METRICS_VARIABLE] == "/data/run/metrics"
    assert read_settings(environment) == Settings(
        **{**{name: getattr(settings, name) for name in Settings.__dataclass_fields__}, "redis_url": "unix:///s"}
    )
