"""What the owner of an account is told of corrections: those that wait, what was corrected (domain §5)."""

from __future__ import annotations

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, joinedload

from portal.models import Account, LedgerTransaction, Movement, MovementKind, MovementState, UnitClass


def waiting(session: Session, account: Account) -> list[Movement]:
    """The corrections out of or into ``account`` that wait for their second person, the oldest first."""
    return list(
        session.scalars(
            select(Movement)
            .where(
                Movement.kind == MovementKind.CORRECTION,
                or_(Movement.source_id == account.id, Movement.target_id == account.id),
                Movement.state == MovementState.PROPOSED,
            )
            .options(joinedload(Movement.unit_class).joinedload(UnitClass.phase))
            .order_by(Movement.id)
        )
    )


def corrected(session: Session, account: Account) -> dict[int, str]:
    """The account's postings that were corrected, with the ledger number of what corrects each.

    Corrections are few, whatever the account has moved: one statement through their own index.
    """
    rows = session.execute(
        select(LedgerTransaction.reverses_id, LedgerTransaction.id)
        .join(Movement, Movement.id == LedgerTransaction.movement_id)
        .where(
            Movement.kind == MovementKind.CORRECTION,
            or_(Movement.source_id == account.id, Movement.target_id == account.id),
        )
    )
    return {original: f"T-{number:06d}" for original, number in rows if original is not None}
