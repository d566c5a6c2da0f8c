"""Looks at one XML part of a workbook: its encoding, declarations, depth, amount and cell addresses."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn
from xml.parsers import expat

MAX_ROW = 2000
MAX_COLUMN = 200
#: A base-year form has 1,700 cells and some 8,000 elements; openpyxl takes 25 µs for an element.
MAX_CELLS = 15_000
MAX_ELEMENTS = 60_000
MAX_AREA = 40_000
MAX_ATTRIBUTE = 20_000
MAX_DEPTH = 60

_ENCODING = re.compile(rb"""<\?xml[^>]{0,200}?encoding\s*=\s*["']([^"']{1,40})["']""")
_CELL = re.compile(r"\$?([A-Z]{1,3})\$?([1-9][0-9]{0,6})")
_HYPERLINK = "/hyperlink"
#: Elements that hold a formula.
_FORMULAS = frozenset({"f", "formula", "formula1", "formula2", "definedName", "calculatedColumnFormula"})
#: texts, and names of sheets in single quotes, in which a double quote begins no text
_QUOTED = re.compile(r""""[^"]*"|('[^']*')""")
#: What fetches or starts something elsewhere: another workbook's cells, DDE, and functions that go out.
_OUTSIDE = re.compile(
    r"\[[^\[\]]+\][^\[\]()+*/,;=]*!|[A-Za-z0-9_']\s*\||"
    r"(?<![A-Z0-9_])(?:WEBSERVICE|RTD|DDE|CALL|EXEC|REGISTER(?:\.ID)?|IMAGE|SQL\.REQUEST)\s*\(",
    re.IGNORECASE,
)


class PartRefused(Exception):
    """A part that must not be opened. ``code`` names a text of ``problems.py``; ``found`` is shown."""

    def __init__(self, code: str, found: str) -> None:
        super().__init__(f"{code}: {found}")
        self.code = code
        self.found = found


@dataclass
class XmlLimits:
    """What the whole workbook has used up so far, and what it may use."""

    elements: int = 0
    cells: int = 0
    area: int = 0
    most_rows: int = MAX_ROW
    most_cells: int = MAX_CELLS
    most_elements: int = MAX_ELEMENTS
    most_area: int = MAX_AREA


def column_number(letters: str) -> int:
    """The number of a column from its letters: A is 1, AA is 27."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number


def scan_part(name: str, content: bytes, limits: XmlLimits) -> None:
    """Read one XML part and raise :class:`PartRefused` at the first thing that must not be there."""
    _encoding(name, content)
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise PartRefused("xml_entities", name)
    # Old drawings (.vml) are not always well-formed, and nothing here parses them.
    if not name.lower().endswith(".vml"):
        _Scanner(name, limits).run(content)


def _encoding(name: str, content: bytes) -> None:
    declared = _ENCODING.search(content[:300])
    wrong = declared is not None and declared.group(1).lower() not in (b"utf-8", b"us-ascii", b"ascii")
    # UTF-16 and the like would hide a DOCTYPE from the look above.
    if wrong or b"\0" in content or content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise PartRefused("xml_encoding", name)


class _Scanner:
    def __init__(self, name: str, limits: XmlLimits) -> None:
        self.name = name
        self.limits = limits
        self.depth = 0
        self.sheet = False
        self.row = 0
        self.column = 0
        self.formula: list[str] | None = None

    def run(self, content: bytes) -> None:
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self.start
        parser.EndElementHandler = self.end
        parser.CharacterDataHandler = self.text
        parser.StartDoctypeDeclHandler = self.doctype
        try:
            parser.Parse(content, True)
        except (expat.ExpatError, UnicodeError) as error:
            raise PartRefused("package_broken", self.name) from error

    def doctype(self, *_: object) -> NoReturn:
        raise PartRefused("xml_entities", self.name)

    def text(self, piece: str) -> None:
        if self.formula is not None:
            self.formula.append(piece)

    def end(self, tag: str) -> None:
        self.depth -= 1
        if self.formula is not None and tag.rpartition(":")[2] in _FORMULAS:
            bare = _QUOTED.sub(lambda quoted: quoted[1] or "", "".join(self.formula))
            outside = _OUTSIDE.search(bare)
            self.formula = None
            if outside:
                raise PartRefused("external_links", f"{self.name}: {outside.group()[:20]}")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        self.limits.elements += 1
        if self.depth > MAX_DEPTH or self.limits.elements > self.limits.most_elements:
            raise PartRefused("too_much_content", self.name)
        local = tag.rpartition(":")[2]
        if self.depth == 1:
            self.sheet = local == "worksheet"
        if local in _FORMULAS:
            self.formula = []
        if local == "c" and self.sheet:
            self.cell(attributes)
        elif local == "row" and self.sheet:
            self.begin_row(attributes)
        elif local == "Relationship":
            self.relationship(attributes)
        # Merged cells, links, comments and tables are made cell by cell: a wide one is a bomb. A
        # sheet's declared dimension is not used by the reader and may lie.
        if "ref" in attributes and local != "dimension":
            self.area(attributes["ref"])
        if any(len(value) > MAX_ATTRIBUTE for value in attributes.values()):
            raise PartRefused("too_much_content", self.name)

    def cell(self, attributes: dict[str, str]) -> None:
        self.limits.cells += 1
        if self.limits.cells > self.limits.most_cells:
            raise PartRefused("too_much_content", self.name)
        if "r" in attributes:
            self.column = self.inside(attributes["r"])[1]
        else:
            self.column += 1
            self.within(self.row, self.column, f"{self.row}/{self.column}")

    def begin_row(self, attributes: dict[str, str]) -> None:
        # A cell without an address of its own follows the one before it, as the reader counts, too.
        said = attributes.get("r", str(self.row + 1))
        if not (said.isascii() and said.isdigit()) or len(said) > 9:
            raise PartRefused("package_broken", f"{self.name}: {said[:20]}")
        self.row, self.column = int(said), 0
        self.within(self.row, 1, said)

    def within(self, row: int, column: int, shown: str) -> None:
        if row > self.limits.most_rows or column > MAX_COLUMN:
            raise PartRefused("cell_out_of_range", f"{self.name}: {shown}")

    def area(self, ref: str) -> None:
        first, _, last = ref.partition(":")
        from_row, from_column = self.inside(first)
        to_row, to_column = self.inside(last or first)
        self.limits.area += (abs(to_row - from_row) + 1) * (abs(to_column - from_column) + 1)
        if self.limits.area > self.limits.most_area:
            raise PartRefused("too_much_content", f"{self.name}: {ref}")

    def inside(self, cell: str) -> tuple[int, int]:
        match = _CELL.fullmatch(cell)
        if match is None:
            raise PartRefused("package_broken", f"{self.name}: {cell[:20]}")
        row, column = int(match.group(2)), column_number(match.group(1))
        self.within(row, column, cell)
        return row, column

    def relationship(self, attributes: dict[str, str]) -> None:
        # A mail address typed into a note becomes a link by itself; anything else outside is refused.
        kind = attributes.get("Type", "")
        if attributes.get("TargetMode") == "External" and not kind.endswith(_HYPERLINK):
            raise PartRefused("external_links", kind.rpartition("/")[2][:40] or self.name)
        if kind.endswith(("/vbaProject", "/xlMacrosheet", "/externalLinkPath", "/externalLink")):
            raise PartRefused("macros" if "acro" in kind or "vba" in kind else "external_links", self.name)
