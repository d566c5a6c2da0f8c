"""Reads the workbooks of bulk imports cell by cell: what stands there, and where it cannot be read.

Runs in the jailed child only (:func:`portal.services.spreadsheets.jail.read_table_jailed`). What the
values mean, and whether they may be, is judged by the services.
"""

from __future__ import annotations

import datetime
import io
import re
import unicodedata
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from openpyxl import load_workbook
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from portal.services.spreadsheets.cells import is_error, shown
from portal.services.spreadsheets.form_types import Problem
from portal.services.spreadsheets.import_words import Finding, finding_of
from portal.services.spreadsheets.layouts import imports as layout
from portal.services.spreadsheets.layouts.imports import Column, Layout
from portal.services.spreadsheets.prescan import scan
from portal.services.spreadsheets.xml_scan import XmlLimits
from portal.services.widths import in_half_width

#: findings of one file: more than these help nobody
MOST_FINDINGS = 2_000
_DATE = re.compile(r"([12][0-9]{3})(?:[-/.]|年)([0-9]{1,2})(?:[-/.]|月)([0-9]{1,2})日?")
#: what Excel and LibreOffice give a text that begins with a mark of text
_BLANK = re.compile(r"[\s\u3000]*")


def limits() -> XmlLimits:
    """2,000 rows of 45 columns, each text with its reading (rPh), as Excel keeps them; measured in bench."""
    return XmlLimits(most_rows=4_000, most_cells=150_000, most_elements=900_000, most_area=400_000)


@dataclass
class Row:
    """One row that holds something: its texts by field, and what in it cannot be read."""

    sheet: str
    number: int
    #: field → text; a date as ISO, a choice as its value
    values: dict[str, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


@dataclass
class Table:
    """What a workbook says, row by row; ``findings`` are those of the file and of whole columns."""

    rows: list[Row] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    #: sheet → field → letters of its column
    columns: dict[str, dict[str, str]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The table as JSON values."""
        return {
            "rows": [[r.sheet, r.number, r.values, [one.as_json() for one in r.findings]] for r in self.rows],
            "findings": [one.as_json() for one in self.findings],
            "columns": self.columns,
        }


def table_of(values: dict[str, Any]) -> Table:
    """The table that :meth:`Table.as_json` wrote. Raises ``KeyError``, ``TypeError``, ``ValueError``."""
    return Table(
        [
            Row(str(sheet), int(number), dict(texts), [finding_of(one) for one in found])
            for sheet, number, texts, found in values["rows"]
        ],
        [finding_of(one) for one in values["findings"]],
        dict(values["columns"]),
    )


def of_file(problems: Iterable[Problem]) -> Table:
    """A table of a file that could not be opened."""
    return Table(
        findings=[
            Finding(one.code, one.sheet, one.cell, found=one.found, expected=one.expected) for one in problems
        ]
    )


def read_table(data: bytes, kind: str) -> Table:
    """Every row of the workbook for an import of ``kind`` (``applications`` or ``targets``).

    Blank rows are passed over. A file that may not be opened gives a table with its findings.
    """
    problems = scan(data, limits())
    if problems:
        return of_file(problems)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            book = load_workbook(io.BytesIO(data), keep_links=False)
    except MemoryError:
        raise
    except Exception as error:
        # whatever openpyxl says of a part it cannot make sense of
        return of_file([Problem("", "", type(error).__name__, "", "package_broken")])
    table = Table()
    known = [one for one in layout.layouts_of(kind) if one.sheet in book.sheetnames]
    if not known:
        first = layout.layouts_of(kind)[0].sheet
        table.findings.append(Finding("not_an_import", expected=first))
    for one in known:
        sheet = book[one.sheet]
        if isinstance(sheet, Worksheet):
            _read_sheet(sheet, one, table)
    return table


def _read_sheet(sheet: Worksheet, one: Layout, table: Table) -> None:
    columns = _columns(sheet, one, table)
    if not columns:
        return
    table.columns[one.sheet] = {column.field: get_column_letter(at) for at, column in columns.items()}
    for number, cells in enumerate(sheet.iter_rows(min_row=layout.FIRST_ROW), layout.FIRST_ROW):
        row = Row(one.sheet, number)
        for at, place in enumerate(cells, 1):
            value = place.value
            if value is None or (isinstance(value, str) and _BLANK.fullmatch(value)):
                continue
            column = columns.get(at)
            cell = f"{get_column_letter(at)}{number}"
            if column is None:
                row.findings.append(Finding("beside_columns", one.sheet, cell, found=shown(value)))
            else:
                # a text that begins with = is a text; what a formula gave is not believed
                _read_cell(row, column, cell, value, formula=place.data_type == "f")
        if row.values or row.findings:
            table.rows.append(row)


def _columns(sheet: Worksheet, one: Layout, table: Table) -> dict[int, Column]:
    """Column number → column, by the headings; what is missing or unknown becomes a finding."""
    names = {name: column for column in one.columns for name in map(_folded, column.label)}
    found: dict[int, Column] = {}
    wrong: list[Finding] = []
    for at, value in enumerate(next(sheet.iter_rows(layout.HEAD_ROW, layout.HEAD_ROW, values_only=True)), 1):
        if value is None or not str(value).strip():
            continue
        cell = f"{get_column_letter(at)}{layout.HEAD_ROW}"
        column = next((names[line] for line in map(_folded, str(value).splitlines()) if line in names), None)
        if column is None:
            wrong.append(Finding("column_unknown", one.sheet, cell, found=shown(value)))
        elif column in found.values():
            wrong.append(Finding("column_twice", one.sheet, cell, found=shown(value)))
        else:
            found[at] = column
    if not found:
        figures = {"row": layout.HEAD_ROW}
        table.findings.append(Finding("head_missing", one.sheet, f"A{layout.HEAD_ROW}", figures=figures))
        return {}
    wrong += [
        Finding("column_missing", one.sheet, "", item=column.label, expected=column.label[0])
        for column in one.columns
        if column not in found.values()
    ]
    table.findings += wrong
    return found


def _folded(text: str) -> str:
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", text)).casefold()


def _read_cell(row: Row, column: Column, cell: str, value: Any, *, formula: bool) -> None:
    def wrong(code: str, **more: Any) -> None:
        row.findings.append(Finding(code, row.sheet, cell, column.label, shown(value), **more))

    if formula:
        wrong("formula")
    elif is_error(value):
        wrong("formula_error")
    elif not isinstance(value, (str, int, float, datetime.datetime, datetime.date)):
        wrong("date_for_text")
    elif column.kind == "date":
        day = _day(value)
        if day is None:
            wrong("date_shape")
        else:
            row.values[column.field] = day.isoformat()
    elif isinstance(value, (datetime.datetime, datetime.date)):
        wrong("date_for_text")
    elif column.kind == "choice":
        chosen = _choice(column, value)
        if chosen is None:
            wrong("choice", expected="／".join(column.offered))
        else:
            row.values[column.field] = chosen
    else:
        row.values[column.field] = _text(value)


def _text(value: Any) -> str:
    """A cell's text; a whole number as its digits, at most so many signs as are judged."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e18:
        value = int(value)
    return str(value)[: layout.MOST_SIGNS]


def _day(value: Any) -> datetime.date | None:
    if isinstance(value, datetime.datetime):
        return value.date()
    if isinstance(value, datetime.date):
        return value
    plain = re.sub(r"\s", "", in_half_width(str(value)[:40])) if isinstance(value, str) else ""
    match = _DATE.fullmatch(plain)
    if match is None:
        return None
    try:
        return datetime.date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return None


def _choice(column: Column, value: Any) -> str | None:
    if isinstance(value, bool):
        value = "yes" if value else "no"
    plain = _folded(str(value)[:40])
    return next((found for word, found in column.choices if _folded(word) == plain), None)
