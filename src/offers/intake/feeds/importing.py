"""A feed into ``item_set`` events: what it names is set, what a full feed leaves out becomes unavailable."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from offers.clock import Clock, SystemClock
from offers.domain.item import Item
from offers.errors import FieldError, InvalidInput
from offers.intake.columns import normal_header
from offers.intake.feeds.merchant import read_merchant_tsv, read_merchant_xml
from offers.intake.feeds.xml import root_tag
from offers.intake.feeds.yml import read_yml
from offers.intake.fields import Fields
from offers.intake.files import open_table
from offers.intake.items import wire_fields
from offers.intake.items_file import deliver_items, moment_of
from offers.intake.outcome import Delivery, Progress, Rejects, Sink, Summary
from offers.intake.reading import SENTENCES, check_currency

__all__ = ["feed_format", "import_feed"]

_LINK = re.compile(r"https?://[^\s<>\"'`\\]+", re.IGNORECASE)
_MERCHANT = frozenset({"id", "title", "price"})
#: Fields that these formats can say: what a feed does not say of an item, the item does not have.
_SAID = ("price", "old_price", "stock", "brand", "link", "image_link", "group")


def feed_format(path: Path | str) -> str | None:
    """``yml``, ``merchant_xml`` or ``merchant_tsv``; None for a table that is no feed.

    Raises:
        InvalidInput: there is no such file, or it is XML of another kind.
    """
    path = Path(path)
    if not path.is_file():
        raise InvalidInput(f"there is no file {path}")
    with path.open("rb") as file:
        head = file.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()
    if head.startswith((b"<", b"\xff\xfe<", b"\xfe\xff\x00<")):
        root = root_tag(path)
        if root == "yml_catalog":
            return "yml"
        if root in ("rss", "feed", "rdf"):
            return "merchant_xml"
        raise InvalidInput(
            f"{path.name} is XML with the root <{root}>; feeds are yml_catalog (YML), rss or feed (Google)"
        )
    first = head.split(b"\n", 1)[0]
    if first.count(b"\t") >= 2:
        names = {normal_header(n).removeprefix("g:") for n in first.decode("utf-8", "replace").split("\t")}
        if names >= _MERCHANT:
            return "merchant_tsv"
    return None


def _documents(path: Path, form: str, now_us: int, encoding: str | None) -> Iterator[dict[str, Any]]:
    if form == "yml":
        return read_yml(path)
    if form == "merchant_xml":
        return read_merchant_xml(path, now_us)
    return read_merchant_tsv(open_table(path, encoding=encoding), now_us)


def _item(document: dict[str, Any], currency: str, summary: Summary) -> dict[str, Any] | FieldError:
    """The item that a document describes, every field of the format said; or its first fault."""
    for name in ("link", "image_link"):
        link = document.get(name)
        if link and (len(link) > 2048 or not _LINK.fullmatch(link)):
            document[name] = None
            summary.notes["links_dropped"] += 1
    for name in ("item_name", "item_brand"):
        if document.get(name):
            document[name] = " ".join(document[name].split())[: 500 if name == "item_name" else 200]
    faults: list[FieldError] = []
    fields = Fields(document, "", faults)
    item_id = fields.identifier("item_id")
    if item_id is None and not faults:
        return FieldError("/item_id", "missing_item_id", SENTENCES["missing_item_id"])
    title = fields.text("item_name")
    if title is None and not faults:
        return FieldError("/item_name", "missing_item_name", SENTENCES["missing_item_name"])
    if document.get("price") is None:
        return FieldError("/price", "missing_price", SENTENCES["missing_price"])
    told = wire_fields(fields, currency, partial=False)
    if faults:
        return faults[0]
    return {"item_id": item_id, "item_name": title, **dict.fromkeys(_SAID), "categories": [], **told}


def import_feed(
    path: Path | str,
    sink: Sink,
    *,
    currency: str = "USD",
    encoding: str | None = None,
    partial: bool = False,
    reject_file: Path | str | None = None,
    progress: Progress | None = None,
    current: Mapping[str, Item] | None = None,
    clock: Clock | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Summary:
    """Import a YML or Google Merchant feed.

    What the feed says of an item replaces what stood; what its format cannot say (``replenishable``) stays.
    ``current``: the catalogue now; needed to find what a full feed leaves out, which becomes unavailable and is never
    deleted. ``partial``: what is left out stays as it is. Nothing is sent before the whole feed was read, so a feed
    that breaks off changes nothing. Events bear the feed's time of modification when ``current`` is None.

    Raises:
        InvalidInput: not a feed, not well formed, or without one good item.
    """
    started = time.monotonic()
    path = Path(path)
    now_us = (clock or SystemClock()).now_us()
    form = feed_format(path)
    if form is None:
        raise InvalidInput(f"{path.name} is neither YML nor a Google Merchant feed")
    base = check_currency(currency)
    summary = Summary("items", str(path), encoding=encoding)
    tell = progress or (lambda done, total: None)
    items: dict[str, dict[str, Any]] = {}
    named: set[str] = set()
    sentences = dict(SENTENCES)
    columns = ["item_id", "item_name", "price", "old_price", "currency", "availability", "link"]
    with Rejects(summary, sentences, reject_file, columns) as rejects:
        for place, document in enumerate(_documents(path, form, now_us, encoding), 1):
            summary.rows += 1
            original = dict(document) if rejects.wanted else {}
            named.add(str(document.get("item_id")))
            item = _item(document, base, summary)
            if isinstance(item, FieldError):
                sentences.setdefault(item.code, item.detail)
                rejects.count(item.code, 1, place)
                rejects.write([(place, item.code, original)])
                continue
            summary.accepted_rows += 1
            items[item["item_id"]] = item
            if place % 1000 == 0:
                tell(place, place)
        if not items:
            raise InvalidInput(f"{path.name} holds no good item, so nothing was changed")
        summary.notes["items"] += len(items)
        summary.notes["superseded_rows"] += summary.accepted_rows - len(items)
        told = list(items.values())
        if not partial:
            absent = [i for i, item in (current or {}).items() if item.available and i not in named]
            told += [{"item_id": item_id, "available": False} for item_id in absent]
            summary.notes["made_unavailable"] += len(absent)
        told_at = min(moment_of(path), now_us)
        delivery = Delivery(sink, summary, sleep)
        deliver_items(told, delivery, summary, current=current, partial=True, told_at=told_at, now_us=now_us)
    tell(summary.rows, summary.rows)
    summary.seconds = time.monotonic() - started
    return summary
