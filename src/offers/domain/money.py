"""Money is an integer of minor units and a currency; on the wire it is decimal major units."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation

__all__ = ["CURRENCIES", "currency_fault", "digits", "normal_currency", "to_major", "to_minor"]

_EXCEPTIONS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_TWO = (
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY "
    "COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS "
    "INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR "
    "MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD "
    "SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD YER ZAR ZMW ZWG"
)

#: ISO 4217 code -> digits after the point.
CURRENCIES: dict[str, int] = dict.fromkeys(_TWO.split(), 2) | {
    code: n for n, codes in _EXCEPTIONS.items() for code in codes.split()
}
_ALIASES = {"RUR": "RUB"}
_LIMIT = 10**15
_FAST = 1e9
_UNITS = (1, 10, 100, 1_000, 10_000)


def normal_currency(code: str) -> str:
    """Upper case, with RUR read as RUB; not checked."""
    upper = code.strip().upper()
    return _ALIASES.get(upper, upper)


def currency_fault(code: str) -> str | None:
    """What is wrong with a currency code, or None."""
    if normal_currency(code) in CURRENCIES:
        return None
    return f"{code!r} is not an ISO 4217 currency code, such as USD, EUR or RUB"


def digits(currency: str) -> int:
    """Digits after the point of a known currency."""
    return CURRENCIES[currency]


def to_minor(amount: int | float | str | Decimal, currency: str) -> tuple[int, bool]:
    """Minor units of a decimal amount, rounded half-even, and whether anything was rounded away.

    A float is read by its shortest decimal form, as it was written in JSON.

    Raises:
        ValueError: not a finite number, or beyond 10**15 minor units.
    """
    if isinstance(amount, float) and -_FAST < amount < _FAST:
        # Division of exact integers rounds to the nearest float, as reading the decimal text did: equal means the
        # text had no more decimals than the currency, and no decimal arithmetic is needed.
        unit = _UNITS[CURRENCIES[currency]]
        minor = round(amount * unit)
        if minor / unit == amount:
            return minor, False
    try:
        exact = Decimal(repr(amount) if isinstance(amount, float) else amount).scaleb(digits(currency))
        if not exact.is_finite() or abs(exact) > _LIMIT:
            raise ValueError("not a finite amount of money")
    except InvalidOperation:
        raise ValueError("not an amount of money") from None
    whole = exact.to_integral_value(ROUND_HALF_EVEN)
    return int(whole), whole != exact


def to_major(minor: int, currency: str) -> float:
    """Decimal major units as a JSON number: 129990 RUB -> 1299.9."""
    n = CURRENCIES[currency]
    return minor / 10**n if n else minor
