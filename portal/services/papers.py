"""Receipts and statements as PDF (A4), typeset by typst from ``templates/papers``.

All words and figures go in as data and never as markup; only the fonts in ``portal/fonts`` are used. The
same contents give the same bytes. What the font lacks (a note may hold anything) prints as 〓.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from fontTools.ttLib import TTFont

from portal.services.typesetter import FONT_FOLDER, KEEPS, typeset

TEMPLATE_FOLDER = Path(__file__).resolve().parents[2] / "templates" / "papers"
PAPER_FONT = FONT_FOLDER / "BIZUDPGothic-Regular.ttf"
#: printed for what the font lacks
LACKING = "〓"
#: from so many characters on the typesetter is made to forget at once
_LARGE = 50_000


@dataclass(frozen=True)
class PaperTable:
    """A table with its heading; ``figures`` are the places of right-aligned columns, ``strong`` of bold rows.

    ``widths``: a column's share of the room, 0 as wide as its words.
    """

    heading: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    figures: tuple[int, ...] = ()
    widths: tuple[int, ...] = ()
    strong: tuple[int, ...] = ()


@dataclass(frozen=True)
class Paper:
    """All words of one paper, ready to print. ``facts``: (label, value); ``codes``: those in even widths."""

    title: str
    language: str
    made: str
    issuer: tuple[str, ...]
    lead: str
    facts: tuple[tuple[str, str], ...]
    codes: tuple[tuple[str, str], ...] = ()
    tables: tuple[PaperTable, ...] = ()
    notes: tuple[str, ...] = ()
    footer: str = ""


def render(paper: Paper) -> bytes:
    """Return the paper as PDF."""
    data = json.dumps(_printable(asdict(paper)), ensure_ascii=False)
    forget_after = KEEPS if len(data) > _LARGE else 1
    return typeset(TEMPLATE_FOLDER / "paper.typ", "paper", data, forget_after=forget_after)


def texts(paper: Paper) -> Iterator[str]:
    """Every text of the paper, in no particular order."""
    waiting: list[object] = [asdict(paper)]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            waiting += one.values()
        elif isinstance(one, list | tuple):
            waiting += one


def _printable(value: object) -> object:
    if isinstance(value, str):
        known = _known()
        return "".join(c if c in known or c in "\n\u3000\u00a0 " else LACKING for c in value if c != "\r")
    if isinstance(value, dict):
        return {name: _printable(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_printable(one) for one in value]
    return value


@cache
def _known() -> frozenset[str]:
    """The characters the font prints; read once a process."""
    with TTFont(PAPER_FONT, lazy=True) as font:
        return frozenset(chr(code) for code in font.getBestCmap() or ())
