"""What the rules of an issue look at, read for one holder or a whole phase in a fixed number of queries."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.orm import Session, contains_eager, joinedload

from portal import clock
from portal.errors import NotFound
from portal.models import (
    ISSUANCE_ACCOUNT,
    Account,
    EmissionsReport,
    Holder,
    Movement,
    Period,
    Phase,
    PhaseRule,
    ReductionTarget,
    TargetState,
    UnitClass,
)
from portal.services import standing_issues
from portal.services.allowance_rules import Side
from portal.services.allowances import unit_name
from portal.services.issue_rules import IssueCase


@dataclass(frozen=True)
class PhaseTerms:
    """What binds every issue of a phase. Units."""

    phase: Phase
    unit_class: UnitClass
    opens: date
    cap: int | None
    #: issued and not corrected, and what is proposed
    issued: int
    closed: bool

    @property
    def left(self) -> int | None:
        """What the cap still leaves; ``None``: there is none."""
        return None if self.cap is None else max(0, self.cap - self.issued)


def terms_of(session: Session, phase_id: int, *, without: Collection[int] = ()) -> PhaseTerms:
    """The terms of ``phase_id``; the movements ``without`` are not counted as issued. Two queries."""
    row = session.execute(
        select(Phase, UnitClass, PhaseRule.issue_from, PhaseRule.issue_cap, Phase.closed_at)
        .join(PhaseRule, PhaseRule.phase_id == Phase.id)
        .join(UnitClass, UnitClass.phase_id == Phase.id)
        .where(Phase.id == phase_id, PhaseRule.superseded_at.is_(None))
    ).one_or_none()
    if row is None:
        raise NotFound
    phase, unit_class, opens, cap, closed_at = row
    issued = issued_by_class(session, without=without).get(unit_class.id, 0)
    return PhaseTerms(phase, unit_class, opens, cap, issued, closed_at is not None)


def issued_by_class(session: Session, *, without: Collection[int] = ()) -> dict[int, int]:
    """Units issued or proposed to be, by unit class, without those whose issue was corrected; one query."""
    query = select(Movement.unit_class_id, func.sum(Movement.quantity)).where(
        standing_issues.stands(),
        Movement.source_id == ISSUANCE_ACCOUNT,  # says nothing more, but leads past all that was transferred
    )
    if without:
        query = query.where(Movement.id.not_in(list(without)))
    return {one: int(units) for one, units in session.execute(query.group_by(Movement.unit_class_id))}


@dataclass(frozen=True)
class IssueLine:
    """One holder of a phase, and what the rules look at for it."""

    holder: Holder
    case: IssueCase


def lines_of(
    session: Session,
    terms: PhaseTerms,
    *,
    holder_ids: Collection[int] | None = None,
    quantities: dict[int, int] | None = None,
    without: Collection[int] = (),
) -> list[IssueLine]:
    """The holders of the phase by account, each with its case; one query, however many.

    ``quantities``: what a proposal says, by holder. ``without``: movements that do not count as an
    earlier issue (the proposal's own). The cap is judged for each holder alone; whoever issues to
    many sums it up himself.
    """
    query = (
        select(
            Holder,
            EmissionsReport.confirmed_emissions,
            ReductionTarget.quantity,
            standing_issues.has_one(Holder.id, *without),
            standing_issues.attempt_of(Holder.id),
        )
        .join(Holder.account)
        .outerjoin(
            EmissionsReport,
            (EmissionsReport.holder_id == Holder.id) & (EmissionsReport.period == Period.BASE),
        )
        .outerjoin(
            ReductionTarget,
            (ReductionTarget.holder_id == Holder.id)
            & (ReductionTarget.state == TargetState.CONFIRMED)
            & ReductionTarget.superseded_at.is_(None),
        )
        .where(Holder.phase_id == terms.phase.id)
        .options(contains_eager(Holder.account), joinedload(Holder.representative), joinedload(Holder.phase))
        .order_by(Account.id)
    )
    if holder_ids is not None:
        query = query.where(Holder.id.in_(list(holder_ids)))
    today, known = clock.today(), quantities or {}
    return [
        IssueLine(
            holder,
            IssueCase(
                base=base,
                target=target,
                account=Side(holder.account.code, holder.account.kind, holder.account.state),
                unit_name=unit_name(terms.unit_class),
                opens=terms.opens,
                today=today,
                exists=issued,
                attempt=attempt,
                quantity=known.get(holder.id),
                cap=terms.cap,
                issued=terms.issued,
                closed=terms.closed,
            ),
        )
        for holder, base, target, issued, attempt in session.execute(query)
    ]


def case_of(session: Session, holder: Holder, *, movement: Movement | None = None) -> IssueCase:
    """The case of one holder's issue; with the ``movement`` that proposes it. Three queries."""
    own = [] if movement is None else [movement.id]
    terms = terms_of(session, holder.phase_id, without=own)
    quantities = {} if movement is None else {holder.id: movement.quantity}
    (line,) = lines_of(session, terms, holder_ids=[holder.id], quantities=quantities, without=own)
    return line.case
