"""``offers explain``: what would be offered to a customer or cart, and why. Records nothing, exposes nobody."""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from offers.cli.output import Output, json_option
from offers.cli.session import open_services
from offers.domain.offer import CartLine
from offers.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from offers.wiring import Services

__all__ = ["command"]

_HISTORY_SHOWN = 10


@click.command("explain")
@click.option("--customer", "customer_id", help="A customer's id.")
@click.option("--visitor", "visitor_id", help="An anonymous visitor's id.")
@click.option("--item", "items", multiple=True, metavar="ID[:QUANTITY]", help="A line of the cart; repeat it.")
@click.option("--placement", default="checkout", show_default=True)
@click.option("--limit", type=click.IntRange(1, 50), help="How many offers.")
@click.option("--sample", type=click.IntRange(1, 1000), help="Show N customers chosen by chance instead.")
@click.option("--seed", default=0, show_default=True, help="Which ones --sample chooses.")
@click.option("--lang", type=click.Choice(["en", "ru"]), help="Language of the reasons.")
@json_option
def command(
    customer_id: str | None,
    visitor_id: str | None,
    items: tuple[str, ...],
    placement: str,
    limit: int | None,
    sample: int | None,
    seed: int,
    lang: str | None,
    output: Output,
) -> None:
    """Show what would be offered to whom, and why.

    For a customer (--customer), a cart (--item), both, or customers chosen by chance (--sample).
    """
    from offers.deciding.request import OfferRequest

    if sample is None and not (customer_id or visitor_id or items):
        raise InvalidInput("Say for whom: --customer, --visitor, --item or --sample")
    cart = tuple(map(_line, items))
    with open_services(load=True) as services:
        who = [customer_id] if sample is None else _sampled(services, sample, seed)
        shown = []
        for customer in who:
            request = OfferRequest(
                placement=placement,
                customer_id=customer,
                visitor_id=visitor_id,
                limit=limit,
                cart=cart,
                lang=lang,
                preview=True,
                explain=True,
                deadline_ms=5_000,
            )
            shown.append(_explained(services, request))
    text = [line for one in shown for line in [*_told(one), ""]]
    output.result(shown if sample is not None else shown[0], text[:-1])


def _line(text: str) -> CartLine:
    item_id, colon, quantity = text.rpartition(":")
    if not colon or not item_id:
        return CartLine(text)
    try:
        return CartLine(item_id, float(quantity))
    except ValueError:
        return CartLine(text)


def _sampled(services: Services, n: int, seed: int) -> list[str | None]:
    """``n`` customers with orders, the same ones for the same seed and ledger."""
    from offers.ledger.scan import orders

    frame = orders(services.table).select("customer_id").drop_nulls().unique().sort("customer_id").collect()
    ids = frame["customer_id"].to_list()
    if not ids:
        raise NotFound("The ledger holds no orders of customers: offers import orders ...")
    return list(random.Random(seed).sample(ids, min(n, len(ids))))  # noqa: S311 - a choice to read, not a secret


def _explained(services: Services, request: Any) -> dict[str, Any]:
    import orjson

    from offers.deciding.response import response

    answer = services.decider.offers(request)
    lang = request.lang or services.settings.language
    body: dict[str, Any] = orjson.loads(orjson.dumps(response(answer, services.catalogue, lang, True, True)))
    history: list[dict[str, Any]] = []
    if request.customer_id or request.visitor_id:
        view = services.people.fetch(request.customer_id, request.visitor_id, "")
        history = [
            {"item_id": item_id, "item_name": _name(services, item_id), "orders": orders, "last_at": last}
            for item_id, orders, _, last in view.items[:_HISTORY_SHOWN]
        ]
    cart = [
        {"item_id": line.item_id, "item_name": _name(services, line.item_id), "quantity": line.quantity}
        for line in request.cart
    ]
    who = {"customer_id": request.customer_id, "visitor_id": request.visitor_id, "placement": request.placement}
    return {**who, "history": history, "cart": cart, **body}


def _name(services: Services, item_id: str) -> str | None:
    row = services.catalogue.row_of.get(item_id)
    return None if row is None else services.catalogue.name(row)


def _told(shown: dict[str, Any]) -> list[str]:
    """One explanation as lines for people."""
    who = shown["customer_id"] or shown["visitor_id"] or "somebody unknown"
    lines = [f"{who} at {shown['placement']}, model {shown['model_version'] or 'none'}"]
    if shown["fallback"]:
        lines.append(f"  degraded: {shown['fallback']}")
    if shown["history"]:
        lines.append("  bought lately:")
        lines += [f"    {_called(line)}  ×{line['orders']}" for line in shown["history"]]
    if shown["cart"]:
        lines.append("  in the cart:")
        lines += [f"    {_called(line)}  ×{line['quantity']:g}" for line in shown["cart"]]
    lines.append("  offered:" if shown["offers"] else "  nothing is offered")
    for offer in shown["offers"]:
        item = offer["item"]
        instead = f" instead of {offer['replaces']}" if offer["replaces"] else ""
        lines.append(f"    {offer['rank']}. {_called(item)}  {item['price']} {item['currency']}")
        lines.append(f"       {offer['relation']}{instead}: {offer['reason']['text']}  (score {offer['score']:.3f})")
    dropped = Counter(drop["step"] for drop in shown["explain"]["dropped"])
    if dropped:
        lines.append("  dropped: " + ", ".join(f"{n} {step}" for step, n in dropped.most_common()))
    return lines


def _called(item: dict[str, Any]) -> str:
    return f"{item['item_name']} [{item['item_id']}]" if item.get("item_name") else str(item["item_id"])
