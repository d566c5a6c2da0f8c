"""A filled-in designated form with saved results, made without a spreadsheet program.

For demonstration data and tests. The blank form is built once for each period and factor table; each
filling only patches its sheets, so that 150 forms take seconds.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from xml.sax.saxutils import escape

from portal.services.spreadsheets.arithmetic import emissions, per_unit, reported
from portal.services.spreadsheets.blank import build_form, cover_values, page_head
from portal.services.spreadsheets.factor_table import NOT_APPLICABLE, FactorRow, factor_rows, year_figures
from portal.services.spreadsheets.form_types import Factor, FormExpectation, FormIdentity
from portal.services.spreadsheets.layouts.layout import COVER, FACTORS, MONTHS, SHEETS, CellSpec, Layout
from portal.services.spreadsheets.layouts.v2 import CHECK_GOOD, CHECK_PEAK, PEAK
from portal.services.spreadsheets.layouts.versions import NEWEST

#: Name, factor code, and twelve monthly amounts (April first) for each fiscal year.
Source = tuple[str, str, dict[int, list[Decimal]]]
_Value = str | Fraction | int
_Piece = str | tuple[str, str, str]

_CELL = re.compile(r'<c r="([A-Z]+[0-9]+)"((?: [a-z]+="[^"]*")*) ?(?:/>|>(.*?)</c>)', re.DOTALL)
_TYPE = re.compile(r' t="[^"]*"')
_FORMULA = re.compile(r"<f[ >].*?</f>", re.DOTALL)
#: stands for the holder in a template, where no cell has his name: at the head of a printed page
_HOLDER = "HOLDER-OF-THE-FORM"
_HEAD = page_head(FormIdentity("", _HOLDER, _HOLDER, _HOLDER, "-", "target", (), 0))
#: A part of a ZIP carries a time; a fixed one makes equal forms equal bytes.
_ZIP_TIME = (2013, 4, 1, 0, 0, 0)


def fill_form(
    expected: FormExpectation,
    sources: Sequence[Source],
    *,
    wrong_total: int | None = None,
    locale: str = "ja",
    layout: Layout = NEWEST,
) -> bytes:
    """A form for ``expected`` filled with ``sources``, as the bytes of an .xlsx file.

    Amounts are in each factor's unit. ``wrong_total`` (t-CO2) is saved as the form's own total instead
    of the right one. Raises ``ValueError`` for too many sources or an unknown factor code, ``KeyError``
    for a source that lacks a fiscal year.
    """
    if len(sources) > layout.source_rows:
        raise ValueError(f"the form holds {layout.source_rows} sources, not {len(sources)}")
    identity = expected.identity
    key = tuple((year, expected.factors[year]) for year in identity.fiscal_years)
    template = _template(identity.period, identity.phase, key, locale, layout)
    values = _values(expected, sources, wrong_total, locale, layout)
    head = escape(page_head(identity))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as package:
        for name, content in template:
            if isinstance(content, bytes):
                written = content
            else:
                sheet, pieces = content
                text = "".join(_piece(piece, values.get(sheet, {})) for piece in pieces)
                written = text.replace(_HEAD, head).encode()
            package.writestr(zipfile.ZipInfo(name, _ZIP_TIME), written, zipfile.ZIP_DEFLATED)
    return out.getvalue()


@lru_cache(maxsize=32)
def _template(
    period: str, phase: int, key: tuple[tuple[int, tuple[Factor, ...]], ...], locale: str, layout: Layout
) -> list[tuple[str, bytes | tuple[str, list[_Piece]]]]:
    """The blank form's parts; each sheet cut at its cells. The holder's own words are patched in later."""
    years = tuple(year for year, _ in key)
    identity = FormIdentity("", _HOLDER, _HOLDER, _HOLDER, "-", period, years, phase)  # type: ignore[arg-type]
    blank = build_form(FormExpectation(identity, dict(key)), locale=locale, layout=layout)
    parts: list[tuple[str, bytes | tuple[str, list[_Piece]]]] = []
    with zipfile.ZipFile(io.BytesIO(blank)) as package:
        for name in package.namelist():
            content = package.read(name)
            match = re.fullmatch(r"xl/worksheets/sheet([0-9]+)\.xml", name)
            if match is None:
                parts.append((name, content))
            else:
                parts.append((name, (SHEETS[int(match.group(1)) - 1], _cut(content.decode()))))
    return parts


def _cut(xml: str) -> list[_Piece]:
    pieces: list[_Piece] = []
    end = 0
    for match in _CELL.finditer(xml):
        pieces.append(xml[end : match.start()])
        pieces.append((match.group(1), match.group(2), match.group(3) or ""))
        end = match.end()
    pieces.append(xml[end:])
    return pieces


def _piece(piece: _Piece, values: dict[str, _Value]) -> str:
    if isinstance(piece, str):
        return piece
    cell, attributes, inner = piece
    if cell not in values:
        return f'<c r="{cell}"{attributes}>{inner}</c>' if inner else f'<c r="{cell}"{attributes}/>'
    value = values[cell]
    attributes = _TYPE.sub("", attributes)
    formula = _FORMULA.search(inner)
    before = formula.group() if formula else ""
    if not isinstance(value, str):
        return f'<c r="{cell}"{attributes}>{before}<v>{_number(value)}</v></c>'
    if formula:
        return f'<c r="{cell}"{attributes} t="str">{before}<v>{escape(value)}</v></c>'
    text = f'<is><t xml:space="preserve">{escape(value)}</t></is>'
    return f'<c r="{cell}"{attributes} t="inlineStr">{text}</c>'


def _number(value: Fraction | int) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))


def _values(
    expected: FormExpectation, sources: Sequence[Source], wrong_total: int | None, locale: str, layout: Layout
) -> dict[str, dict[str, _Value]]:
    """Sheet → cell → what stands there: typed values and the results of every formula."""
    rows = {row.code: row for row in factor_rows(expected, layout)}
    years = expected.identity.fiscal_years
    values: dict[str, dict[str, _Value]] = {sheet: {} for sheet in SHEETS}
    cover = cover_values(expected.identity, locale, layout)
    values[COVER] = {field.cell: cover[field.role] for field in layout.cover}
    for row in rows.values():
        for place, factor in enumerate(row.years):
            if factor is not None and factor.kind == "fuel":
                values[FACTORS][f"{layout.factor_years[place][2]}{row.row}"] = per_unit(factor)
    totals = [Fraction(0)] * len(years)
    lines: list[_Line] = []
    for name, code, amounts in sources:
        if code not in rows:
            raise ValueError(f"no factor {code} in the table")
        line = _Line(name, rows[code], locale, [amounts[year] for year in years])
        lines.append(line)
        totals = [total + line.emissions(place) for place, total in enumerate(totals)]
    mean = sum(totals, Fraction(0)) / len(totals)
    result = reported(totals) if wrong_total is None else wrong_total
    checks = [line.check(place) for line in lines for place in range(len(years))]
    alone: dict[str, _Value] = {
        "mean": mean,
        "result": result,
        "cover_result": result,
        "attention": sum(check != CHECK_GOOD for check in checks),
    }
    for spec in layout.cells(len(years)):
        value: _Value | None
        if spec.role == "year_total":
            value = totals[spec.year]
        elif spec.source < 0:
            value = alone.get(spec.role)
        elif spec.source < len(lines):
            value = lines[spec.source].value(spec, mean)
        else:
            value = "" if spec.formula else None
        if value is not None:
            values[spec.sheet][spec.cell] = value
    return values


class _Line:
    """One source as the form shows it."""

    def __init__(self, name: str, row: FactorRow, locale: str, amounts: list[list[Decimal]]) -> None:
        self.name = name
        self.row = row
        self.label = row.name_en if locale == "en" else row.name_ja
        self.amounts = amounts
        if any(len(months) != len(MONTHS) for months in amounts):
            raise ValueError(f"source {name} needs twelve months in each year")

    def emissions(self, year: int) -> Fraction:
        factor = self.row.years[year]
        if factor is None:
            raise ValueError(f"no factor {self.row.code} in year number {year}")
        return emissions(sum(self.amounts[year], Decimal(0)), factor)

    def mean(self) -> Fraction:
        """The source's emissions in an average year, t-CO2."""
        years = range(len(self.amounts))
        return sum((self.emissions(year) for year in years), Fraction(0)) / len(self.amounts)

    def check(self, year: int) -> str:
        """What the form's own check says of the year's months, all of which are filled in."""
        months = self.amounts[year]
        peak = max(months) * len(MONTHS) > PEAK * sum(months, Decimal(0))
        return CHECK_PEAK if peak else CHECK_GOOD

    def value(self, spec: CellSpec, mean: Fraction) -> _Value | None:
        """What stands in the cell ``spec``; ``None`` leaves it as it is. ``mean``: t-CO2 of the form."""
        plain: dict[str, _Value] = {"name": self.name, "factor": self.label, "unit": self.row.unit}
        if spec.role in plain:
            return plain[spec.role]
        if spec.role == "activity":
            return Fraction(self.amounts[spec.year][spec.month])
        if spec.role == "activity_sum":
            return Fraction(sum(self.amounts[spec.year], Decimal(0)))
        if spec.role == "emissions":
            return self.emissions(spec.year)
        if spec.role == "check":
            return self.check(spec.year)
        if spec.role == "source_mean":
            return self.mean()
        if spec.role == "share":
            return self.mean() / mean if mean else Fraction(0)
        if spec.role in ("calorific", "carbon", "per_unit"):
            factor = self.row.years[spec.year]
            if factor is not None and spec.role == "per_unit":
                return per_unit(factor)
            figure = year_figures(factor)[("calorific", "carbon", "per_unit").index(spec.role)]
            return NOT_APPLICABLE if figure is None else Fraction(figure)
        return None
