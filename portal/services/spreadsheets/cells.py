"""One cell's value: what was typed, put right where that is harmless, refused where it is not.

Domain §8: full-width digits, spaces and commas are accepted; units, words, negatives are not.
"""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from decimal import Decimal

from portal.services.spreadsheets.layouts.layout import ACTIVITY_BOUNDS, Bounds

#: Full-width figures, separators, signs → plain forms. Not NFKC: that would read ① as 1 and m² as m2.
_PLAIN = str.maketrans("０１２３４５６７８９．，＋－−\u3000\u00a0\u202f", "0123456789.,+--   ")
_GROUPED = re.compile(r"[+-]?[0-9]{1,3}([, ])[0-9]{3}(?:\1[0-9]{3})*(?:\.[0-9]+)?")
_PLAIN_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")

#: A spreadsheet keeps fifteen significant figures; what stands after them is binary noise.
_FIGURES = 15
_SHOWN = 60
_ERRORS = frozenset(
    {"#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A", "#SPILL!", "#CALC!", "#GETTING_DATA"}
)


@dataclass(frozen=True)
class Quantity:
    """What a number cell holds: ``value``, or ``code`` saying why it is refused.

    ``blank`` is a cell with nothing in it; ``as_text`` a number that was typed as text.
    """

    value: Decimal | None = None
    code: str = ""
    found: str = ""
    expected: str = ""
    blank: bool = False
    as_text: bool = False


def shown(value: object) -> str:
    """``value`` as a person reads it in the list of problems, cut to 60 characters."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return "空欄"
    if isinstance(value, bool):
        return "真偽値"
    if isinstance(value, (datetime.date, datetime.time, datetime.timedelta)):
        return "日付"
    if isinstance(value, float):
        value = _decimal(value)
    if isinstance(value, Decimal):
        text = f"{value.normalize():f}" if value == value.to_integral_value() else f"{value:f}"
    else:
        text = str(value)
    text = "".join(c if c.isprintable() else " " for c in text).strip()
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def is_error(value: object) -> bool:
    """Whether a cell's value is a formula error such as ``#REF!``."""
    return isinstance(value, str) and value in _ERRORS


def text_of(value: object) -> str:
    """A text cell's value without surrounding blanks; a whole number as its digits."""
    if value is None or isinstance(value, bool):
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip()


def _decimal(value: float) -> Decimal:
    exact = Decimal(repr(value))
    if len(exact.as_tuple().digits) > _FIGURES:
        exact = Decimal(f"{value:.{_FIGURES}g}")
    return exact


def _from_text(text: str) -> Decimal | None:
    plain = text.translate(_PLAIN).strip()
    if len(plain) > _SHOWN:
        return None
    if _GROUPED.fullmatch(plain):
        plain = plain.replace(",", "").replace(" ", "")
    return Decimal(plain) if _PLAIN_NUMBER.fullmatch(plain) else None


def decimals(value: Decimal) -> int:
    """How many decimal places ``value`` really has (trailing zeros do not count)."""
    # Not normalize(): that rounds to the context's 28 figures before it counts.
    places = f"{value:f}".partition(".")[2]
    return len(places.rstrip("0"))


def quantity_of(value: object, bounds: Bounds = ACTIVITY_BOUNDS) -> Quantity:
    """The number in a number cell, checked against the form's ``bounds`` (≥ 0, < 10^12, three decimals)."""
    found = shown(value)
    if value is None or (isinstance(value, str) and not value.translate(_PLAIN).strip()):
        return Quantity(blank=True, found=found)
    if is_error(value):
        return Quantity(code="formula_error", found=found, expected="0以上の数値")
    number: Decimal | None = None
    if isinstance(value, bool):
        number = None
    elif isinstance(value, int):
        number = Decimal(value)
    elif isinstance(value, float):
        number = _decimal(value)
    elif isinstance(value, str):
        number = _from_text(value)
    if number is None or not number.is_finite():
        return Quantity(code="not_a_number", found=found, expected="数値")
    if number < bounds.least:
        return Quantity(code="number_negative", found=found, expected="0以上の数値")
    if number >= bounds.below:
        return Quantity(code="number_too_large", found=found, expected=f"{bounds.below:,.0f}未満")
    if decimals(number) > bounds.decimals:
        return Quantity(code="too_many_decimals", found=found, expected=f"小数第{bounds.decimals}位")
    return Quantity(value=abs(number), found=found, as_text=isinstance(value, str))
