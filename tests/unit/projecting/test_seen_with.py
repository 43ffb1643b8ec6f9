"""Which customer a visitor belongs to."""

from __future__ import annotations

from offers.projecting.joins import seen_with
from offers.state.records import Link

DAY = 86_400_000_000


def _after(*seen: tuple[str, float]) -> Link:
    link = Link()
    for n, (customer, day) in enumerate(seen, 1):
        link = seen_with(link, customer, int(day * DAY), n) or link
    return link


def test_the_last_customer_seen_with_it() -> None:
    assert _after(("c:a", 1)).to == "c:a"
    assert _after(("c:a", 1), ("c:b", 2)).to == "c:b"


def test_an_older_sighting_that_comes_late_changes_nothing_but_the_record() -> None:
    link = _after(("c:b", 20), ("c:a", 10))
    assert link.to == "c:b"
    assert dict(link.seen) == {"c:a": 10 * DAY, "c:b": 20 * DAY}


def test_more_than_three_in_thirty_days_are_shared_for_good() -> None:
    assert _after(("c:a", 1), ("c:b", 2), ("c:c", 3)).to == "c:c"
    shared = _after(("c:a", 1), ("c:b", 2), ("c:c", 3), ("c:d", 4))
    assert shared.shared
    assert shared.to is None
    assert seen_with(shared, "c:a", 900 * DAY, 9) is None


def test_four_in_a_longer_time_are_a_family_that_moved_house() -> None:
    link = _after(("c:a", 1), ("c:b", 20), ("c:c", 40), ("c:d", 60))
    assert not link.shared
    assert link.to == "c:d"
    assert dict(link.seen) == {"c:c": 40 * DAY, "c:d": 60 * DAY}


def test_a_sighting_within_the_hour_is_not_written() -> None:
    link = _after(("c:a", 1))
    assert seen_with(link, "c:a", 1 * DAY + 1000, 2) is None
    assert seen_with(link, "c:a", 2 * DAY, 2) is not None
