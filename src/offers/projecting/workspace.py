"""A batch's working set of people: read together, changed in memory in order, written in an order that survives.

What a crash between two writes leaves behind is repaired by applying the same events again, because

1. what persons *have* is written first: order books (still with what they lost, marked as such), profiles, and who
   belongs to them;
2. then whose each order is;
3. then the books of those who lost an order to somebody else, without it;
4. then links, together with the emptied book and profile of who was joined to somebody;
5. then, stage by stage, the links of those who belonged to an erased person, the farthest first;
6. then who no longer belongs to a person;
7. last, from its far end, the chain of links by which an erased person was found.

So a link tells that every event up to its position has reached its person, an owner that the book has the order,
and a book's position that it holds every event of its person up to there.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence

from offers.projecting.history import history_of
from offers.projecting.shelf import DROPPED, Shelf
from offers.state.people_store import Part, PeopleStore, PersonWrite
from offers.state.records import (
    BACK_LINKS,
    HISTORY,
    LINK,
    ORDERS,
    PROFILE,
    BackLinks,
    Link,
    Profile,
    split_position,
    with_position,
)

__all__ = ["CHAIN", "UNCLAIMED_TTL_S", "Workspace"]

UNCLAIMED_TTL_S = 60 * 86_400
"""How long the events of an order of nobody (a guest, or a refund before its purchase) wait for a person."""


CHAIN = 1_000
"""First stage of the links that are removed last."""

_LATEST = (1 << 63) - 1


class Workspace:
    """Reads through and keeps what it read until :meth:`save`. For one thread."""

    def __init__(self, store: PeopleStore, counts_from: str) -> None:
        self.counts_from = counts_from
        self._store = store
        self._shelves: dict[str, Shelf] = {}
        self._links: dict[str, Link | None] = {}
        self._backs: dict[str, BackLinks] = {}
        self._backs_before: dict[str, BackLinks] = {}
        self._profiles: dict[str, Profile | None] = {}
        self._owners: dict[str, str | None] = {}
        self._dirty_links: set[str] = set()
        self._removals: dict[str, int] = {}
        self._dirty_backs: set[str] = set()
        self._dirty_profiles: set[str] = set()
        self._dirty_owners: set[str] = set()
        self._forgotten: dict[str, None] = {}
        self._handed_over: list[tuple[str, str]] = []

    # -- reading ------------------------------------------------------------------------------------------------

    def prefetch(self, buyers: Iterable[str], seen: Iterable[str], told: Iterable[str], orders: Sequence[str]) -> None:
        """Read at once what a batch will need: books and links of ``buyers``, links of ``seen``, profiles of
        ``told`` (person keys), owners of ``orders``."""
        missing = [order_id for order_id in dict.fromkeys(orders) if order_id not in self._owners]
        owners = self._store.owners(missing)
        self._owners.update((order_id, owners.get(order_id)) for order_id in missing)
        buyers = [*buyers, *(owner for owner in owners.values() if owner != DROPPED)]
        told = list(told)
        ahead = dict.fromkeys([*buyers, *seen, *told])
        while ahead:  # link by link to the end of every chain
            self._read([(person, "l") for person in ahead if person[0] in "cv"])
            ahead = dict.fromkeys(
                link.to
                for person in ahead
                if (link := self._links.get(person)) is not None and link.to is not None and link.to not in self._links
            )
        books: list[tuple[str, Part]] = [(name, "o") for person in buyers for name in (person, self.end_of(person))]
        profiles: list[tuple[str, Part]] = [(self.end_of(person), "p") for person in told]
        self._read(books + profiles)

    def _read(self, wanted: Iterable[tuple[str, Part]]) -> None:
        known: dict[Part, Container[str]] = {
            "o": self._shelves,
            "l": self._links,
            "b": self._backs,
            "p": self._profiles,
        }
        pairs = [pair for pair in dict.fromkeys(wanted) if pair[0] not in known[pair[1]]]
        for (person, part), value in zip(pairs, self._store.read(pairs), strict=True):
            if part == "o":
                self._shelves[person] = Shelf.of(person, value)
            elif part == "l":
                self._links[person] = None if value is None else LINK.decode(value)
            elif part == "b":
                self._backs[person] = BackLinks() if value is None else BACK_LINKS.decode(value)
                self._backs_before[person] = self._backs[person]
            else:
                self._profiles[person] = None if value is None else PROFILE.decode(split_position(value)[1])

    def shelf(self, person: str) -> Shelf:
        """The order book of a person key, which must be the end of its chain to be told anything."""
        if person not in self._shelves:
            self._read([(person, "o")])
        return self._shelves[person]

    def link(self, person: str) -> Link | None:
        if person[0] not in "cv":
            return None
        if person not in self._links:
            self._read([(person, "l")])
        return self._links[person]

    def back_links(self, person: str) -> BackLinks:
        if person not in self._backs:
            self._read([(person, "b")])
        return self._backs[person]

    def profile(self, person: str) -> Profile | None:
        if person not in self._profiles:
            self._read([(person, "p")])
        return self._profiles[person]

    def owner(self, order_id: str) -> str | None:
        """Whose book has the order: a person key at the end of its chain, :data:`DROPPED`, or None."""
        if order_id not in self._owners:
            self._owners[order_id] = self._store.owners([order_id]).get(order_id)
        owner = self._owners[order_id]
        return None if owner is None else self.end_of(owner)

    def chain(self, person: str, before: int = _LATEST) -> list[str]:
        """A person key and, link by link, whoever it has become by events ahead of position ``before``."""
        passed = [person]
        while (
            (link := self.link(passed[-1])) is not None
            and link.to is not None
            and link.position < before
            and link.to not in passed
        ):
            passed.append(link.to)
        return passed

    def end_of(self, person: str, before: int = _LATEST) -> str:
        """The person at the end of a chain of joins."""
        link = self.link(person)
        return person if link is None or link.to is None else self.chain(person, before)[-1]

    # -- changing -----------------------------------------------------------------------------------------------

    def set_link(self, person: str, link: Link) -> None:
        self._links[person] = link
        self._dirty_links.add(person)
        self._removals.pop(person, None)

    def remove_link(self, person: str, stage: int) -> None:
        """Remove a link in its turn: lower stages first, those from :data:`CHAIN` on after everything else.

        Without it the person is no longer found, so what is found through it must be gone before.
        """
        self._links[person] = None
        self._dirty_links.discard(person)
        self._removals[person] = stage

    def set_back_links(self, person: str, back: BackLinks) -> None:
        self.back_links(person)  # what it was decides when it may be written
        self._backs[person] = back
        self._dirty_backs.add(person)

    def set_profile(self, person: str, profile: Profile | None) -> None:
        self._profiles[person] = profile
        self._dirty_profiles.add(person)

    def set_owner(self, order_id: str, person: str | None) -> None:
        if self._owners.get(order_id, "") != person:
            self._owners[order_id] = person
            self._dirty_owners.add(order_id)

    def forget(self, person: str) -> None:
        """Remove what deciding kept of the person."""
        self._forgotten[person] = None

    def hand_over(self, old: str, new: str) -> None:
        """What was frozen for ``old`` stays frozen for ``new``."""
        self._handed_over.append((old, new))

    # -- writing ------------------------------------------------------------------------------------------------

    def save(self) -> None:
        """Write every change, in the order above; afterwards this workspace is spent. Raises StateUnavailable."""
        shelves = [shelf for shelf in self._shelves.values() if shelf.dirty]
        have: dict[str, PersonWrite] = {}
        without: list[PersonWrite] = []
        joined: dict[str, PersonWrite] = {}
        for shelf in shelves:
            removed = shelf.gone and not shelf.orders
            removal = PersonWrite(shelf.person, shelf.position, {"o": None, "h": None})
            waited = shelf.person[0] == "o"
            if not removed or shelf.lost or shelf.left:
                have[shelf.person] = _books(shelf, with_lost=True)
            if removed and waited:
                without.append(removal)
                continue
            if shelf.lost or shelf.left:
                without.append(_books(shelf, with_lost=False))
            if removed:
                joined[shelf.person] = removal
        for person in self._dirty_profiles:
            profile = self._profiles[person]
            if profile is None:
                self._also(joined, person).parts["p"] = None
            else:
                self._also(have, person).parts["p"] = with_position(profile.position, PROFILE.encode(profile))
        fewer: dict[str, PersonWrite] = {}
        for person in self._dirty_backs:
            back, before = self._backs[person], self._backs_before[person]
            either = BackLinks(list(dict.fromkeys([*before.members, *back.members])))
            if either.members != before.members:
                self._also(have, person).parts["b"] = BACK_LINKS.encode(either)
            if either.members != back.members:
                self._also(fewer, person).parts["b"] = BACK_LINKS.encode(back) if back.members else None
        for person in self._dirty_links:
            link = self._links[person]
            if link is not None:
                self._also(joined, person).parts["l"] = LINK.encode(link)
        removals: dict[int, list[PersonWrite]] = {}
        for person, stage in sorted(self._removals.items(), key=lambda pair: pair[1]):
            removals.setdefault(stage, []).append(PersonWrite(person, _LATEST, {"l": None}))
        owners = {order_id: self._owners[order_id] for order_id in self._dirty_owners}
        self._store.hand_over_frozen(self._handed_over)
        steps = [list(have.values()), without, list(joined.values())]
        steps += [writes for stage, writes in removals.items() if stage < CHAIN]
        steps += [list(fewer.values()), *(writes for stage, writes in removals.items() if stage >= CHAIN)]
        self._store.write(steps, owners, 1)
        if self._forgotten:
            self._store.forget(list(self._forgotten))

    def _also(self, writes: dict[str, PersonWrite], person: str) -> PersonWrite:
        if person not in writes:
            # Its book is not written: the position only guards against a process that was asleep.
            shelf = self._shelves.get(person)
            writes[person] = PersonWrite(person, shelf.position if shelf is not None else _LATEST)
        return writes[person]


def _books(shelf: Shelf, with_lost: bool) -> PersonWrite:
    stored = with_position(shelf.position, ORDERS.encode(shelf.book(with_lost)))
    if shelf.person[0] == "o":
        return PersonWrite(shelf.person, shelf.position, {"o": stored}, UNCLAIMED_TTL_S)
    history = history_of(shelf.book(with_lost=False))
    told = HISTORY.encode(history) if history.orders or history.items else None
    return PersonWrite(shelf.person, shelf.position, {"o": stored, "h": told})
