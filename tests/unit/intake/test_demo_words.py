"""Names of the demo's products."""

from __future__ import annotations

import pytest

from offers.intake.demo_names import human_name


@pytest.mark.parametrize(
    ("kind", "category", "size", "department", "name"),
    [
        ("FLUID MILK WHITE ONLY", "FLUID MILK PRODUCTS", "1 GA", "GROCERY", "Fluid Milk White Only, 1 Gal"),
        ("BANANAS", "TROPICAL FRUIT", "40 LB", "PRODUCE", "Bananas"),
        ("SFT DRNK 2 LITER BTL CARB INCL", "SOFT DRINKS", "2 L", "GROCERY", "Soft Drink 2 Liter Bottle, 2 L"),
        ("CANDY BARS (SINGLES)(INCLUDING", "CANDY", None, "GROCERY", "Candy Bars (Singles)"),
        ("SUGAR", "SUGARS/SWEETNERS", "(600) 4 LB", "GROCERY", "Sugar, 4 lb"),
        ("PREMIUM", "PASTA SAUCE", "26 OZ", "GROCERY", "Pasta Sauce Premium, 26 oz"),
        ("TOMATOES GRAPE", "TOMATOES", "PT", "PRODUCE", "Tomatoes Grape, 1 Pint"),
        ("EGGS - X-LARGE", "EGGS", "1 DZ", "GROCERY", "Eggs - X-Large, 1 Dozen"),
        (None, None, None, "TOYS", "Toys"),
        ("COVERGIRL", "MAKEUP", ".24 OZ", "COSMETICS", "Covergirl, 0.24 oz"),
    ],
)
def test_names(kind: str | None, category: str | None, size: str | None, department: str, name: str) -> None:
    assert human_name(kind, category, size, department) == name
