"""Numbers typed as text: the reader counts them, the form's own sums do not. Told once, at their cells."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from portal.services.spreadsheets.form_checks import Findings
from portal.services.spreadsheets.form_sheets import FormSheets
from portal.services.spreadsheets.form_types import Note, SourceLine
from portal.services.spreadsheets.layouts.layout import ACTIVITY, Layout


def texts_of(found: Findings) -> list[Note]:
    """The cells of 活動量 that hold a number as text."""
    return [note for note in found.notes if note.code == "read_as_number" and note.sheet == ACTIVITY]


def totals_without(lines: Sequence[SourceLine], found: Findings, years: Sequence[int]) -> list[Fraction]:
    """Each fiscal year's t-CO2 as a form reckons it that leaves numbers typed as text out."""
    left_out: dict[int, Decimal] = defaultdict(Decimal)
    for note in texts_of(found):
        left_out[_row(note)] += Decimal(note.used)
    totals = dict.fromkeys(years, Fraction(0))
    for line in lines:
        counted = Fraction(1)
        if line.activity and line.row in left_out:
            counted -= Fraction(left_out[line.row]) / Fraction(line.activity)
        totals[line.fiscal_year] += line.emissions * counted
    return list(totals.values())


def name_texts(sheets: FormSheets, found: Findings) -> None:
    """Make each number typed as text a problem of its cell, instead of a note that it was read."""
    for note in texts_of(found):
        typed = sheets.value(note.sheet, note.cell)
        # in quotes: blanks before and after are part of what is wrong
        found.add(note.sheet, note.cell, "number_as_text", f'"{typed}"'[:60], note.used)
    found.notes = [note for note in found.notes if note.code != "read_as_number"]


def explain_figures(sheets: FormSheets, layout: Layout, years: int, found: Findings) -> None:
    """Put the numbers typed as text in the place of the figures that differ because of them."""
    rows = {(_row(note) - layout.activity.first) % layout.stride for note in texts_of(found)}
    follow = {
        (spec.sheet, spec.cell)
        for spec in layout.cells(years)
        if rows and (spec.source in rows or spec.source < 0)
    }
    other = [
        problem
        for problem in found.problems
        if problem.code != "figure_differs" or (problem.sheet, problem.cell) not in follow
    ]
    if len(other) < len(found.problems):
        found.problems = other
        name_texts(sheets, found)


def _row(note: Note) -> int:
    return int("".join(sign for sign in note.cell if sign.isdigit()))
