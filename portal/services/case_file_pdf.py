"""The case file of a report as PDF (A4), typeset by typst from ``templates/case_file``.

Words go in as data and never as markup. What the font cannot print becomes 〓, as printers write it: a case
file must not fail because somebody wrote an emoji into a question. Equal contents give equal bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from portal.services.letter_pdf import missing_glyphs
from portal.services.typesetter import typeset
from portal.settings import ROOT

TEMPLATE_FOLDER = ROOT / "templates" / "case_file"
#: stands for a character that the font does not have
GETA = "〓"


@dataclass(frozen=True)
class Section:
    """A numbered part of the file; its parts come from the functions below.

    ``whole`` stands on the first page as long as that holds everything. A section with a number in ``gives``
    gives way in that order (0 first): then the first page has ``brief`` and the annex has ``all``.
    """

    heading: str
    whole: tuple[Mapping[str, Any], ...] = ()
    gives: int | None = None
    brief: tuple[Mapping[str, Any], ...] = ()
    all: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class CaseFileText:
    """All words of a case file. ``cover`` are (label, value) rows; ``short`` heads the pages that follow.

    ``behind`` are sections of the annex alone, which is headed ``annex``; ``see`` tells of it.
    """

    title: str
    subtitle: str
    short: str
    made: str
    cover: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]
    behind: tuple[Section, ...]
    annex: str
    see: str
    lang: str = "ja"


def facts(rows: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Rows of label and value."""
    return {"kind": "facts", "rows": rows}


def table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    wide: Sequence[int],
    figures: Sequence[int] = (),
    codes: Sequence[int] = (),
) -> dict[str, Any]:
    """A table; ``wide`` columns share the room, ``figures`` stand right, ``codes`` in fixed letters."""
    return {
        "kind": "table",
        "head": head,
        "rows": rows,
        "wide": wide,
        "figures": figures,
        "codes": codes,
    }


def text(words: str) -> dict[str, Any]:
    """A paragraph."""
    return {"kind": "text", "text": words}


def head(words: str) -> dict[str, Any]:
    """A heading within a section."""
    return {"kind": "head", "text": words}


def talk(who: str, body: str, file: str, *, inset: bool) -> dict[str, Any]:
    """What one side wrote to the other."""
    return {"kind": "talk", "head": who, "body": body, "file": file, "inset": inset}


def render(content: CaseFileText) -> bytes:
    """The file as PDF."""
    data = json.dumps(_printable(asdict(content)), ensure_ascii=False)
    return typeset(TEMPLATE_FOLDER / "case_file.typ", "file", data)


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        for name in missing_glyphs(value):
            value = value.replace(_named(name), GETA)
        return value
    if isinstance(value, dict):
        return {name: _printable(part) for name, part in value.items()}
    return [_printable(part) for part in value] if isinstance(value, list | tuple) else value


def _named(name: str) -> str:
    """The character itself; one that cannot be seen is named ``U+202E``."""
    return chr(int(name.removeprefix("U+"), 16)) if len(name) > 2 and name.startswith("U+") else name
