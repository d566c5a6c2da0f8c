"""What goes into and comes out of the designated form: plain frozen values, no database, no web.

The form itself is decided in domain §4, "The designated form".
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal

from portal.services.spreadsheets import problems as texts

Period = Literal["base", "target", "adjustment"]

#: What the cover says for each period: Japanese and English.
PERIOD_NAMES: dict[Period, tuple[str, str]] = {
    "base": ("基準年度", "Base year"),
    "target": ("削減目標年度", "Target year"),
    "adjustment": ("調整・自主削減年度", "Adjustment year"),
}


@dataclass(frozen=True)
class Factor:
    """One row of the factor table of a fiscal year.

    A fuel has ``calorific`` (GJ per ``unit``) and ``carbon`` (t-C per GJ); an energy has ``factor``
    (t-CO2 per ``unit``). The other figures are ``None``.
    """

    code: str
    name_ja: str
    name_en: str
    unit: str
    kind: Literal["fuel", "energy"]
    calorific: Decimal | None
    carbon: Decimal | None
    factor: Decimal | None


@dataclass(frozen=True)
class FormIdentity:
    """Whose form it is and for which years. ``fiscal_years`` are three for the base year, else one."""

    holder: str
    account: str
    holder_name: str
    site_name: str
    site_address: str
    period: Period
    fiscal_years: tuple[int, ...]
    phase: int


@dataclass(frozen=True)
class FormExpectation:
    """What a form must say: its identity, the factor table of each of its fiscal years, its version."""

    identity: FormIdentity
    factors: dict[int, tuple[Factor, ...]]
    #: the versions of the form that are read; empty for every version there is
    versions: tuple[str, ...] = ()
    #: tables that forms were handed out with before: the Tokyo day (ISO) on which they were superseded, and
    #: the table of each fiscal year; the newest first
    earlier: tuple[tuple[str, dict[int, tuple[Factor, ...]]], ...] = ()


@dataclass(frozen=True)
class Problem:
    """One thing wrong with an uploaded form.

    ``sheet`` and ``cell`` are empty when the file as a whole is meant; ``cell`` may be a range
    (``H14:S14``). ``found`` and ``expected`` are Japanese where they are words; the ``shown_…``
    methods give them in either language. ``detail`` are the signs that are meant, where there are some.
    """

    sheet: str
    cell: str
    found: str
    expected: str
    code: str
    detail: str = ""

    def message(self, locale: str) -> str:
        """What is wrong and how to mend it, in ``ja`` or ``en``."""
        return texts.message(
            self.code,
            locale,
            sheet=self.sheet,
            cell=self.cell,
            found=self.shown_found(locale),
            expected=self.shown_expected(locale),
            detail=self.detail,
        )

    def shown_found(self, locale: str) -> str:
        """``found`` as the reader's language says it."""
        return texts.word(self.found, locale)

    def shown_expected(self, locale: str) -> str:
        """``expected`` as the reader's language says it."""
        return texts.word(self.expected, locale)


@dataclass(frozen=True)
class Note:
    """A harmless difference that was put right while reading (domain §8: widths, spaces, commas)."""

    sheet: str
    cell: str
    found: str
    used: str
    code: str

    def message(self, locale: str) -> str:
        """What was found and what was used instead, in ``ja`` or ``en``."""
        return texts.message(
            self.code,
            locale,
            sheet=self.sheet,
            cell=self.cell,
            found=texts.word(self.found, locale),
            expected=texts.word(self.used, locale),
        )


@dataclass(frozen=True)
class SourceLine:
    """One emission source in one fiscal year.

    ``row`` is its row on the sheet 活動量; ``activity`` the year's sum in ``unit``; ``emissions``
    t-CO2 to full precision.
    """

    fiscal_year: int
    row: int
    name: str
    factor_code: str
    unit: str
    activity: Decimal
    emissions: Fraction


@dataclass(frozen=True)
class FormReading:
    """What a form says, or everything that is wrong with it. Figures are there only when ``ok``.

    ``emissions`` is the reported figure in whole t-CO2 (the base year's is the average of the three
    years), ``yearly`` each year's total to full precision.
    """

    ok: bool
    problems: tuple[Problem, ...]
    period: str | None
    holder: str | None
    emissions: int | None
    yearly: tuple[tuple[int, Fraction], ...]
    lines: tuple[SourceLine, ...]
    notes: tuple[Note, ...]
    result_cell: str
    form_version: str | None

    def as_dict(self) -> dict[str, Any]:
        """The reading as values that JSON can hold; exact figures as text."""
        return {
            "ok": self.ok,
            "problems": [vars(problem) for problem in self.problems],
            "period": self.period,
            "holder": self.holder,
            "emissions": self.emissions,
            "yearly": [[year, str(total)] for year, total in self.yearly],
            "lines": [
                {**vars(line), "activity": str(line.activity), "emissions": str(line.emissions)}
                for line in self.lines
            ],
            "notes": [vars(note) for note in self.notes],
            "result_cell": self.result_cell,
            "form_version": self.form_version,
        }

    def to_json(self) -> str:
        """The reading as JSON text; :meth:`from_json` gives an equal reading back."""
        return json.dumps(self.as_dict(), ensure_ascii=False)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> FormReading:
        """The reading :meth:`as_dict` was made from. Raises ``KeyError``, ``TypeError``, ``ValueError``."""
        return cls(
            ok=bool(values["ok"]),
            problems=tuple(Problem(**problem) for problem in values["problems"]),
            period=values["period"],
            holder=values["holder"],
            emissions=values["emissions"],
            yearly=tuple((int(year), Fraction(total)) for year, total in values["yearly"]),
            lines=tuple(
                SourceLine(
                    **{
                        **line,
                        "activity": Decimal(line["activity"]),
                        "emissions": Fraction(line["emissions"]),
                    }
                )
                for line in values["lines"]
            ),
            notes=tuple(Note(**note) for note in values["notes"]),
            result_cell=values["result_cell"],
            form_version=values["form_version"],
        )

    @classmethod
    def from_json(cls, text: str) -> FormReading:
        """The reading that ``text`` holds. Raises ``ValueError``, ``KeyError`` or ``TypeError``."""
        return cls.from_dict(json.loads(text))


def refused(
    problems: list[Problem],
    *,
    period: str | None = None,
    holder: str | None = None,
    notes: list[Note] | None = None,
    result_cell: str = "",
    form_version: str | None = None,
) -> FormReading:
    """A reading that refuses the file for ``problems``; it carries no figure."""
    return FormReading(
        ok=False,
        problems=tuple(problems),
        period=period,
        holder=holder,
        emissions=None,
        yearly=(),
        lines=(),
        notes=tuple(notes or ()),
        result_cell=result_cell,
        form_version=form_version,
    )


def file_problem(code: str, found: str = "", expected: str = "指定様式のExcelファイル（.xlsx）") -> Problem:
    """A problem of the file as a whole, not of one cell."""
    return Problem(sheet="", cell="", found=found, expected=expected, code=code)


def expectation_to_dict(expected: FormExpectation) -> dict[str, Any]:
    """``expected`` as values that JSON can hold: what the jailed reader is told."""
    return {
        "identity": vars(expected.identity),
        "versions": list(expected.versions),
        "factors": _tables_to_dict(expected.factors),
        "earlier": [[changed, _tables_to_dict(tables)] for changed, tables in expected.earlier],
    }


def _tables_to_dict(tables: dict[int, tuple[Factor, ...]]) -> dict[str, Any]:
    return {
        str(year): [
            {name: str(value) if isinstance(value, Decimal) else value for name, value in vars(f).items()}
            for f in factors
        ]
        for year, factors in tables.items()
    }


def expectation_from_dict(values: dict[str, Any]) -> FormExpectation:
    """The expectation that :func:`expectation_to_dict` wrote."""
    identity = dict(values["identity"])
    identity["fiscal_years"] = tuple(identity["fiscal_years"])
    return FormExpectation(
        identity=FormIdentity(**identity),
        factors=_tables_from_dict(values["factors"]),
        versions=tuple(values["versions"]),
        earlier=tuple((changed, _tables_from_dict(tables)) for changed, tables in values["earlier"]),
    )


def _tables_from_dict(tables: dict[str, Any]) -> dict[int, tuple[Factor, ...]]:
    return {int(year): tuple(_factor_from_dict(row) for row in rows) for year, rows in tables.items()}


def _factor_from_dict(row: dict[str, Any]) -> Factor:
    figures = ("calorific", "carbon", "factor")
    exact: dict[str, Any] = {name: None if row[name] is None else Decimal(row[name]) for name in figures}
    return Factor(**{**row, **exact})
