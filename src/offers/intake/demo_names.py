"""Names that people read, from the shorthand of a grocer's product table."""

from __future__ import annotations

import re

__all__ = ["human_name", "words_of"]

_WORDS = {
    "BEERALEMALT": "Beer, Ale & Malt",
    "BKD": "Baked",
    "BKFST": "Breakfast",
    "BNLS": "Boneless",
    "BR": "Bread",
    "BTL": "Bottle",
    "CAN": "Can",
    "CARB": "",
    "CATFD": "Cat Food",
    "CHOC": "Chocolate",
    "CHOCOL": "Chocolate",
    "CHS": "Cheese",
    "CRYSTL": "Crystal",
    "DNRS": "Dinners",
    "DOM": "Domestic",
    "DRSNG": "Dressing",
    "DRNK": "Drink",
    "DRNKS": "Drinks",
    "DSH": "Dishes",
    "ENG": "English",
    "EX": "Extra",
    "EXCL": "",
    "FD": "Food",
    "FLVR": "Flavored",
    "FRZN": "Frozen",
    "FRSH": "Fresh",
    "GDS": "Goods",
    "GRND": "Ground",
    "HSHLD": "Household",
    "INCL": "",
    "INSTNT": "Instant",
    "IWS": "Wrapped",
    "JCE": "Juice",
    "LIQ": "Liquid",
    "MISC": "Miscellaneous",
    "MLTPK": "Multipack",
    "MX": "Mix",
    "PKG": "Package",
    "PLTRY": "Poultry",
    "PNCH": "Punch",
    "PREM": "Premium",
    "PREP": "Prepared",
    "PWDR": "Powdered",
    "RFRGRTD": "Refrigerated",
    "REFRGRATD": "Refrigerated",
    "REFRIG": "Refrigerated",
    "SALD": "Salad",
    "SFT": "Soft",
    "SGL": "Single",
    "SHERBTS": "Sherbets",
    "SHLF": "Shelf",
    "SNDWCH": "Sandwich",
    "SNGL": "Single",
    "SP": "Special",
    "SPLY": "Supplies",
    "SPRD": "Spread",
    "SRV": "Serve",
    "SS": "Single-Serve",
    "SUBS": "Substitute",
    "SUP": "Super",
    "SV": "Serve",
    "SW": "Sweet",
    "TN": "Tennessee",
    "UNSWT": "Unsweetened",
    "VEND": "Vending",
    "VEG": "Vegetable",
    "VEGS": "Vegetables",
    "W": "with",
    "WHL": "Whole",
    "WHT": "White",
    "YOG": "Yogurt",
}
_SMALL = frozenset({"AND", "OF", "THE", "ON", "IN", "FOR", "WITH", "TO", "OR"})
#: Types that say nothing without their category.
_GENERIC = frozenset(
    {
        "ALL OTHER",
        "ALL OTHERS",
        "CHOICE BEEF",
        "ECONOMY",
        "ENTREES",
        "LEAN",
        "MAINSTREAM",
        "MISCELLANEOUS",
        "OTHER",
        "PREMIUM",
        "PRIMAL",
        "PROMO",
        "REGULAR",
        "SELECT",
        "SUPER PREMIUM",
        "TRADITIONAL",
        "VALUE",
    }
)
_UNITS = {
    "CT": "ct",
    "DZ": "Dozen",
    "FT": "ft",
    "GA": "Gal",
    "GAL": "Gal",
    "IN": "in",
    "L": "L",
    "LB": "lb",
    "LTR": "L",
    "ML": "ml",
    "OZ": "oz",
    "PK": "pk",
    "PT": "Pint",
    "QT": "Qt",
    "SQ": "sq",
}


def _word(word: str) -> str:
    if word in _WORDS:
        return _WORDS[word]
    if word in _SMALL or re.search(r"\d", word):
        return word.lower()
    return "-".join(part.capitalize() for part in word.split("-"))


def words_of(text: str) -> str:
    """``SFT DRNK 2 LITER BTL CARB INCL`` -> ``Soft Drink 2 Liter Bottle``."""
    if text.count("(") > text.count(")"):  # cut off at 30 characters by the source
        text = text[: text.rindex("(")]
    spaced = re.sub(r"\s*([&/:(),])\s*", r" \1 ", text)
    joined = " ".join(w for w in map(_word, spaced.split()) if w)
    joined = re.sub(r" ([,:)])", r"\1", joined).replace("( ", "(").replace(" / ", "/")
    joined = re.sub(r"^[\s\-/:&,]+|[\s\-/:&,]+$", "", joined)
    return joined[:1].upper() + joined[1:]


def _size(text: str, department: str) -> str:
    """``1 GA`` -> ``1 Gal``; what a supermarket's case of produce weighs is left out."""
    text = re.sub(r"^\(.*?\)\s*|\(\d+\)$", "", text.strip())
    crate = re.fullmatch(r"([\d.]+) LB", text)
    if department == "PRODUCE" and ((crate and float(crate[1]) > 10) or text.endswith(" CT")):
        return ""
    if not re.search(r"\d", text):
        text = f"1 {text}" if text in _UNITS else ""
    text = re.sub(r"(^|\s)\.(\d)", r"\g<1>0.\2", text)
    return " ".join(_UNITS.get(word, word.lower()) for word in text.replace("/", " / ").split()).replace(" / ", "/")


def human_name(product_type: str | None, category: str | None, size: str | None, department: str) -> str:
    """A name that a person reads: ``Fluid Milk White Only, 1 Gal``."""
    name = words_of(product_type or category or department)
    if product_type in _GENERIC and category:
        name = f"{words_of(category)} {name}"
    made = _size(size, department) if size else ""
    return f"{name}, {made}" if made else name
