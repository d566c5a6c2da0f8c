"""Reads a filled-in calculation report: recomputes its figure, or says everything that is wrong.

Domain §4, "The designated form (decided)". The bytes are hostile until read: in the web process call
:func:`portal.services.spreadsheets.jail.read_form_jailed` instead, which runs this in a child.
"""

from __future__ import annotations

from openpyxl.utils.cell import column_index_from_string, coordinate_from_string
from openpyxl.utils.exceptions import CellCoordinatesException

from portal.services.spreadsheets import arithmetic
from portal.services.spreadsheets.form_checks import (
    Findings,
    check_cover,
    check_factors,
    check_names,
    check_superseded,
)
from portal.services.spreadsheets.form_result import check_figures, check_result, year_totals
from portal.services.spreadsheets.form_rows import read_lines
from portal.services.spreadsheets.form_sheets import FormSheets, open_workbook
from portal.services.spreadsheets.form_texts import explain_figures
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
from portal.services.spreadsheets.layouts.layout import (
    ACTIVITY,
    COVER,
    FACTORS,
    FORM_ID,
    SHEETS,
    SOURCES,
    SUMMARY,
    Layout,
)
from portal.services.spreadsheets.layouts.versions import LAYOUTS, NEWEST

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
#: the form of another holder, period or year, or of factors no longer in force: one fault, told once, and
#: not cell by cell
ANOTHER_FORM = frozenset({"holder_wrong", "phase_wrong", "period_wrong", "year_wrong", "factors_superseded"})


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
    if not opened.has(COVER):
        return refused([opened.missing(COVER)])
    found = Findings()
    layout = _layout(opened, tuple(LAYOUTS), found)
    if layout is None:
        return refused(found.problems, form_version=_version(opened))
    holder, period = _says(opened, layout, "holder"), _period(opened, layout)
    if not holder:
        found.cover(opened, layout.field("holder"), "holder_wrong", "AST1001")
    elif period is None:
        names = "・".join(names[0] for names in PERIOD_NAMES.values())
        found.cover(opened, layout.field("period"), "period_unknown", names)
    if found.problems:
        return refused(found.problems, form_version=layout.version)
    return FormReading(
        ok=True,
        problems=(),
        period=period,
        holder=holder,
        emissions=None,
        yearly=(),
        lines=(),
        notes=(),
        result_cell=layout.result.cell,
        form_version=layout.version,
    )


def _open(data: bytes) -> FormSheets | list[Problem]:
    opened = open_workbook(data, data_only=True)
    return opened if isinstance(opened, list) else FormSheets(data, opened)


def _says(sheets: FormSheets, layout: Layout, role: str) -> str:
    """What a field of the cover says."""
    return sheets.text(COVER, layout.field(role).cell)


def _version(sheets: FormSheets) -> str | None:
    """Which version the cover says it is; form number and version stand in the same cells in all."""
    return _says(sheets, NEWEST, "version") or None


def _period(sheets: FormSheets, layout: Layout) -> Period | None:
    says = _says(sheets, layout, "period")
    return next((code for code, names in PERIOD_NAMES.items() if says in names), None)


def _layout(sheets: FormSheets, accepted: tuple[str, ...], found: Findings) -> Layout | None:
    """The layout that the cover names, if it is the designated form in a version of ``accepted``."""
    if _says(sheets, NEWEST, "form_id") != FORM_ID:
        found.cover(sheets, NEWEST.field("form_id"), "form_id_wrong", FORM_ID)
        return None
    version = _version(sheets)
    if version is None or version not in accepted or version not in LAYOUTS:
        found.cover(sheets, NEWEST.field("version"), "version_wrong", NEWEST.version)
        return None
    return LAYOUTS[version]


def _holds(layout: Layout, expected: FormExpectation) -> bool:
    """Whether the factor tables still have room in this version; in the newest they always have."""
    codes = {factor.code for table in expected.factors.values() for factor in table}
    return len(codes) <= layout.factor_rows


def _another(found: Findings) -> bool:
    return any(problem.code in ANOTHER_FORM for problem in found.problems)


def _read(sheets: FormSheets, expected: FormExpectation) -> FormReading:
    found = Findings()
    years = expected.identity.fiscal_years
    for name in SHEETS:
        if not sheets.has(name):
            found.problems.append(sheets.missing(name))
    layout: Layout | None = None
    if sheets.has(COVER):
        known = [LAYOUTS[version] for version in expected.versions or LAYOUTS if version in LAYOUTS]
        fitting = tuple(one.version for one in known if _holds(one, expected))
        layout = _layout(sheets, fitting, found)
    if layout is not None:
        check_cover(sheets, layout, expected.identity, found)
        check_names(sheets, layout, found)
        if sheets.has(FACTORS) and not _another(found):
            check_superseded(sheets, layout, expected, found)
    if layout is None or _another(found):
        # Another form, version or period has its cells elsewhere, and without a cover nobody knows which
        # it is: reading on would only list nonsense.
        return _refuse(sheets, layout, found)
    lines: list[SourceLine] | None = None
    if sheets.has(SOURCES) and sheets.has(ACTIVITY):
        lines = read_lines(sheets, layout, expected, found)
    if sheets.has(FACTORS):
        check_factors(sheets, layout, expected, found)
    if sheets.has(SUMMARY):
        check_result(sheets, layout, lines, expected, found)
        if not found.problems and lines is not None:
            # of a form whose total is wrong most other figures are, too: that is told once
            check_figures(sheets, layout, lines, years, found)
            explain_figures(sheets, layout, len(years), found)
    if found.problems or lines is None:
        return _refuse(sheets, layout, found)
    totals = year_totals(lines, years)
    return FormReading(
        ok=True,
        problems=(),
        period=expected.identity.period,
        holder=expected.identity.holder,
        emissions=arithmetic.reported(totals),
        yearly=tuple(zip(years, totals, strict=True)),
        lines=tuple(lines),
        notes=tuple(found.notes),
        result_cell=layout.result.cell,
        form_version=layout.version,
    )


def _place(problem: Problem) -> tuple[int, int, int]:
    """Where a reader meets the problem: sheet by sheet, line by line, from left to right.

    What means the whole file or sheet comes before its cells.
    """
    sheet = SHEETS.index(problem.sheet) if problem.sheet in SHEETS else -1
    try:
        letters, row = coordinate_from_string(problem.cell.partition(":")[0])
    except CellCoordinatesException:
        return sheet, 0, 0
    return sheet, row, column_index_from_string(letters)


def _refuse(sheets: FormSheets, layout: Layout | None, found: Findings) -> FormReading:
    problems = sorted(found.problems, key=_place)
    if len(problems) > MAX_PROBLEMS:
        more = Problem("", "", str(len(problems) - MAX_PROBLEMS), "", "too_many_problems")
        problems = [*problems[:MAX_PROBLEMS], more]
    cover, like = sheets.has(COVER), layout or NEWEST
    return refused(
        problems,
        period=_period(sheets, like) if cover else None,
        holder=(_says(sheets, like, "holder") or None) if cover else None,
        notes=found.notes,
        result_cell=like.result.cell,
        form_version=_version(sheets) if cover else None,
    )
