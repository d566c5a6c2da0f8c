"""The opened workbook as the reader sees it: values by sheet and cell, formulas only when asked for."""

from __future__ import annotations

import io
import re
import warnings

from openpyxl import Workbook, load_workbook
from openpyxl.worksheet.worksheet import Worksheet

from portal.services.spreadsheets import prescan
from portal.services.spreadsheets.cells import text_of
from portal.services.spreadsheets.form_types import Problem, file_problem
from portal.services.spreadsheets.layouts.layout import Field

#: a defined name of the form names one cell of one of its sheets
_ONE_CELL = re.compile(r"'?([^'!]+)'?!\$([A-Z]{1,2})\$([1-9][0-9]{0,3})")


def open_workbook(data: bytes, *, data_only: bool) -> Workbook | list[Problem]:
    """The workbook in ``data``, or why it must not or cannot be opened.

    ``data_only``: with the saved results of formulas instead of the formulas.
    """
    problems = prescan.scan(data)
    if problems:
        return problems
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return load_workbook(io.BytesIO(data), data_only=data_only, keep_links=False)
    except MemoryError:
        return [file_problem("too_much_content", "memory")]
    # openpyxl has no error of its own for a workbook it cannot make sense of: each part's parser
    # raises what it likes. Whatever it is, the file is refused with its kind.
    except Exception as error:
        return [file_problem("package_broken", type(error).__name__)]


class FormSheets:
    """Values of an opened workbook. ``data`` are its bytes, ``values`` it opened with saved results."""

    def __init__(self, data: bytes, values: Workbook) -> None:
        self._data = data
        self._values = values
        self._formulas: Workbook | None = None

    def has(self, sheet: str) -> bool:
        """Whether the workbook has ``sheet`` and it is a sheet of cells."""
        return sheet in self._values.sheetnames and isinstance(self._values[sheet], Worksheet)

    def missing(self, sheet: str) -> Problem:
        """The problem that ``sheet`` is not there."""
        return Problem(sheet, "", "シートなし", "様式のシート", "sheet_missing")

    def misplaced(self, sheet: str, field: Field) -> str:
        """Where the defined name of ``field`` points, if that is not the field's cell; else ``""``.

        Programs that drop the names of a workbook leave the cells, so that a name that is not there is none.
        """
        name = self._values.defined_names.get(field.name) if field.name else None
        if name is None:
            return ""
        points = str(name.attr_text or "")
        found = _ONE_CELL.fullmatch(points)
        right = found is not None and (found[1], f"{found[2]}{found[3]}") == (sheet, field.cell)
        return "" if right else points or "空欄"

    def value(self, sheet: str, cell: str) -> object:
        """The value of a cell, or the saved result of its formula; ``None`` when there is none."""
        value: object = self._values[sheet][cell].value
        return value

    def text(self, sheet: str, cell: str) -> str:
        """The value of a cell as text without surrounding blanks."""
        return text_of(self.value(sheet, cell))

    def is_formula(self, sheet: str, cell: str) -> bool:
        """Whether a cell holds a formula.

        Opens the workbook a second time on first use: only an empty cell raises the question, and a
        form in order has no empty cell where a figure belongs.
        """
        if self._formulas is None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._formulas = load_workbook(io.BytesIO(self._data), keep_links=False)
        return bool(self._formulas[sheet][cell].data_type == "f")
