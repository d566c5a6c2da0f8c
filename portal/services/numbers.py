"""Numbers that are never given twice, and how people write figures, numbers and names."""

from __future__ import annotations

import re
import unicodedata

from sqlalchemy import select
from sqlalchemy.exc import NoResultFound
from sqlalchemy.orm import Session

from portal.errors import Refusal, refuse
from portal.models import MAX_QUANTITY, NumberSeries
from portal.services.widths import in_half_width

#: more digits than these, leading zeros included, nobody types
_DIGITS = 40
#: separators stand between thousands only
_GROUPED = re.compile(r"[0-9]{1,3}(?:(?:[,、]\s?|\s)[0-9]{3})+")
_CODE = re.compile(r"(?:AST)?-?([1-9][0-9]{0,8})", re.IGNORECASE | re.ASCII)


def next_number(session: Session, name: str, *, start: int = 1, count: int = 1) -> int:
    """The next number of the series ``name``; the row is locked until the transaction ends.

    With ``count`` so many numbers are taken, of which the answer is the first.
    """
    query = select(NumberSeries).where(NumberSeries.name == name).with_for_update()
    try:
        series = session.scalars(query.execution_options(populate_existing=True)).one()
    except NoResultFound:
        series = NumberSeries(name=name, next=start)
        session.add(series)
        session.flush()
    number = series.next
    series.next = number + count
    session.flush()
    return number


def hold_series(session: Session, name: str) -> None:
    """Lock the series ``name`` until the transaction ends, without taking a number.

    Whoever takes the next number waits: what is unique besides the number is then judged one by one.
    """
    session.execute(select(NumberSeries.next).where(NumberSeries.name == name).with_for_update())


def parse_quantity(text: str | int | None, field: str = "quantity") -> int:
    """A whole quantity of 1 or more, in units or t-CO2.

    Full-width digits are accepted, and blanks or commas between thousands (1,500; 1,5 may mean 1.5);
    0, negative, decimal, exponent (10² too) and over-long ones are refused (domain §8).
    """
    if isinstance(text, int) and not isinstance(text, bool):
        number = text
    else:
        typed = in_half_width(str(text or "")).strip()
        plain = re.sub(r"[\s,、]", "", typed)
        if not plain:
            raise refuse(Refusal.REQUIRED, field)
        if not (plain.isascii() and plain.isdigit() and (typed == plain or _GROUPED.fullmatch(typed))):
            raise refuse(Refusal.QUANTITY_SHAPE, field)
        significant = plain.lstrip("0")
        if len(plain) > _DIGITS or len(significant) > 16:
            raise refuse(Refusal.QUANTITY_TOO_LARGE, field)
        number = int(significant or "0")
    if number <= 0:
        raise refuse(Refusal.QUANTITY_POSITIVE, field)
    if number > MAX_QUANTITY:
        raise refuse(Refusal.QUANTITY_TOO_LARGE, field)
    return number


def parse_account(text: str | None, field: str = "account") -> int:
    """The account number in ``AST-1001`` (full-width and missing hyphens are understood)."""
    plain = re.sub(r"\s", "", in_half_width(text or ""))
    plain = re.sub("[‐‑‒–—―−ー]", "-", plain)
    if not plain:
        raise refuse(Refusal.REQUIRED, field)
    match = _CODE.fullmatch(plain)
    if match is None:
        raise refuse(Refusal.ACCOUNT_NUMBER_SHAPE, field)
    return int(match[1])


def search_key(*texts: str | None) -> str:
    """What a search compares: NFKC, lower case, katakana as hiragana, no blanks or hyphens."""
    joined = unicodedata.normalize("NFKC", " ".join(t for t in texts if t)).casefold()
    folded = "".join(chr(ord(c) - 0x60) if "ァ" <= c <= "ヶ" else c for c in joined)
    return re.sub(r"[\s\-‐－ー・,，.。]", "", folded)
