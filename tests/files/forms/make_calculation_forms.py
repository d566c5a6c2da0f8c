"""Makes the forms kept beside this file: blank forms, filled with openpyxl, saved by LibreOffice.

Run from the top of the project: ``python -m tests.files.forms.make_calculation_forms``. LibreOffice
calculates and saves, so the results in these files come from a spreadsheet program, not from us.
``calculation_*`` were handed out as version 1 and stay as they are; ``version2_*`` are made here.
"""

from __future__ import annotations

import io
import subprocess
import tempfile
from pathlib import Path

from openpyxl import load_workbook

from portal.services.spreadsheets.blank import build_form
from portal.services.spreadsheets.form_types import Period
from portal.services.spreadsheets.layouts.layout import ACTIVITY, SOURCES
from portal.services.spreadsheets.layouts.versions import NEWEST
from tests.services.spreadsheets.samples import FACTORS, YEARS, expectation, worked_sources

HERE = Path(__file__).resolve().parent


def filled_by_openpyxl(period: Period, locale: str = "ja") -> bytes:
    """The worked example typed into the blank form, cell by cell; nothing is calculated yet."""
    names = {factor.code: factor.name_en if locale == "en" else factor.name_ja for factor in FACTORS}
    book = load_workbook(io.BytesIO(build_form(expectation(period), locale=locale)), rich_text=True)
    for number, (name, code, amounts) in enumerate(worked_sources(YEARS[period])):
        book[SOURCES][f"B{NEWEST.sources.first + number}"] = name
        book[SOURCES][f"C{NEWEST.sources.first + number}"] = names[code]
        for place, year in enumerate(YEARS[period]):
            row = NEWEST.activity_row(place, number)
            for column, amount in zip(NEWEST.months, amounts[year], strict=True):
                book[ACTIVITY][f"{column}{row}"] = float(amount)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def saved_by_libreoffice(data: bytes, folder: Path) -> bytes:
    """``data`` opened, calculated and saved by LibreOffice, which keeps its profile in ``folder``."""
    source = folder / "form.xlsx"
    source.write_bytes(data)
    out = folder / "saved"
    profile = (folder / "profile").as_uri()
    command = ["soffice", f"-env:UserInstallation={profile}", "--headless", "--convert-to", "xlsx"]
    command += ["--outdir", str(out), str(source)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return (out / "form.xlsx").read_bytes()


def main() -> None:
    """Write the kept files."""
    kept: tuple[tuple[Period, str], ...] = (("base", "ja"), ("target", "ja"), ("adjustment", "en"))
    with tempfile.TemporaryDirectory() as folder:
        for period, locale in kept:
            saved = saved_by_libreoffice(filled_by_openpyxl(period, locale), Path(folder))
            (HERE / f"version2_{period}_{locale}_libreoffice.xlsx").write_bytes(saved)


if __name__ == "__main__":
    main()
