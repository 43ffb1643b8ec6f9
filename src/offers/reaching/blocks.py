"""Pre-rendered blocks of letters: HTML for mail programs (tables, inline styles, everything escaped) and plain text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from offers.reaching.picks import picks_of

__all__ = ["Blocks"]

_WORDS = {
    "en": {"heading": "Picked for you", "view": "View"},
    "ru": {"heading": "Подобрали для вас", "view": "Смотреть"},
}


class Blocks:
    """Renders the body that ``/picks`` answers. Make one per process: templates are compiled once."""

    def __init__(self) -> None:
        self._environment = Environment(
            loader=PackageLoader("offers.reaching"),
            autoescape=select_autoescape(enabled_extensions=("html",), default=True, disabled_extensions=("txt",)),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def _render(self, template: str, body: Mapping[str, Any], lang: str) -> str:
        lang = lang if lang in _WORDS else "en"
        picks = picks_of(body, lang)
        if not picks:
            return ""
        return self._environment.get_template(template).render(picks=picks, words=_WORDS[lang], lang=lang)

    def html(self, body: Mapping[str, Any], lang: str) -> str:
        """A fragment to put into a letter, ``""`` when there are no picks. ``lang``: ``ru`` or ``en``."""
        return self._render("block.html", body, lang)

    def text(self, body: Mapping[str, Any], lang: str) -> str:
        """The same as plain text, ``""`` when there are no picks."""
        return self._render("block.txt", body, lang)
