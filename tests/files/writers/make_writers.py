"""Makes the forms kept beside this file: one and the same form as five programs save it.

Run from the top of the project, with LibreOffice and with ``npm install`` done in this folder:
``python -m tests.files.writers.make_writers [BLANK.xlsx]``. Without a blank the portal's own is taken.

Every file but ``*_uncalculated.xlsx`` holds results for its formulas. LibreOffice calculates them itself;
openpyxl, XlsxWriter, exceljs and xlsx do not calculate, so whoever fills in a form with them either writes
the results, which is done here, or has the file saved once by a spreadsheet program, which
``*_then_libreoffice.xlsx`` are. A form whose results are missing is refused (domain §4).
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import xlsxwriter
from openpyxl import load_workbook

from portal.services.spreadsheets.blank import build_form
from portal.services.spreadsheets.filled import fill_form
from tests.files.forms.make_calculation_forms import saved_by_libreoffice
from tests.services.spreadsheets.samples import expectation, worked_sources

HERE = Path(__file__).resolve().parent
_EXPECTED = expectation()


@cache
def values() -> list[dict[str, Any]]:
    """What is typed (``value``) and what formulas give (``result``), by sheet and cell."""
    good = fill_form(_EXPECTED, worked_sources())
    formulas, results = (load_workbook(io.BytesIO(good), data_only=saved) for saved in (False, True))
    blank = load_workbook(io.BytesIO(build_form(_EXPECTED)))
    rows: list[dict[str, Any]] = []
    for sheet in formulas.worksheets:
        for cell in [cell for row in sheet.iter_rows() for cell in row]:
            at = {"sheet": sheet.title, "cell": cell.coordinate}
            stands = results[sheet.title][cell.coordinate].value
            if cell.data_type == "f":
                rows.append({**at, "result": "" if stands is None else stands})
            elif stands != blank[sheet.title][cell.coordinate].value:
                rows.append({**at, "value": stands})
    return rows


def by_openpyxl(blank: bytes) -> bytes:
    """Typed with openpyxl, which keeps formulas without their results."""
    book = load_workbook(io.BytesIO(blank), rich_text=True)
    for row in values():
        if "value" in row:
            book[row["sheet"]][row["cell"]] = row["value"]
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def by_openpyxl_as_values(blank: bytes) -> bytes:
    """The same with results in place of the formulas: what a program without a calculator hands in."""
    book = load_workbook(io.BytesIO(blank), rich_text=True)
    for row in values():
        book[row["sheet"]][row["cell"]] = row["value"] if "value" in row else row["result"]
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def by_xlsxwriter(blank: bytes) -> bytes:
    """Written from nothing with XlsxWriter after the blank's cells: it cannot edit, but writes results."""
    source = load_workbook(io.BytesIO(blank))
    changes = {(row["sheet"], row["cell"]): row for row in values()}
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        for sheet in source.worksheets:
            made = book.add_worksheet(sheet.title)
            for cell in [cell for row in sheet.iter_rows() for cell in row]:
                change = changes.get((sheet.title, cell.coordinate))
                if change is not None and "result" in change:
                    made.write_formula(cell.coordinate, str(cell.value), None, change["result"])
                elif change is not None or cell.value is not None:
                    made.write(cell.coordinate, change["value"] if change else cell.value)
    return out.getvalue()


def by_node(script: str, blank: bytes, folder: Path, *, results: bool = True) -> bytes:
    """Typed into the blank by a program of npm, with the results of the formulas or without."""
    (folder / "blank.xlsx").write_bytes(blank)
    rows = [row for row in values() if results or "value" in row]
    (folder / "values.json").write_text(json.dumps(rows))
    out = folder / f"{script}.xlsx"
    names = [str(folder / "blank.xlsx"), str(folder / "values.json"), str(out)]
    subprocess.run(["node", str(HERE / f"fill_{script}.js"), *names], check=True)
    return out.read_bytes()


def main() -> None:
    """Write the kept files."""
    blank = Path(sys.argv[1]).read_bytes() if len(sys.argv) > 1 else build_form(_EXPECTED)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        typed = by_openpyxl(blank)
        made = {
            "openpyxl_uncalculated": typed,
            "openpyxl": by_openpyxl_as_values(blank),
            "xlsxwriter": by_xlsxwriter(blank),
            "libreoffice": saved_by_libreoffice(typed, folder),
        }
        for script in ("exceljs", "xlsx"):
            made[script] = by_node(script, blank, folder)
            bare = by_node(script, blank, folder, results=False)
            made[f"{script}_uncalculated"] = bare
            made[f"{script}_then_libreoffice"] = saved_by_libreoffice(bare, folder)
    for writer, data in made.items():
        (HERE / f"{writer}.xlsx").write_bytes(data)


if __name__ == "__main__":
    main()
