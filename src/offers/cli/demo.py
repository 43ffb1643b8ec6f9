"""``offers demo``: a year of a real grocer in, a trained model, a service in the background, three commands to paste.

Each step is done once; what is done is skipped. The key is stored only as a hash, as every key is, so the demo keeps
its own in a file that only its user can read.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from offers.cli.background import Background
from offers.cli.output import Output, Report, json_option, progress
from offers.cli.session import open_services
from offers.cli.train import train_model
from offers.settings import Settings, read_settings

if TYPE_CHECKING:
    from offers.wiring import Services

__all__ = ["command"]

_READY_S = 60.0
_CART_LINES = 3
_BASKET = 6
"""Lines that make a basket a real one."""
_LONG_HISTORY = 50
"""Orders that make a household's history a long one."""


class Demo:
    """The demo's own files in a data directory: what is done, the example, the key."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._done = settings.data_dir / "demo.json"
        self._key = settings.data_dir / "demo.key"

    def example(self) -> dict[str, Any] | None:
        """The household and cart of the printed commands; None until everything is loaded and trained."""
        try:
            found: dict[str, Any] = json.loads(self._done.read_bytes())
        except (FileNotFoundError, ValueError):
            return None
        return found

    def finish(self, example: dict[str, Any]) -> None:
        part = self._done.with_suffix(".part")
        part.write_text(json.dumps(example, indent=1), encoding="utf-8")
        part.replace(self._done)

    def key(self, services: Services | None) -> str | None:
        """The demo's key; made, if there is none yet, with ``services``."""
        try:
            return self._key.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            if services is None:
                return None
        from offers.cli.keys import create_key
        from offers.web.schemas import SCOPES

        key = create_key(services, "demo", SCOPES)
        with os.fdopen(os.open(self._key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(key + "\n")
        return key


@click.command("demo")
@click.option("--no-serve", is_flag=True, help="Load and train only.")
@click.option("--stop", is_flag=True, help="Stop the demo's service.")
@json_option
def command(no_serve: bool, stop: bool, output: Output) -> None:
    """Load real purchases, train, and leave a service running."""
    began = time.monotonic()
    settings = read_settings()
    background = Background(settings)
    if stop:
        stopped = background.stop()
        output.result({"stopped": stopped}, "The service has stopped." if stopped else "No service was running.")
        return
    demo = Demo(settings)
    running = background.pid() is not None and background.ready()
    if not running and (demo.example() is None or demo.key(None) is None):
        _prepare(demo, output)
    if not no_serve and not running:
        if background.pid() is None:
            background.start()
        output.note("Starting the service ...")
        background.wait_ready(_READY_S)
    _say(demo, background, output, time.monotonic() - began, serving=not no_serve)


def _prepare(demo: Demo, output: Output) -> None:
    """Whatever of import, training, example and key is not there yet."""
    with progress(output) as report:
        if demo.example() is None:
            with open_services(demo.settings) as services:
                _load(services, report)
            # That session ended with everything in the ledger, which training and the example read.
            with open_services(demo.settings) as services:
                if services.registry.current() is None:
                    train_model(services, report, output, reason="demo")
                services.load()
                example = _example(services)
                demo.key(services)
            demo.finish(example)
        else:
            with open_services(demo.settings) as services:
                demo.key(services)


def _load(services: Services, report: Report) -> None:
    """Items, customers and orders of Complete Journey, by the same road as any shop's files."""
    from offers.intake.demo import import_demo

    def of(kind: str) -> Callable[[int, int], None]:
        return lambda done, total: report(f"importing {kind}", done, total)

    import_demo(services.stream.append, progress=of, clock=services.clock)


def _example(services: Services) -> dict[str, Any]:
    """A household with a long history, and a cart of what it bought last: the things that most people buy."""
    import polars as pl

    from offers.domain.money import to_major
    from offers.ledger.scan import order_lines

    lines = order_lines(services.table).filter(pl.col("customer_id").is_not_null()).collect()
    counts: list[tuple[str, int]] = lines.group_by("customer_id").agg(pl.col("order_id").n_unique()).rows()
    long = min(_LONG_HISTORY, max(orders for _, orders in counts))
    customer = min((name for name, orders in counts if orders >= long), key=lambda name: (len(name), name))
    popular = lines.group_by("item_id").agg(pl.col("order_id").n_unique().alias("orders"))
    bought = (
        lines.filter(pl.col("customer_id") == customer)
        .join(popular, on="item_id")
        .with_columns(pl.len().over("order_id").alias("size"))
        .filter(pl.col("size") >= _BASKET)
        .sort("occurred_at", "orders", "item_id", descending=True)
    )
    catalogue = services.catalogue
    cart: list[dict[str, Any]] = []
    for item_id in bought["item_id"].unique(maintain_order=True):
        row = catalogue.row_of.get(item_id)
        currency = None if row is None else catalogue.currency(row)
        if row is None or currency is None or not catalogue.offerable[row]:
            continue
        price = to_major(int(catalogue.price[row]), currency)
        cart.append({"item_id": item_id, "item_name": catalogue.name(row), "quantity": 1, "price": price})
        if len(cart) == _CART_LINES:
            break
    return {"customer_id": customer, "currency": services.settings.currency, "cart": cart}


def _commands(address: str, key: str, example: dict[str, Any]) -> list[tuple[str, str]]:
    """What each command shows, and the command, ready to be pasted."""
    customer, currency = example["customer_id"], example["currency"]
    cart = [{k: line[k] for k in ("item_id", "quantity", "price")} for line in example["cart"]]
    names = ", ".join(line["item_name"] for line in example["cart"])
    access = f"-H {shlex.quote(f'Authorization: Bearer {key}')}"
    body = access + " -H 'Content-Type: application/json'"
    ask = {"customer_id": customer, "placement": "checkout", "currency": currency, "limit": 4, "cart": cart}
    bought = {
        "event_name": "purchase",
        "transaction_id": "demo-SECONDS",
        "timestamp": "NOW",
        "customer_id": customer,
        "currency": currency,
        "items": cart[:1],
    }
    purchase = shlex.quote(json.dumps(bought)).replace("SECONDS", "'$(date +%s)'")
    purchase = purchase.replace("NOW", "'$(date -u +%Y-%m-%dT%H:%M:%SZ)'")
    return [
        (
            f"At checkout, with {names} in the cart",
            f"curl -s {address}/v1/offers {body} -d {shlex.quote(json.dumps(ask))}",
        ),
        (
            f"For a letter to household {customer}",
            f"curl -s '{address}/v1/customers/{customer}/picks?placement=email&limit=6&min=3' {access}",
        ),
        (
            "A purchase, which changes the picks above",
            f"curl -s {address}/v1/events {body} -d {purchase}",
        ),
    ]


def _say(demo: Demo, background: Background, output: Output, seconds: float, *, serving: bool) -> None:
    example, key = demo.example(), demo.key(None)
    assert example is not None
    assert key is not None
    commands = _commands(background.address, key, example)
    document = {
        "url": background.address if serving else None,
        "pid": background.pid() if serving else None,
        "log": str(background.log) if serving else None,
        "key": key,
        **example,
        "commands": [command for _, command in commands],
        "seconds": round(seconds, 1),
    }
    if not serving:
        output.result(document, f"Loaded and trained in {demo.settings.data_dir}. Key with all scopes: {key}")
        return
    lines = [
        "",
        f"offers runs on {background.address} (process {background.pid()}, log {background.log}).",
        f"Key with all scopes: {key}",
    ]
    for about, text in commands:
        lines += ["", f"# {about}", text]
    lines += ["", f"Reference: {background.address}/docs    Stop it: {sys.argv[0]} demo --stop"]
    output.result(document, lines)
