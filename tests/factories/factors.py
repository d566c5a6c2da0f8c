"""Factor tables with some rows changed, proposed by one colleague and confirmed by another."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy.orm import Session

from portal.models import FactorProposal, User
from portal.services import factor_proposals, factor_rules, factors
from portal.services.factor_rules import TypedRow

FREE = TypedRow("mihon_gas", "みほんガス", "Sample gas", "千Nm³", "fuel", "20.0", "0.0150")


def rows(session: Session, year: int, **figures: dict[str, str]) -> list[TypedRow]:
    """The table in force of ``year`` as typed rows, with other values for some codes."""
    table = factors.factors_for(session, [year])[year]
    return [
        replace(row, **figures.get(row.code, {}))  # type: ignore[arg-type]
        for row in map(factor_rules.typed, table)
    ]


def proposed(
    session: Session, year: int, actor: User, *more: TypedRow, **figures: dict[str, str]
) -> FactorProposal:
    """A proposal of ``year`` with other figures for some codes, and ``more`` rows."""
    table = [*rows(session, year, **figures), *more]
    return factor_proposals.propose(session, year, table, reason="告示の改正", actor=actor)


def changed(
    session: Session, year: int, by: tuple[User, User], *more: TypedRow, **figures: dict[str, str]
) -> FactorProposal:
    """The same, confirmed by the second of two colleagues."""
    row = proposed(session, year, by[0], *more, **figures)
    return factor_proposals.confirm(session, row.id, actor=by[1])
