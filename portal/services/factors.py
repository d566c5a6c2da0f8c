"""Emission factors by fiscal year: defaults of domain §4; superseded by the secretariat, never edited."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import NotFound
from portal.models import EmissionFactor, EmissionsReport, ReportFile
from portal.services import factor_rules
from portal.services.spreadsheets.arithmetic import emissions
from portal.services.spreadsheets.form_types import Factor

# code, Japanese, English, unit, GJ per unit, t-C per GJ (domain §4: ordinance as amended 2010)
_FUELS = (
    ("kerosene", "灯油", "Kerosene", "kl", "36.7", "0.0185"),
    ("diesel", "軽油", "Diesel oil", "kl", "37.7", "0.0187"),
    ("heavy_oil_a", "A重油", "Heavy oil A", "kl", "39.1", "0.0189"),
    ("petrol", "ガソリン", "Petrol", "kl", "34.6", "0.0183"),
    ("lpg", "液化石油ガス（LPG）", "LPG", "t", "50.8", "0.0161"),
    ("lng", "液化天然ガス（LNG）", "LNG", "t", "54.6", "0.0135"),
    ("city_gas", "都市ガス", "City gas", "千Nm³", "45.0", "0.0136"),
)
# code, Japanese, English, unit, t-CO2 per unit
_ENERGIES = (
    ("electricity", "電気", "Electricity", "kWh", "0.000550"),
    ("industrial_steam", "産業用蒸気", "Industrial steam", "GJ", "0.060"),
    ("other_steam", "蒸気（産業用以外）", "Other steam", "GJ", "0.057"),
    ("hot_water", "温水", "Hot water", "GJ", "0.057"),
    ("cold_water", "冷水", "Cold water", "GJ", "0.057"),
)


def default_factors() -> tuple[Factor, ...]:
    """The demonstration factors of domain §4, in the order of the form."""
    fuels = (
        Factor(code, ja, en, unit, "fuel", Decimal(calorific), Decimal(carbon), None)
        for code, ja, en, unit, calorific, carbon in _FUELS
    )
    energies = (
        Factor(code, ja, en, unit, "energy", None, None, Decimal(factor))
        for code, ja, en, unit, factor in _ENERGIES
    )
    return (*fuels, *energies)


def ensure_factors(session: Session, fiscal_years: Iterable[int]) -> None:
    """Give every year without a factor table the defaults."""
    years = sorted(set(fiscal_years))
    known = set(
        session.scalars(
            select(EmissionFactor.fiscal_year).where(EmissionFactor.fiscal_year.in_(years)).distinct()
        )
    )
    for year in years:
        if year not in known:
            for position, factor in enumerate(default_factors(), 1):
                session.add(_row(year, position, factor))
    session.flush()


def _row(year: int, position: int, factor: Factor) -> EmissionFactor:
    return EmissionFactor(
        fiscal_year=year, position=position, created_at=clock.now(), **factor_rules.stored_row(factor)
    )


def in_force(
    session: Session, years: Iterable[int], *, lock: bool = False
) -> dict[int, list[EmissionFactor]]:
    """The rows in force of each fiscal year that has a table, in the form's order; one query.

    ``lock``: locked in the order of their ids, for whoever supersedes them.
    """
    query = select(EmissionFactor).where(
        EmissionFactor.fiscal_year.in_(sorted(set(years))), EmissionFactor.superseded_at.is_(None)
    )
    if lock:
        query = query.order_by(EmissionFactor.id).with_for_update()
        query = query.execution_options(populate_existing=True)
    tables: dict[int, list[EmissionFactor]] = defaultdict(list)
    for row in sorted(session.scalars(query), key=lambda row: row.position):
        tables[row.fiscal_year].append(row)
    return dict(tables)


def factor_of(row: EmissionFactor) -> Factor:
    """The row's values, numbers as exact decimals."""
    return factor_rules.from_stored(vars_of(row))


def vars_of(row: EmissionFactor) -> dict[str, str | None]:
    """The row's values as they are stored."""
    return {name: getattr(row, name) for name in Factor.__dataclass_fields__}


def table_of(rows: Iterable[EmissionFactor]) -> tuple[Factor, ...]:
    """The factors of rows, in their order."""
    return tuple(factor_of(row) for row in rows)


def factors_for(session: Session, years: Iterable[int]) -> dict[int, tuple[Factor, ...]]:
    """The factor table in force of each fiscal year. Raises ``NotFound`` for a year without one."""
    wanted = sorted(set(years))
    tables = in_force(session, wanted)
    if any(year not in tables for year in wanted):
        raise NotFound
    return {year: table_of(tables[year]) for year in wanted}


def fit_together(session: Session, years: Iterable[int]) -> bool:
    """Whether the tables of these years, the defaults where there is none yet, can stand in one form."""
    wanted = list(years)
    tables = {year: table_of(rows) for year, rows in in_force(session, wanted).items()}
    known: dict[int, tuple[Factor, ...]] = {}
    for year in wanted:
        table = tables.get(year) or default_factors()
        if factor_rules.beside(dict(enumerate(table)), known):
            return False
        known[year] = table
    return True


def replace_table(session: Session, year: int, after: Iterable[Factor]) -> None:
    """Put ``after`` in force for ``year``: rows that change are superseded, the others stay as they are.

    A step of ``factor_proposals.confirm``, which has judged it and locked the rows.
    """
    now = clock.now()
    old = {row.code: row for row in in_force(session, [year]).get(year, [])}
    new = {factor.code: factor for factor in after}
    fresh = [factor for code, factor in new.items() if code not in old or factor_of(old[code]) != factor]
    last = max((row.position for row in old.values()), default=0)
    places = {code: row.position for code, row in old.items()}
    for code, row in old.items():
        if code not in new or new[code] in fresh:
            row.superseded_at = now
    session.flush()  # a code is in force once only
    for factor in fresh:
        if factor.code not in places:
            last += 1
            places[factor.code] = last
        session.add(_row(year, places[factor.code], factor))
    session.flush()


@dataclass(frozen=True)
class YearLine:
    """A fiscal year that has a factor table: how many rows, since when, and what waits."""

    year: int
    rows: int
    since: datetime
    #: rows that were replaced or taken out
    superseded: int


def years_with_tables(session: Session) -> list[YearLine]:
    """Every fiscal year with a table, the newest first; one query."""
    live = EmissionFactor.superseded_at.is_(None)
    counted = (
        select(
            EmissionFactor.fiscal_year,
            func.count(case((live, 1))),
            func.max(case((live, EmissionFactor.created_at))),
            func.count(EmissionFactor.superseded_at),
        )
        .group_by(EmissionFactor.fiscal_year)
        .order_by(EmissionFactor.fiscal_year.desc())
    )
    return [YearLine(year, rows, since, old) for year, rows, since, old in session.execute(counted) if rows]


def superseded(session: Session, year: int) -> list[EmissionFactor]:
    """The rows of ``year`` that are no longer in force, the last replaced first."""
    return list(
        session.scalars(
            select(EmissionFactor)
            .where(EmissionFactor.fiscal_year == year, EmissionFactor.superseded_at.is_not(None))
            .order_by(EmissionFactor.superseded_at.desc(), EmissionFactor.position)
        )
    )


#: so many earlier states of the tables are known again; older forms are told that their factors differ
EARLIER = 12


def earlier_tables(
    session: Session, years: Iterable[int]
) -> tuple[tuple[str, dict[int, tuple[Factor, ...]]], ...]:
    """The tables that forms of ``years`` carried before, the newest first, with the Tokyo day they ended.

    One query; none of it holds the tables in force.
    """
    wanted = sorted(set(years))
    rows = session.scalars(
        select(EmissionFactor)
        .where(EmissionFactor.fiscal_year.in_(wanted))
        .order_by(EmissionFactor.position, EmissionFactor.id)
    ).all()
    changes = sorted({row.superseded_at for row in rows if row.superseded_at is not None}, reverse=True)
    found = []
    for changed in changes[:EARLIER]:
        stood = [
            row
            for row in rows
            if row.created_at < changed and (row.superseded_at is None or row.superseded_at >= changed)
        ]
        tables = {year: table_of(row for row in stood if row.fiscal_year == year) for year in wanted}
        found.append((clock.in_tokyo(changed).date().isoformat(), tables))
    return tuple(found)


def outdated(session: Session, reports: Collection[EmissionsReport]) -> dict[int, tuple[int, ...]]:
    """Report id → the fiscal years of which a factor that its current file uses has changed since.

    Reports whose figure still stands are not named. Two queries, however many reports.
    """
    files = [report.current_file_id for report in reports if report.current_file_id is not None]
    if not files:
        return {}
    readings = session.execute(
        select(ReportFile.report_id, ReportFile.reading).where(ReportFile.id.in_(files))
    )
    lines = {report_id: reading["lines"] for report_id, reading in readings if reading is not None}
    years = {line["fiscal_year"] for rows in lines.values() for line in rows}
    tables = {
        (year, row.code): factor_of(row) for year, rows in in_force(session, years).items() for row in rows
    }
    found: dict[int, tuple[int, ...]] = {}
    for report_id, rows in lines.items():
        old = {row["fiscal_year"] for row in rows if not _stands(row, tables)}
        if old:
            found[report_id] = tuple(sorted(old))
    return found


def _stands(line: Mapping[str, Any], tables: Mapping[tuple[int, str], Factor]) -> bool:
    """Whether a source's emissions, as read, are those of the table in force."""
    factor = tables.get((line["fiscal_year"], line["factor_code"]))
    return factor is not None and emissions(Decimal(line["activity"]), factor) == Fraction(line["emissions"])
