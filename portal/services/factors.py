"""Emission factors by fiscal year: defaults of domain §4; superseded by the secretariat, never edited."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Literal, cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import NotFound, Problem, Refusal, Refused
from portal.models import EmissionFactor, User
from portal.permissions import Permission
from portal.services import access, audit, workflow
from portal.services.audit import EventTag
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
        fiscal_year=year,
        position=position,
        code=factor.code,
        name_ja=factor.name_ja,
        name_en=factor.name_en,
        unit=factor.unit,
        kind=factor.kind,
        calorific=_text(factor.calorific),
        carbon=_text(factor.carbon),
        factor=_text(factor.factor),
        created_at=clock.now(),
    )


def _text(number: Decimal | None) -> str | None:
    return None if number is None else format(number, "f")


def factors_for(session: Session, years: Iterable[int]) -> dict[int, tuple[Factor, ...]]:
    """The factor table in force of each fiscal year. Raises ``NotFound`` for a year without one."""
    wanted = sorted(set(years))
    rows = session.scalars(
        select(EmissionFactor)
        .where(EmissionFactor.fiscal_year.in_(wanted), EmissionFactor.superseded_at.is_(None))
        .order_by(EmissionFactor.fiscal_year, EmissionFactor.position)
    )
    tables: dict[int, list[Factor]] = defaultdict(list)
    for row in rows:
        tables[row.fiscal_year].append(_factor(row))
    if any(year not in tables for year in wanted):
        raise NotFound
    return {year: tuple(tables[year]) for year in wanted}


def _factor(row: EmissionFactor) -> Factor:
    def number(text: str | None) -> Decimal | None:
        return None if text is None else Decimal(text)

    kind = cast("Literal['fuel', 'energy']", row.kind)
    return Factor(
        row.code,
        row.name_ja,
        row.name_en,
        row.unit,
        kind,
        number(row.calorific),
        number(row.carbon),
        number(row.factor),
    )


def change_factor(
    session: Session,
    factor_id: int,
    *,
    calorific: Decimal | None = None,
    carbon: Decimal | None = None,
    factor: Decimal | None = None,
    reason: str,
    actor: User,
) -> EmissionFactor:
    """Supersede one factor of a year by new numbers (GJ per unit, t-C per GJ, t-CO2 per unit).

    Forms handed out before are refused afterwards as altered: they carry the old numbers.
    Raises ``Refused`` with WRONG_STATE if the row is no longer in force, QUANTITY_POSITIVE, REASON_NEEDED.
    """
    access.check(actor, Permission.TARGET_CONFIRM)
    old = access.get_visible(session, EmissionFactor, factor_id, actor, lock=True)
    if old.superseded_at is not None:
        raise Refused(Problem(Refusal.WRONG_STATE))
    why = workflow.clean_reason(reason, needed=True)
    numbers = {"calorific": calorific, "carbon": carbon} if old.kind == "fuel" else {"factor": factor}
    wrong = [name for name, value in numbers.items() if value is None or not value.is_finite() or value <= 0]
    if wrong:
        raise Refused(*(Problem(Refusal.QUANTITY_POSITIVE, name) for name in wrong))
    before = {name: getattr(old, name) for name in numbers}
    after = {name: _text(value) for name, value in numbers.items()}
    old.superseded_at = clock.now()
    session.flush()
    new = _row(old.fiscal_year, old.position, _factor(old))
    for name, text in after.items():
        setattr(new, name, text)
    session.add(new)
    audit.record(
        session,
        EventTag.FACTORS_CHANGED,
        new,
        actor=actor,
        reason=why,
        code=old.code,
        before=before,
        after=after,
    )
    return new
