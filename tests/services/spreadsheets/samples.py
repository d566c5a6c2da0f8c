"""The holder, factors and worked example (domain §4) that the form's tests share."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Mapping
from decimal import Decimal

from openpyxl import load_workbook

from portal.services.spreadsheets.filled import Source, fill_form
from portal.services.spreadsheets.form_types import Factor, FormExpectation, FormIdentity, Period
from portal.services.spreadsheets.layouts.layout import COVER, Layout
from portal.services.spreadsheets.layouts.versions import LAYOUTS

FORMS = "tests/files/forms"
#: tests that poke at cells poke at those of version 1
V1 = LAYOUTS["1"]


def _fuel(code: str, ja: str, en: str, unit: str, calorific: str, carbon: str) -> Factor:
    return Factor(code, ja, en, unit, "fuel", Decimal(calorific), Decimal(carbon), None)


def _energy(code: str, ja: str, en: str, unit: str, factor: str) -> Factor:
    return Factor(code, ja, en, unit, "energy", None, None, Decimal(factor))


FACTORS = (
    _fuel("kerosene", "灯油", "Kerosene", "kl", "36.7", "0.0185"),
    _fuel("diesel", "軽油", "Diesel", "kl", "37.7", "0.0187"),
    _fuel("a_heavy_oil", "A重油", "A heavy oil", "kl", "39.1", "0.0189"),
    _fuel("petrol", "ガソリン", "Petrol", "kl", "34.6", "0.0183"),
    _fuel("lpg", "LPG", "Liquefied petroleum gas", "t", "50.8", "0.0161"),
    _fuel("lng", "LNG", "Liquefied natural gas", "t", "54.6", "0.0135"),
    _fuel("city_gas", "都市ガス", "City gas", "千Nm³", "45.0", "0.0136"),
    _energy("electricity", "電気", "Electricity", "kWh", "0.000550"),
    _energy("industrial_steam", "産業用蒸気", "Industrial steam", "GJ", "0.060"),
    _energy("other_heat", "その他の蒸気・温水・冷水", "Other steam, hot and cold water", "GJ", "0.057"),
)

YEARS: dict[Period, tuple[int, ...]] = {"base": (2010, 2011, 2012), "target": (2014,), "adjustment": (2015,)}


def expectation(
    period: Period = "target", *, holder: str = "AST1001", years: tuple[int, ...] | None = None
) -> FormExpectation:
    """What a form of ``holder`` must say."""
    fiscal_years = years or YEARS[period]
    account = f"{holder[:3]}-{holder[3:]}"
    identity = FormIdentity(
        holder,
        account,
        "株式会社アセット不動産",
        "アセット第一ビル",
        "東京都千代田区霞が関1-1",
        period,
        fiscal_years,
        2,
    )
    return FormExpectation(identity, dict.fromkeys(fiscal_years, FACTORS))


def months(total: str, *, last: str = "0") -> list[Decimal]:
    """Twelve amounts that sum to ``total``: eleven equal whole ones and the rest in March."""
    each = Decimal(total) // 12
    return [each] * 11 + [Decimal(total) - each * 11 + Decimal(last)]


def worked_sources(years: tuple[int, ...] = (2014,)) -> list[Source]:
    """12,000,000 kWh, 800 千Nm³ of city gas, 200 kl of A heavy oil: 8,937.126 t-CO2 a year."""
    return [
        ("本社ビル 受電", "electricity", {year: months("12000000") for year in years}),
        ("ボイラー", "city_gas", {year: months("800") for year in years}),
        ("非常用発電機", "a_heavy_oil", {year: months("200") for year in years}),
    ]


def worked_form(period: Period = "target", layout: Layout = V1) -> bytes:
    """The worked example as a filled form with saved results."""
    return fill_form(expectation(period), worked_sources(YEARS[period]), layout=layout)


def layout_of(data: bytes) -> Layout:
    """The version of the form that ``data`` is."""
    cover = load_workbook(io.BytesIO(data), data_only=True)[COVER]
    return next(one for one in LAYOUTS.values() if cover[one.field("version").cell].value == one.version)


def parts_of(data: bytes) -> dict[str, bytes]:
    """The parts of a workbook by name."""
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        return {name: package.read(name) for name in package.namelist()}


def packed(parts: Mapping[str, bytes]) -> bytes:
    """A workbook of ``parts``."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in parts.items():
            package.writestr(name, content)
    return out.getvalue()


def changed(data: bytes, part: str, change: Callable[[str], str]) -> bytes:
    """``data`` with one part's text changed; a change that changes nothing is an error of the test."""
    parts = parts_of(data)
    before = parts[part].decode()
    after = change(before)
    assert after != before
    return packed({**parts, part: after.encode()})


SHEET_PARTS = {
    name: f"xl/worksheets/sheet{number}.xml"
    for number, name in enumerate(("表紙", "排出源", "活動量", "排出係数", "排出量集計", "敷地境界"), start=1)
}


def with_cell(data: bytes, sheet: str, cell: str, content: str, *, kind: str = "") -> bytes:
    """``data`` with the inside of one cell's element replaced by ``content`` (``kind`` is its type)."""
    pattern = re.compile(rf'<c r="{cell}"((?: [a-z]+="[^"]*")*) ?(?:/>|>.*?</c>)', re.DOTALL)

    def put(match: re.Match[str]) -> str:
        attributes = re.sub(r' t="[^"]*"', "", match.group(1)) + (f' t="{kind}"' if kind else "")
        return f'<c r="{cell}"{attributes}>{content}</c>'

    return changed(data, SHEET_PARTS[sheet], lambda xml: pattern.sub(put, xml, count=1))


def with_text(data: bytes, sheet: str, cell: str, text: str) -> bytes:
    """``data`` with ``text`` typed into one cell."""
    return with_cell(data, sheet, cell, f'<is><t xml:space="preserve">{text}</t></is>', kind="inlineStr")


def with_number(data: bytes, sheet: str, cell: str, number: str) -> bytes:
    """``data`` with ``number`` typed into one cell."""
    return with_cell(data, sheet, cell, f"<v>{number}</v>")


def without(data: bytes, sheet: str, cell: str) -> bytes:
    """``data`` with one cell emptied."""
    return with_cell(data, sheet, cell, "")
