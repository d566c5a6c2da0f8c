"""Reads a filled-in calculation report: recomputes its figure, or says everything that is wrong.

Domain §4, "The designated form (decided)". The bytes are hostile until read: in the web process call
:func:`portal.services.spreadsheets.jail.read_form_jailed` instead, which runs this in a child.
"""

from __future__ import annotations

from fractions import Fraction

from portal.services.spreadsheets import arithmetic
from portal.services.spreadsheets.form_checks import Findings, check_cover, check_factors
from portal.services.spreadsheets.form_result import check_result
from portal.services.spreadsheets.form_rows import read_lines
from portal.services.spreadsheets.form_sheets import FormSheets, open_workbook
from portal.services.spreadsheets.form_types import (
    PERIOD_NAMES,
    Factor,
    FormExpectation,
    FormIdentity,
    FormReading,
    Note,
    Period,
    Problem,
    SourceLine,
    file_problem,
    refused,
)
from portal.services.spreadsheets.layouts import v1

__all__ = [
    "Factor",
    "FormExpectation",
    "FormIdentity",
    "FormReading",
    "Note",
    "Period",
    "Problem",
    "SourceLine",
    "peek_identity",
    "read_form",
]

#: More problems than this are counted, not listed: nobody mends six hundred cells one by one.
MAX_PROBLEMS = 300
#: the form of another period or of other years: its sheets cannot be compared cell by cell
ANOTHER_FORM = frozenset({"period_wrong", "year_wrong"})


def read_form(data: bytes, expected: FormExpectation) -> FormReading:
    """The figure that the form in ``data`` reports, in whole t-CO2, recomputed from its rows.

    Every problem is found at once; none is raised. The factors used are those of ``expected``, never
    the file's own. Raises ``ValueError`` only for an expectation that no form can hold.
    """
    opened = _open(data)
    if isinstance(opened, list):
        return refused(opened)
    try:
        return _read(opened, expected)
    except (AttributeError, KeyError, TypeError, IndexError, OverflowError) as error:
        return refused([file_problem("reader_failed", type(error).__name__)])


def peek_identity(data: bytes) -> FormReading:
    """Whose form it is and for which period, as its cover says, without checking it any further.

    ``ok`` with ``holder`` and ``period`` set, or the problems that keep them from being read.
    """
    opened = _open(data)
    if isinstance(opened, list):
        return refused(opened)
    if not opened.has(v1.COVER):
        return refused([opened.missing(v1.COVER)])
    holder = opened.text(v1.COVER, v1.COVER_CELLS["holder"])
    version = opened.text(v1.COVER, v1.COVER_CELLS["version"]) or None
    found = Findings()
    period = _period(opened)
    if opened.text(v1.COVER, v1.COVER_CELLS["form_id"]) != v1.FORM_ID:
        found.cover(opened, "form_id", "form_id_wrong", v1.FORM_ID)
    elif not holder:
        found.cover(opened, "holder", "holder_wrong", "AST1001")
    elif period is None:
        found.cover(opened, "period", "period_wrong", "・".join(names[0] for names in PERIOD_NAMES.values()))
    if found.problems:
        return refused(found.problems, form_version=version)
    return FormReading(
        ok=True,
        problems=(),
        period=period,
        holder=holder,
        emissions=None,
        yearly=(),
        lines=(),
        notes=(),
        result_cell=v1.RESULT_CELL,
        form_version=version,
    )


def _open(data: bytes) -> FormSheets | list[Problem]:
    opened = open_workbook(data, data_only=True)
    return opened if isinstance(opened, list) else FormSheets(data, opened)


def _period(sheets: FormSheets) -> Period | None:
    says = sheets.text(v1.COVER, v1.COVER_CELLS["period"])
    return next((code for code, names in PERIOD_NAMES.items() if says in names), None)


def _read(sheets: FormSheets, expected: FormExpectation) -> FormReading:
    found = Findings()
    years = expected.identity.fiscal_years
    for name in v1.SHEETS:
        if not sheets.has(name):
            found.problems.append(sheets.missing(name))
    known = not sheets.has(v1.COVER) or check_cover(sheets, expected.identity, found)
    if not known or any(problem.code in ANOTHER_FORM for problem in found.problems):
        # Another form, version or period has its cells elsewhere: reading on would only list nonsense.
        return _refuse(sheets, found)
    lines: list[SourceLine] | None = None
    if sheets.has(v1.SOURCES) and sheets.has(v1.ACTIVITY):
        lines = read_lines(sheets, expected, found)
    if sheets.has(v1.FACTORS):
        check_factors(sheets, expected, found)
    totals: list[tuple[int, Fraction]] | None = None
    if lines is not None:
        zero = Fraction(0)
        totals = [
            (year, sum((li.emissions for li in lines if li.fiscal_year == year), zero)) for year in years
        ]
    if sheets.has(v1.SUMMARY):
        check_result(sheets, [total for _, total in totals] if totals else None, len(years), found)
    if found.problems or lines is None or totals is None:
        return _refuse(sheets, found)
    return FormReading(
        ok=True,
        problems=(),
        period=expected.identity.period,
        holder=expected.identity.holder,
        emissions=arithmetic.reported(total for _, total in totals),
        yearly=tuple(totals),
        lines=tuple(lines),
        notes=tuple(found.notes),
        result_cell=v1.RESULT_CELL,
        form_version=v1.VERSION,
    )


def _refuse(sheets: FormSheets, found: Findings) -> FormReading:
    order = {name: place for place, name in enumerate(v1.SHEETS)}
    problems = sorted(found.problems, key=lambda problem: order.get(problem.sheet, -1))
    if len(problems) > MAX_PROBLEMS:
        more = Problem("", "", str(len(problems) - MAX_PROBLEMS), "", "too_many_problems")
        problems = [*problems[:MAX_PROBLEMS], more]
    cover = sheets.has(v1.COVER)
    return refused(
        problems,
        period=_period(sheets) if cover else None,
        holder=(sheets.text(v1.COVER, v1.COVER_CELLS["holder"]) or None) if cover else None,
        notes=found.notes,
        result_cell=v1.RESULT_CELL,
        form_version=(sheets.text(v1.COVER, v1.COVER_CELLS["version"]) or None) if cover else None,
    )
