"""Makes the three forms the journey uploads: the portal's blank form, typed into, saved by LibreOffice.

Run from the top of the project: ``python -m tests.files.journey.make_journey_forms``. LibreOffice
calculates and saves, so the cached results come from a spreadsheet program. The holder is AST1001 of
phase 2; figures: base year 10,000, target year 7,400, adjustment year 7,300 t-CO2.
"""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

from openpyxl import load_workbook

from portal.services.factors import default_factors
from portal.services.spreadsheets.blank import build_form
from portal.services.spreadsheets.form_types import FormExpectation, FormIdentity, Period
from portal.services.spreadsheets.layouts.layout import ACTIVITY, SOURCES
from portal.services.spreadsheets.layouts.versions import NEWEST
from tests.files.forms.make_calculation_forms import saved_by_libreoffice

HERE = Path(__file__).resolve().parent
YEARS: dict[Period, tuple[int, ...]] = {"base": (2010, 2011, 2012), "target": (2014,), "adjustment": (2015,)}
#: kWh a year beside 800 千Nm³ of city gas and 200 kl of A heavy oil (2,337.126 t-CO2)
POWER: dict[Period, int] = {"base": 13_933_044, "target": 9_205_956, "adjustment": 9_024_144}


def expectation(period: Period) -> FormExpectation:
    """What the portal expects of the journey's holder."""
    return FormExpectation(
        identity=FormIdentity(
            holder="AST1001",
            account="AST-1001",
            holder_name="ABCリース株式会社",
            site_name="アセット第一ビル",
            site_address="埼玉県みほん市みほん町1-2-3",
            period=period,
            fiscal_years=YEARS[period],
            phase=2,
        ),
        factors={year: default_factors() for year in YEARS[period]},
    )


def typed(period: Period) -> bytes:
    """The blank form with the year's use typed in, as a person does; nothing is calculated yet."""
    book = load_workbook(io.BytesIO(build_form(expectation(period))), rich_text=True)
    whole = (("受電", "電気", POWER[period]), ("都市ガス13A", "都市ガス", 800), ("ボイラー", "A重油", 200))
    for number, (name, factor, year_total) in enumerate(whole):
        book[SOURCES][f"B{NEWEST.sources.first + number}"] = name
        book[SOURCES][f"C{NEWEST.sources.first + number}"] = factor
        for place in range(len(YEARS[period])):
            row = NEWEST.activity_row(place, number)
            month = year_total // 12
            amounts = [month] * 11 + [year_total - 11 * month]
            for column, amount in zip(NEWEST.months, amounts, strict=True):
                book[ACTIVITY][f"{column}{row}"] = amount
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def main() -> None:
    """Write the kept files."""
    with tempfile.TemporaryDirectory() as folder:
        for period in YEARS:
            saved = saved_by_libreoffice(typed(period), Path(folder))
            (HERE / f"AST1001_{period}_libreoffice.xlsx").write_bytes(saved)


if __name__ == "__main__":
    main()
