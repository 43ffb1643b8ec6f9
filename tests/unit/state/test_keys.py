"""Keys: one slot for what changes together, and a table that names them all."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from redis.crc import key_slot

from offers.state.keys import TABLE, Keys

_ids = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=128)


@given(_ids, st.text(max_size=20))
def test_all_keys_of_a_person_are_in_one_slot(person: str, field: str) -> None:
    keys = Keys("offers")
    key = f"c:{person}"
    names = [keys.history(key), keys.orders(key), keys.link(key), keys.back_links(key), keys.profile(key)]
    names += [keys.same(key, field), *keys.all_same(key), keys.frozen(key), keys.of_person(key) + "h"]
    assert len({key_slot(name.encode("utf-8", "surrogatepass")) for name in names}) == 1


def test_the_catalogue_and_the_configuration_are_each_in_one_slot() -> None:
    keys = Keys("offers")
    assert len({key_slot(n.encode()) for n in (keys.items, keys.changes, keys.catalogue_meta)}) == 1
    assert len({key_slot(n.encode()) for n in (keys.api_keys, keys.switched_off, keys.configuration_meta)}) == 1


def test_every_key_is_in_the_table() -> None:
    keys = Keys("p")
    built = [keys.history("KEY"), keys.orders("KEY"), keys.link("KEY"), keys.back_links("KEY"), keys.profile("KEY")]
    built += [keys.same("KEY", "FIELD").rpartition(":")[0] + ":N", keys.frozen("KEY")]
    built += [keys.items, keys.changes, keys.catalogue_meta, keys.api_keys, keys.switched_off, keys.configuration_meta]
    assert {name.removeprefix("p:").replace("{p:KEY}", "{p:KEY}") for name in built} <= {row.template for row in TABLE}


def test_a_prefix_with_wildcards_matches_only_itself() -> None:
    assert Keys("a*[b]").pattern_people() == "a\\*\\[b\\]:{p:*"


@given(_ids, st.text(max_size=20))
def test_an_erasure_names_the_key_of_every_earlier_decision(person: str, field: str) -> None:
    keys = Keys("offers")
    assert keys.same(f"c:{person}", field) in keys.all_same(f"c:{person}")
