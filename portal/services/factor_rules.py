"""What a factor table of a fiscal year must be: one pure judgement of what was typed (domain §4)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, cast

from portal.errors import Problem, Refusal
from portal.services.spreadsheets.factor_table import fold
from portal.services.spreadsheets.form_types import Factor
from portal.services.spreadsheets.layouts.versions import NEWEST
from portal.services.widths import in_half_width

#: rows of a table, and of the three tables of a base-year form together: what the newest form holds
MOST_ROWS = NEWEST.factor_rows
#: what the form's cells show and print
NAME_LENGTH = 40
UNIT_LENGTH = 12
#: a spreadsheet keeps fifteen significant figures: six before the point and eight after it are safe
DECIMALS = 8
FIRST_YEAR, LAST_YEAR = 1990, 2099
KINDS = ("fuel", "energy")
NUMBERS: dict[str, tuple[str, ...]] = {"fuel": ("calorific", "carbon"), "energy": ("factor",)}

_CODE = re.compile(r"[a-z][a-z0-9_]{0,29}")
_NUMBER = re.compile(rf"[0-9]{{1,6}}(?:\.[0-9]{{1,{DECIMALS}}})?")


@dataclass(frozen=True)
class TypedRow:
    """One row as it was typed. ``taken_out`` rows, and rows with nothing in them, are none."""

    code: str = ""
    name_ja: str = ""
    name_en: str = ""
    unit: str = ""
    kind: str = ""
    calorific: str = ""
    carbon: str = ""
    factor: str = ""
    taken_out: bool = False

    @property
    def counts(self) -> bool:
        """Whether it is a row of the table at all."""
        texts = (self.code, self.name_ja, self.name_en, self.unit, self.calorific, self.carbon, self.factor)
        return not self.taken_out and any(text.strip() for text in texts)


def row_field(place: int, name: str) -> str:
    """The form field of ``name`` in row number ``place`` (from 0)."""
    return f"rows-{place}-{name}"


def typed(factor: Factor) -> TypedRow:
    """A row of a table as a form shows it before anything is typed."""
    texts: dict[str, Any] = {name: value or "" for name, value in stored_row(factor).items()}
    return TypedRow(**texts)


def stored_row(factor: Factor) -> dict[str, Any]:
    """A row as a proposal keeps it: numbers as text, exactly as typed."""

    def text(number: Decimal | None) -> str | None:
        return None if number is None else format(number, "f")

    plain = {name: getattr(factor, name) for name in ("code", "name_ja", "name_en", "unit", "kind")}
    return plain | {name: text(getattr(factor, name)) for name in ("calorific", "carbon", "factor")}


def from_stored(row: Mapping[str, Any]) -> Factor:
    """The row that :func:`stored_row` wrote."""

    def number(text: str | None) -> Decimal | None:
        return None if text is None else Decimal(text)

    return Factor(
        row["code"],
        row["name_ja"],
        row["name_en"],
        row["unit"],
        cast("Literal['fuel', 'energy']", row["kind"]),
        number(row["calorific"]),
        number(row["carbon"]),
        number(row["factor"]),
    )


def judge(rows: Sequence[TypedRow]) -> tuple[dict[int, Factor], list[Problem]]:
    """The rows that are in order, by their place, and everything that is wrong, at its field.

    Numbers: GJ per unit, t-C per GJ, t-CO2 per unit. Full-width figures are taken as plain ones.
    """
    problems: list[Problem] = []
    good: dict[int, Factor] = {}
    for place, row in enumerate(rows):
        if row.counts:
            factor, found = _row(place, row)
            problems += found
            if factor is not None:
                good[place] = factor
    counted = [place for place, row in enumerate(rows) if row.counts]
    if not counted:
        problems.append(Problem(Refusal.REQUIRED, row_field(0, "code")))
    if len(counted) > MOST_ROWS:
        problems.append(Problem(Refusal.FACTOR_ROWS_FULL, None, {"limit": MOST_ROWS}))
    problems += _shared_names(rows, counted)
    return good, problems


def _row(place: int, row: TypedRow) -> tuple[Factor | None, list[Problem]]:
    problems: list[Problem] = []
    code = unicodedata.normalize("NFKC", row.code).strip()
    if not code:
        problems.append(Problem(Refusal.REQUIRED, row_field(place, "code")))
    elif not _CODE.fullmatch(code):
        problems.append(Problem(Refusal.FACTOR_CODE, row_field(place, "code")))
    words: dict[str, str] = {}
    for name, limit in (("name_ja", NAME_LENGTH), ("name_en", NAME_LENGTH), ("unit", UNIT_LENGTH)):
        words[name] = " ".join(getattr(row, name).split())
        if not words[name]:
            problems.append(Problem(Refusal.REQUIRED, row_field(place, name)))
        elif len(words[name]) > limit or not words[name].isprintable():
            problems.append(Problem(Refusal.TOO_LONG, row_field(place, name), {"limit": limit}))
    if row.kind not in KINDS:
        problems.append(Problem(Refusal.CHOICE_UNKNOWN, row_field(place, "kind")))
        return None, problems
    numbers: dict[str, Decimal | None] = dict.fromkeys(("calorific", "carbon", "factor"))
    for name in numbers:
        number, problem = _number(getattr(row, name), wanted=name in NUMBERS[row.kind])
        numbers[name] = number
        if problem is not None:
            figures = {"decimals": DECIMALS} if problem is Refusal.FACTOR_NUMBER else {}
            problems.append(Problem(problem, row_field(place, name), figures))
    if problems:
        return None, problems
    kind = cast("Literal['fuel', 'energy']", row.kind)
    return Factor(code, words["name_ja"], words["name_en"], words["unit"], kind, **numbers), []


def _number(text: str, *, wanted: bool) -> tuple[Decimal | None, Refusal | None]:
    plain = in_half_width(text).strip()
    if not wanted:
        return None, Refusal.FACTOR_KIND if plain else None
    if not plain:
        return None, Refusal.REQUIRED
    if not _NUMBER.fullmatch(plain) or not plain.isascii() or Decimal(plain) <= 0:
        return None, Refusal.FACTOR_NUMBER
    return Decimal(plain), None


def _shared_names(rows: Sequence[TypedRow], counted: Sequence[int]) -> list[Problem]:
    """Codes and names by which a source could not choose between two rows; the later row is named."""
    problems: list[Problem] = []
    owner: dict[str, int] = {}
    for place in counted:
        for name in ("code", "name_ja", "name_en"):
            key = fold(getattr(rows[place], name))
            if key and owner.setdefault(key, place) != place:
                problems.append(Problem(Refusal.FACTOR_CODE_TAKEN, row_field(place, name)))
    return problems


def beside(rows: Mapping[int, Factor], others: Mapping[int, Sequence[Factor]]) -> list[Problem]:
    """What keeps the rows from standing in one base-year form beside the tables of ``others`` (by year).

    A code has one unit and kind in all years of a form, a name one code, and the form has so many rows.
    """
    problems: list[Problem] = []
    known = {factor.code: (year, factor) for year, table in others.items() for factor in table}
    labels = {
        fold(label): factor.code
        for table in others.values()
        for factor in table
        for label in (factor.name_ja, factor.name_en, factor.code)
    }
    for place, factor in rows.items():
        year, other = known.get(factor.code, (0, factor))
        if (other.unit, other.kind) != (factor.unit, factor.kind):
            figures = {"year": str(year), "unit": other.unit}
            problems.append(Problem(Refusal.FACTOR_UNIT_DIFFERS, row_field(place, "unit"), figures))
        for name in ("code", "name_ja", "name_en"):
            if labels.get(fold(getattr(factor, name)), factor.code) != factor.code:
                problems.append(Problem(Refusal.FACTOR_CODE_TAKEN, row_field(place, name)))
    if len(known.keys() | {factor.code for factor in rows.values()}) > MOST_ROWS:
        problems.append(Problem(Refusal.FACTOR_ROWS_FULL, None, {"limit": MOST_ROWS}))
    return problems


@dataclass(frozen=True)
class Change:
    """One row before and after; ``None`` where there is none."""

    before: Factor | None
    after: Factor | None

    @property
    def code(self) -> str:
        """The row's code."""
        row = self.after or self.before
        assert row is not None
        return row.code

    @property
    def changed(self) -> bool:
        """Whether anything about the row changes."""
        return self.before != self.after


def changes(before: Sequence[Factor], after: Sequence[Factor]) -> list[Change]:
    """Every row of either table: those of ``after`` in their order, then those taken out."""
    old = {factor.code: factor for factor in before}
    new = {factor.code for factor in after}
    kept = [Change(old.get(factor.code), factor) for factor in after]
    return kept + [Change(factor, None) for factor in before if factor.code not in new]
