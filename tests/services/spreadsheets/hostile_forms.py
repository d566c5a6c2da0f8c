"""Workbooks that are in order and say what is wrong, false or another's: name → (bytes, code of the cell)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from portal.services.spreadsheets.blank import build_form
from portal.services.spreadsheets.filled import Source, fill_form
from portal.services.spreadsheets.form_types import FormExpectation, Period
from tests.services.spreadsheets.samples import (
    SHEET_PARTS,
    changed,
    layout_of,
    parts_of,
    with_cell,
    with_number,
    with_text,
    without,
    worked_sources,
)

Wrong = dict[str, tuple[bytes, str]]
_BOOK = "xl/workbook.xml"
_MONTH = ("活動量", "H10")

#: What is typed into a month → the code that names it
TYPED: dict[str, tuple[str, str]] = {
    "unit behind the number": ("66.6千m3", "not_a_number"),
    "full-width unit": ("６６ｋｌ", "not_a_number"),
    "circled figure": ("①", "not_a_number"),
    "figure of another script": ("٣٣", "not_a_number"),
    "kanji figure": ("百二十", "not_a_number"),
    "commas in the wrong place": ("1,2345", "not_a_number"),
    "comma for a point": ("66,6", "not_a_number"),
    "exponent as text": ("1e5", "not_a_number"),
    "hexadecimal": ("0x42", "not_a_number"),
    "not a number": ("NaN", "not_a_number"),
    "infinite": ("Infinity", "not_a_number"),
    "in brackets": ("(66)", "not_a_number"),
    "loss sign": ("▲66", "not_a_number"),
    "percent": ("66%", "not_a_number"),
    "currency": ("￥66", "not_a_number"),
    "two points": ("6.6.6", "not_a_number"),
    "two signs": ("--66", "not_a_number"),
    "fraction": ("66/2", "not_a_number"),
    "about": ("約66", "not_a_number"),
    "invisible sign": ("6\u200b6", "not_a_number"),
    "reads backwards": ("\u202e66", "not_a_number"),
    "formula as text": ("=66+1", "not_a_number"),
    "at sign": ("@66", "not_a_number"),
    "markup": ("&lt;script&gt;", "not_a_number"),
    "emoji": ("🙂", "not_a_number"),
    "four hundred figures": ("9" * 400, "not_a_number"),
    "day as text": ("2014/4/1", "not_a_number"),
    "dash": ("－", "not_a_number"),
    "negative full-width": ("－６６", "number_negative"),
    "blanks only": ("\u3000 \u3000", "month_blank"),
    "four decimals full-width": ("６６．６６６６", "too_many_decimals"),
    "a trillion as text": ("1,000,000,000,000", "number_too_large"),
}
#: The inside of a month's cell, its type → the code that names it
SAVED: dict[str, tuple[str, str, str]] = {
    "saved not a number": ("<v>NaN</v>", "", "package_broken"),
    "saved infinite": ("<v>INF</v>", "", "package_broken"),
    "saved beyond doubles": ("<v>1e999</v>", "", "not_a_number"),
    "saved exponent": ("<v>1E+15</v>", "", "number_too_large"),
    "saved tiny": ("<v>1E-300</v>", "", "too_many_decimals"),
    "saved negative": ("<v>-0.001</v>", "", "number_negative"),
    "saved truth": ("<v>1</v>", "b", "not_a_number"),
    "day of its own type": ("<v>2014-04-01</v>", "d", "not_a_number"),
    "day of nonsense": ("<v>2014-99-99</v>", "d", "package_broken"),
    "error of a division": ("<f>1/0</f><v>#DIV/0!</v>", "e", "formula_error"),
    "error without a formula": ("<v>#N/A</v>", "e", "formula_error"),
    "error of a name": ("<f>x</f><v>#NAME?</v>", "e", "formula_error"),
    "formula that gives words": ('<f>"x"</f><v>たくさん</v>', "str", "not_a_number"),
    "formula never calculated": ("<f>60+6</f>", "", "not_calculated"),
    "formula emptied": ('<f>""</f><v></v>', "str", "not_calculated"),
}


def sources_for(expected: FormExpectation) -> list[Source]:
    """The worked example in the codes of ``expected``, whatever its table calls them."""
    years = expected.identity.fiscal_years
    codes = {factor.name_ja: factor.code for factor in expected.factors[years[0]]}
    named = zip(worked_sources(years), ("電気", "都市ガス", "A重油"), strict=True)
    return [(name, codes[kind], amounts) for (name, _, amounts), kind in named]


def months(good: bytes) -> Wrong:
    """Wrong values in a month."""
    formats = parts_of(good)["xl/styles.xml"].decode().split("<cellXfs")[1].split("</cellXfs>")[0]
    place = formats.count("<xf ")
    cell = f'<c r="H10" s="{place}"><v>41730</v></c>'
    day = changed(
        good,
        SHEET_PARTS["活動量"],
        lambda xml: re.sub(r'<c r="H10"[^>]*?(?:/>|>.*?</c>)', cell, xml, count=1),
    )
    day = changed(
        day, "xl/styles.xml", lambda xml: xml.replace("</cellXfs>", '<xf numFmtId="14"/></cellXfs>')
    )
    merged = changed(good, SHEET_PARTS["活動量"], _merge_four_months)
    return {
        **{f"month: {name}": (with_text(good, *_MONTH, text), code) for name, (text, code) in TYPED.items()},
        **{
            f"month: {name}": (with_cell(good, *_MONTH, inside, kind=kind), code)
            for name, (inside, kind, code) in SAVED.items()
        },
        "month: number shown as a day": (day, "not_a_number"),
        "month: merged with its neighbours": (merged, "month_blank"),
        "month: missing": (without(good, *_MONTH), "month_blank"),
        "month: in a row without a source": (
            with_number(good, "活動量", "H28", "7"),
            "activity_without_source",
        ),
    }


def _merge_four_months(xml: str) -> str:
    one = '<mergeCell ref="H10:K10"/>'
    if "<mergeCells" in xml:
        return re.sub(r"<mergeCells[^>]*>", f"<mergeCells>{one}", xml)
    return xml.replace("</sheetData>", f"</sheetData><mergeCells>{one}</mergeCells>")


def identities(good: bytes, expected: FormExpectation) -> Wrong:
    """Another's form, another period's, another version's."""
    other = replace(expected, identity=replace(expected.identity, holder="AST1999", account="AST-1999"))
    (year,) = expected.identity.fiscal_years

    def form_of(period: Period, *years: int) -> bytes:
        identity = replace(expected.identity, period=period, fiscal_years=years)
        tables = dict.fromkeys(years, expected.factors[year])
        made = FormExpectation(identity, tables)
        return fill_form(made, sources_for(made))

    return {
        "cover: other holder": (fill_form(other, sources_for(expected)), "holder_wrong"),
        "cover: holder retyped only": (with_text(good, "表紙", "C6", "AST1002"), "holder_wrong"),
        "cover: holder in full width": (with_text(good, "表紙", "C6", "ＡＳＴ１００２"), "holder_wrong"),
        "cover: no holder": (without(good, "表紙", "C6"), "holder_wrong"),
        "cover: other account": (with_text(good, "表紙", "C7", "AST-1002"), "account_wrong"),
        "cover: adjustment year's": (form_of("adjustment", year + 1), "period_wrong"),
        "cover: base year's": (form_of("base", year - 4, year - 3, year - 2), "period_wrong"),
        "cover: other fiscal year": (form_of("target", year + 1), "year_wrong"),
        "cover: year as words": (with_text(good, "表紙", "C12", "平成26"), "year_wrong"),
        "cover: other phase": (with_text(good, "表紙", "C5", "第1期"), "phase_wrong"),
        "cover: older version": (with_text(good, "表紙", "C4", "0"), "version_wrong"),
        "cover: version to come": (with_text(good, "表紙", "C4", "99"), "version_wrong"),
        "cover: version of a decimal": (with_number(good, "表紙", "C4", "1.5"), "version_wrong"),
        "cover: another form": (with_text(good, "表紙", "C3", "ASSET-APPL"), "form_id_wrong"),
        "cover: form id gone": (without(good, "表紙", "C3"), "form_id_wrong"),
        "cover: formula never calculated": (with_cell(good, "表紙", "C6", "<f>A1</f>"), "holder_wrong"),
        "blank form": (build_form(expected), "no_source"),
        "blank form of another": (build_form(other), "holder_wrong"),
    }


def sheets(good: bytes) -> Wrong:
    """Sheets that are missing, renamed, moved or of another kind."""

    def book(change: Callable[[str], str]) -> bytes:
        return changed(good, _BOOK, change)

    renamed = {
        f"sheet renamed: {name}": (
            book(lambda xml, name=name: xml.replace(f'name="{name}"', f'name="{name} (2)"')),
            "sheet_missing",
        )
        for name in SHEET_PARTS
    }
    removed = {
        f"sheet removed: {name}": (
            book(lambda xml, name=name: re.sub(rf'<sheet [^>]*name="{name}"[^>]*/>', "", xml)),
            "sheet_missing",
        )
        for name in ("活動量", "排出量集計")
    }
    chart = changed(
        good,
        "xl/_rels/workbook.xml.rels",
        lambda xml: re.sub(
            r'(Type="[^"]*/)worksheet("[^>]*sheet3\.xml|"(?=[^>]*sheet3\.xml))', r"\1chartsheet\2", xml
        ),
    )
    return {
        **renamed,
        **removed,
        "sheet with a blank behind its name": (
            book(lambda xml: xml.replace('name="活動量"', 'name="活動量 "')),
            "sheet_missing",
        ),
        "sheets exchanged": (
            book(
                lambda xml: (
                    xml.replace('name="活動量"', 'name="x"')
                    .replace('name="排出源"', 'name="活動量"')
                    .replace('name="x"', 'name="排出源"')
                )
            ),
            "layout_changed",
        ),
        "sheet that is a chart": (chart, "package_broken"),
        "row inserted": (with_number(good, "活動量", "A12", "3"), "layout_changed"),
        "row numbers gone": (without(good, "排出源", "A8"), "layout_changed"),
        "source without a name": (without(good, "排出源", "B9"), "name_missing"),
        "source with an endless name": (with_text(good, "排出源", "B9", "名" * 500), "name_too_long"),
        "source without a kind": (without(good, "排出源", "C9"), "factor_missing"),
        "kind that is in no list": (with_text(good, "排出源", "C9", "石炭"), "factor_unknown"),
        "kind that is a formula": (with_text(good, "排出源", "C9", "=A1"), "factor_unknown"),
        "kind never calculated": (with_cell(good, "排出源", "C9", "<f>A1</f>"), "not_calculated"),
        "sources all gone": (_emptied(good), "no_source"),
    }


def _emptied(data: bytes) -> bytes:
    for row in (8, 9, 10):
        data = without(without(data, "排出源", f"B{row}"), "排出源", f"C{row}")
    return data


def _extra_row(data: bytes, row: int, column: str, text: str) -> bytes:
    """The form with a row more in its factor table, which has none there."""
    cell = f'<c r="{column}{row}" t="inlineStr"><is><t>{text}</t></is></c>'
    end = f'<row r="{row}">{cell}</row></sheetData>'
    return changed(data, SHEET_PARTS["排出係数"], lambda xml: xml.replace("</sheetData>", end))


def figures(good: bytes, expected: FormExpectation) -> Wrong:
    """Factors that were altered, totals that are not the sum."""
    layout = layout_of(good)
    total, mean = ("排出量集計", layout.result.cell), f"F{layout.mean_row}"
    years = expected.identity.fiscal_years
    half = fill_form(expected, sources_for(expected), wrong_total=4468)
    tiny = [("電気", "electricity", {year: [Decimal("0.001")] * 12 for year in years})]
    return {
        "factor: a tenth": (with_number(good, "排出係数", "H15", "0.000055"), "factor_altered"),
        "factor: a hair": (with_number(good, "排出係数", "H15", "0.00054999"), "factor_altered"),
        "factor: as text": (with_text(good, "排出係数", "H15", "0.000550"), "factor_altered"),
        "factor: negative": (with_number(good, "排出係数", "H15", "-0.000550"), "factor_altered"),
        "factor: gone": (without(good, "排出係数", "H15"), "factor_altered"),
        "factor: error": (with_cell(good, "排出係数", "H15", "<v>#REF!</v>", kind="e"), "factor_altered"),
        "factor: truth": (with_cell(good, "排出係数", "H15", "<v>1</v>", kind="b"), "factor_altered"),
        "calorific value altered": (with_number(good, "排出係数", "F10", "3.91"), "factor_altered"),
        "carbon altered": (with_number(good, "排出係数", "G10", "0"), "factor_altered"),
        "product forged": (with_number(good, "排出係数", "H10", "0.001"), "factor_altered"),
        "product an error": (
            with_cell(good, "排出係数", "H10", "<f>#REF!</f><v>#REF!</v>", kind="e"),
            "formula_error",
        ),
        "unit altered": (with_text(good, "排出係数", "D15", "MWh"), "factor_altered"),
        "code altered": (with_text(good, "排出係数", "A15", "gas"), "factor_altered"),
        "factor of one's own": (_extra_row(good, 31, "A", "own"), "factor_altered"),
        "name of a factor of one's own": (_extra_row(good, 30, "B", "自社係数"), "factor_altered"),
        "total: forged": (half, "total_differs"),
        "total: one more": (with_number(good, *total, "8938"), "total_differs"),
        "total: one less": (with_number(good, *total, "8936"), "total_differs"),
        "total: not cut down": (with_number(good, *total, "8937.126"), "total_differs"),
        "total: nought": (with_number(good, *total, "0"), "total_differs"),
        "total: negative": (with_number(good, *total, "-8937"), "total_missing"),
        "total: words": (with_text(good, *total, "八千"), "total_missing"),
        "total: truth": (with_cell(good, *total, "<v>1</v>", kind="b"), "total_missing"),
        "total: endless": (with_number(good, *total, "1e300"), "total_missing"),
        "total: gone": (without(good, *total), "total_missing"),
        "total: never calculated": (with_cell(good, *total, f"<f>{mean}</f>"), "total_not_calculated"),
        "total: error": (with_cell(good, *total, f"<f>{mean}</f><v>#VALUE!</v>", kind="e"), "formula_error"),
        "total: of nothing much": (fill_form(expected, tiny, wrong_total=1), "total_differs"),
        "sum of a row an error": (
            with_cell(good, "活動量", "T10", "<f>1/0</f><v>#DIV/0!</v>", kind="e"),
            "formula_error",
        ),
    }


def wrong_forms(good: bytes, expected: FormExpectation) -> Wrong:
    """All of them, made from ``good``, a target-year form for ``expected`` with the worked example."""
    return {**months(good), **identities(good, expected), **sheets(good), **figures(good, expected)}
