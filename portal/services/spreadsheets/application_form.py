"""Reads a filled-in registration application form: what was written, or all that keeps it from being read.

Domain §3. The bytes are hostile until read: in the web process call
:func:`portal.services.spreadsheets.jail.read_application_jailed`, which runs this in a child. Whether
kana are kana and addresses addresses is judged afterwards, by the rules that typing has too
(:mod:`portal.services.application_intake`).
"""

from __future__ import annotations

import datetime
import re
import unicodedata

from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from portal.services.spreadsheets.application_reading import ApplicationReading, in_order, refused
from portal.services.spreadsheets.cells import is_error, shown, text_of
from portal.services.spreadsheets.form_sheets import open_workbook
from portal.services.spreadsheets.form_types import Note, Problem, file_problem
from portal.services.spreadsheets.layouts import application as form
from portal.services.spreadsheets.layouts.application import Item, Layout
from portal.services.spreadsheets.layouts.layout import ACTIVITY, COVER
from portal.services.widths import in_half_width

#: no item holds more than 320 signs; what is longer is refused, and need not be carried about whole
LONGEST = 1000
#: more labels that are not where they should be mean that rows have moved
MOVED_FROM = 3
MOST_NOTES = 10
_PHASE = re.compile(r"(?:第([0-9]{1,4})期|phase ([0-9]{1,4}))", re.IGNORECASE)
_COLUMNS = 5
#: how far beyond the form one looks for what was written beside it
_LAST_ROW, _LAST_COLUMN = 300, 30


def read_application(data: bytes) -> ApplicationReading:
    """What the form in ``data`` says. Every problem is found at once; none is raised."""
    opened = open_workbook(data, data_only=False)
    if isinstance(opened, list):
        return refused(*opened)
    try:
        return _read(opened)
    except (AttributeError, KeyError, TypeError, IndexError, OverflowError, ValueError) as error:
        return refused(file_problem("reader_failed", type(error).__name__))


def _problem(cell: str, code: str, found: object, expected: str) -> Problem:
    return Problem(form.SHEET, cell, shown(found), expected, code)


def _read(book: Workbook) -> ApplicationReading:
    if form.SHEET not in book.sheetnames or not isinstance(book[form.SHEET], Worksheet):
        if COVER in book.sheetnames and ACTIVITY in book.sheetnames:
            return refused(file_problem("another_form", "算定報告書", form.SHEET))
        return refused(Problem(form.SHEET, "", "シートなし", "様式のシート", "sheet_missing"))
    sheet = book[form.SHEET]
    head = {name: sheet[cell].value for name, cell in form.HEAD_CELLS.items()}
    for name, code, wanted in (
        ("form_id", "form_id_wrong", form.FORM_ID),
        ("form_version", "version_wrong", form.VERSION),
    ):
        if text_of(head[name]) != wanted:
            return refused(_problem(form.HEAD_CELLS[name], code, head[name], wanted))
    kind = next((k for k, names in form.KIND_NAMES.items() if text_of(head["form_kind"]) in names), None)
    if kind is None:
        wanted = "・".join(ja for ja, _en in form.KIND_NAMES.values())
        return refused(_problem(form.HEAD_CELLS["form_kind"], "kind_wrong", head["form_kind"], wanted))
    layout = form.layout(kind)
    moved = _labels(sheet, layout)
    if len(moved) >= MOVED_FROM:
        return refused(Problem(form.SHEET, moved[0].cell, moved[0].found, "様式の並び", "layout_changed"))
    reader = _Reader(sheet, layout)
    reader.problems += moved
    phase = reader.phase(head["form_phase"])
    reader.items()
    reader.joint()
    reader.merged()
    return ApplicationReading(
        problems=in_order(reader.problems),
        notes=_outside(sheet, layout),
        kind=kind,
        phase=phase,
        values=reader.values,
    )


def _flat(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).split())


def _labels(sheet: Worksheet, layout: Layout) -> list[Problem]:
    """The labels that are not the form's, in either language or order."""
    found = []
    for cell, (ja, en) in layout.labels():
        value = sheet[cell].value
        if _flat(text_of(value)) not in (_flat(ja + en), _flat(en + ja)):
            found.append(_problem(cell, "label_changed", value, ja))
    return found


def _outside(sheet: Worksheet, layout: Layout) -> tuple[Note, ...]:
    """What stands where nothing is filled in: it is not read, and the reader of the form is told."""
    notes = []
    rows = sheet.iter_rows(max_row=min(sheet.max_row, _LAST_ROW), max_col=min(sheet.max_column, _LAST_COLUMN))
    beside = {f"{form.SECOND}{placed.row}" for placed in layout.placed}
    for number, row in enumerate(rows, 1):
        for place, cell in enumerate(row, 1):
            inside = number <= layout.last_row and place <= _COLUMNS
            if cell.value is not None and (not inside or cell.coordinate in beside):
                notes.append(Note(form.SHEET, cell.coordinate, shown(cell.value), "", "outside_input"))
    return tuple(notes[:MOST_NOTES])


class _Reader:
    """Goes through the cells of one form."""

    def __init__(self, sheet: Worksheet, layout: Layout) -> None:
        self.sheet = sheet
        self.layout = layout
        self.problems: list[Problem] = []
        self.values: dict[str, str] = {}

    def phase(self, value: object) -> int | None:
        """The phase of a holder's form; the others have none."""
        if self.layout.kind != "holder":
            return None
        found = _PHASE.fullmatch(in_half_width(text_of(value)))
        if found is None:
            self.problems.append(_problem(form.HEAD_CELLS["form_phase"], "phase_altered", value, "第N期"))
            return None
        return int(found[1] or found[2])

    def items(self) -> None:
        """Every item in its cell."""
        for placed in self.layout.placed:
            text = self._text(placed.cell)
            if text is None:
                continue
            if placed.item.options:
                self._choice(placed.item, placed.cell, text)
            elif text:
                self.values[placed.item.field] = text

    def joint(self) -> None:
        """The rows of joint companies that are filled in."""
        for number, name, kana in self.layout.joint_cells():
            for part, cell in (("name", name), ("kana", kana)):
                if text := self._text(cell):
                    self.values[f"joint_companies-{number}-{part}"] = text

    def merged(self) -> None:
        """Cells that somebody merged: whatever they cover is lost."""
        good = self.layout.merged()
        for area in self.sheet.merged_cells.ranges:
            rows = area.max_row >= form.FIRST_ROW and area.min_row <= self.layout.last_row
            if rows and area.max_col >= 3 and area.min_col <= 4 and str(area) not in good:
                expected = "様式の結合" if area.size["rows"] == 1 else "結合なし"
                self.problems.append(Problem(form.SHEET, str(area), str(area), expected, "cells_merged"))

    def _choice(self, item: Item, cell: str, text: str) -> None:
        wanted = "・".join(ja for _value, ja, _en in item.options)
        if not text:
            self.problems.append(_problem(cell, "choice_blank", None, wanted))
            return
        plain = _flat(text).casefold()
        for value, ja, en in item.options:
            if plain in (_flat(ja).casefold(), _flat(en).casefold()):
                self.values[item.field] = value
                return
        self.problems.append(_problem(cell, "choice_unknown", text, wanted))

    def _text(self, at: str) -> str | None:
        """What was written in a cell, without surrounding blanks; ``None`` where it cannot be read."""
        cell = self.sheet[at]
        value = getattr(cell, "value", None)
        if getattr(cell, "data_type", "") == "f":
            formula = getattr(value, "text", value)  # an array formula is an object of its own
            self.problems.append(_problem(at, "formula_in_input", formula, "文字"))
            return None
        if is_error(value):
            self.problems.append(_problem(at, "formula_error", value, "文字"))
            return None
        if isinstance(value, bool | datetime.date | datetime.time | datetime.timedelta):
            self.problems.append(_problem(at, "not_text", value, "文字"))
            return None
        if isinstance(value, int | float):
            return shown(value)
        return text_of(value)[:LONGEST]
