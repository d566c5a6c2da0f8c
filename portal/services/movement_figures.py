"""The figures beside a proposed movement that may change without it, as ``shown`` marks what its pages say.

Units, accounts and quantity are the proposal's own and never change.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from portal.models import LedgerTransaction, Movement, MovementKind
from portal.services import banking_case, compliance_records
from portal.services.allowance_rules import Case
from portal.services.issue_rules import IssueCase


def of_issue(case: IssueCase) -> dict[str, Any]:
    """What an issue is made of, before it is proposed; t-CO2 and units."""
    return {"base": case.base, "target": case.target, "quantity": case.due}


def of_carry_over(case: Case) -> dict[str, Any]:
    """What a holder keeps, must keep and must still retire beside a carry-over. Units."""
    figures = case.figures
    assert figures is not None
    return {
        "held": case.held,
        "promised": case.promised,
        "reserve": figures.reserve,
        "movable": case.movable,
        "retired": figures.retired,
        "missing": figures.missing,
    }


def of_correction(session: Session, posting: LedgerTransaction) -> dict[str, Any]:
    """Whether the correction of ``posting`` freezes another deadline record."""
    return {"record": compliance_records.rests_on(session, posting)}


def of_proposal(session: Session, movement: Movement) -> dict[str, Any]:
    """What the page says beside ``movement``; the figures of an issue must still make its quantity."""
    if movement.kind is MovementKind.CARRY_OVER:
        return of_carry_over(banking_case.of_movement(session, movement))
    if movement.reverses_id is not None:
        return of_correction(session, session.get_one(LedgerTransaction, movement.reverses_id))
    return {}
