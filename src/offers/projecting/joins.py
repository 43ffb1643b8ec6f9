"""Who is one person: visitors seen with customers, customers merged by an alias, and persons erased.

A visitor belongs to the last customer seen with it; a visitor seen with more than 3 customers in 30 days is shared
and never joined. Two customers merge only by an alias. Chains end at one person, whose book has it all.
"""

from __future__ import annotations

from offers.domain.event import Event
from offers.projecting.shelf import DROPPED
from offers.projecting.workspace import CHAIN, Workspace
from offers.state.records import BackLinks, Link, Profile

__all__ = ["MAX_CUSTOMERS", "WINDOW_US", "alias", "erase", "seen_with", "sight"]

MAX_CUSTOMERS = 3
WINDOW_US = 30 * 86_400_000_000
_FRESH_US = 3_600_000_000
_MEMBERS = 1_000


def seen_with(link: Link, customer: str, at: int, position: int) -> Link | None:
    """The link of a visitor after it was seen with ``customer`` (person key) at ``at`` µs; None if unchanged.

    A sighting less than an hour after the last one changes nothing: it would only be written.
    """
    if link.shared:
        return None
    seen = dict(link.seen)
    before = seen.get(customer)
    if before is not None and at - before < _FRESH_US:
        return None
    seen[customer] = at
    newest = max(seen.values())
    recent = {who: when for who, when in seen.items() if newest - when <= WINDOW_US}
    if len(recent) > MAX_CUSTOMERS:
        return Link(position, shared=True)
    to = max(recent, key=lambda who: (recent[who], who == customer, who))
    if to == link.to and list(recent.items()) == link.seen:
        return None
    return Link(position, to=to, seen=list(recent.items()))


def sight(work: Workspace, position: int, visitor_id: str, customer_id: str, at: int) -> None:
    """A visitor was seen with a customer at ``at`` µs."""
    visitor = f"v:{visitor_id}"
    link = work.link(visitor) or Link()
    if link.position >= position:
        return
    # As it was when the event was first applied: after a crash, later links may already be there.
    customer = work.end_of(f"c:{customer_id}", before=position)
    changed = seen_with(link, customer, at, position)
    if changed is None:
        return
    work.set_link(visitor, changed)
    _belongs(work, customer, [visitor])
    if changed.to is not None:
        _join(work, visitor, work.end_of(changed.to), position)


def alias(work: Workspace, position: int, event: Event) -> None:
    """``customer_aliased``: the event's customer, or its visitor, is the customer ``params.to``."""
    to = event.params.get("to")
    if not isinstance(to, str) or not to:
        raise ValueError("an alias names no customer to merge into")
    if not event.customer_id:
        if event.visitor_id:
            sight(work, position, event.visitor_id, to, event.occurred_at)
        return
    # As they were when the event was first applied: after a crash, later links may already be there.
    old, new = (work.end_of(f"c:{name}", before=position) for name in (event.customer_id, to))
    link = work.link(old)
    if link is not None and link.position >= position:
        if link.position == position:
            work.set_back_links(old, BackLinks())  # the last write, which a crash may have left out
        return
    if old == new:
        return
    end = work.end_of(new)
    _join(work, old, end, position)
    _merge_profiles(work, old, end, position)
    _belongs(work, new, [old, *work.back_links(old).members])
    work.set_back_links(old, BackLinks())
    work.set_link(old, Link(position, to=new))


def erase(work: Workspace, position: int, event: Event) -> None:
    """``customer_erased``: nothing that was told before this position remains, of any id of the person."""
    person = event.person
    if person is None:
        raise ValueError("an erasure names nobody")
    # Never along a link that came later: whoever the person became since is not erased.
    chain = work.chain(person.key, before=position)
    end = chain[-1]
    later: list[str] = []  # after a crash: what was joined anew since
    known = {member: work.chain(member, before=position) for member in [*chain, *work.back_links(end).members]}
    for member, path in known.items():
        link = work.link(member)
        if link is not None and link.position > position:
            later.append(member)
        elif path[-1] != end:
            # A visitor that has since gone over to another customer: only the trace of this one goes.
            if link is not None and any(who == end for who, _ in link.seen):
                kept = [(who, when) for who, when in link.seen if who != end]
                work.set_link(member, Link(link.position, link.to, link.shared, kept))
            continue
        elif link is not None:
            stage = CHAIN + len(path) if member in chain else CHAIN - len(path)
            work.remove_link(member, stage)
        for order_id in work.shelf(member).erase(position):
            work.set_owner(order_id, None)
        profile = work.profile(member)
        if profile is not None and profile.position <= position:
            work.set_profile(member, None)
        work.forget(member)
    work.set_back_links(end, BackLinks(later))


def _join(work: Workspace, old: str, new: str, position: int) -> None:
    """What ``old`` has becomes ``new``'s."""
    if old == new:
        return
    source, target = work.shelf(old), work.shelf(new)
    entries, dropped = source.lose_all(position)
    for entry in entries:
        keeper = new if target.position < position else target.keeper(entry.order_id)
        if keeper is not None:
            work.set_owner(entry.order_id, keeper)
    if (entries or dropped[0]) and target.position < position:
        for order_id in target.take(entries, dropped, old, position, work.counts_from):
            work.set_owner(order_id, DROPPED)
    work.hand_over(old, new)


def _belongs(work: Workspace, customer: str, members: list[str]) -> None:
    known = work.back_links(customer).members
    new = [member for member in members if member not in known]
    if new:
        work.set_back_links(customer, BackLinks((known + new)[-_MEMBERS:]))


def _merge_profiles(work: Workspace, old: str, new: str, position: int) -> None:
    """The surviving customer's own words win; of a consent, the later one."""
    theirs, own = work.profile(old), work.profile(new)
    if theirs is None:
        return
    if own is None or own.position < position:
        merged = theirs.fields | (own.fields if own is not None else {})
        for name in ("consent_email", "consent_sms"):
            later = max(
                (p.fields for p in (theirs, own) if p is not None and name in p.fields),
                key=lambda fields: fields.get(f"{name}_at", 0),
                default=None,
            )
            if later is not None:
                merged |= {key: later[key] for key in (name, f"{name}_at", f"{name}_source") if key in later}
        work.set_profile(new, Profile(position, merged))
    work.set_profile(old, None)
