"""The receipt of a movement, for the owner of either side (domain §5)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from portal.errors import NotFound
from portal.models import Account, LedgerEntry, LedgerTransaction, Movement, UnitClass, User
from portal.services import access, corrections
from portal.services.statements import lines_by_id

_RECEIPT = re.compile(r"T-([0-9]{6,15})")


@dataclass(frozen=True)
class Leg:
    """What left the account in another class than came in, and what stayed of that class."""

    unit_class: UnitClass
    quantity: int
    balance: int


@dataclass(frozen=True)
class Receipt:
    """A movement as its receipt prints it; ``balance`` and ``note`` are the reader's own side.

    A carry-over has two sides in the one account: the receipt is of what came in, ``given`` is what it
    was before.
    """

    transaction: LedgerTransaction
    movement: Movement
    account: Account
    outgoing: bool
    unit_class: UnitClass
    quantity: int
    balance: int
    note: str | None
    by: str | None
    late: bool = False
    given: Leg | None = None
    #: the ledger number of what corrects it; why it corrects another
    corrected_by: str | None = None
    reason: str | None = None


def receipt(session: Session, account: Account, code: str, *, actor: User) -> Receipt:
    """The receipt of the movement ``T-000214`` for the owner of ``account``.

    Raises :class:`NotFound` for what is not the reader's, does not exist or is no number.
    """
    match = _RECEIPT.fullmatch(code)
    if match is None or len(match[1].lstrip("0")) > 12:
        raise NotFound
    transaction = access.get_visible(session, LedgerTransaction, int(match[1]), actor)
    sides = session.scalars(
        select(LedgerEntry)
        .where(LedgerEntry.transaction_id == transaction.id, LedgerEntry.account_id == account.id)
        .options(joinedload(LedgerEntry.unit_class).joinedload(UnitClass.phase))
        .order_by(LedgerEntry.quantity.desc())
    ).all()
    if not sides:
        raise NotFound
    own = sides[0]  # of two, what came in
    lines = lines_by_id(session, account, [side.id for side in sides])
    line = lines[own.id]
    given = [Leg(side.unit_class, -side.quantity, lines[side.id].balance) for side in sides[1:]]
    movement = transaction.movement
    # only the own side's person is named; the office and the other side act as such
    mine = movement.source_id == account.id and movement.proposed_by_id == transaction.posted_by_id
    return Receipt(
        transaction=transaction,
        movement=movement,
        account=account,
        outgoing=own.quantity < 0,
        unit_class=own.unit_class,
        quantity=abs(own.quantity),
        balance=line.balance,
        note=movement.note if movement.source_id == account.id else None,
        by=movement.proposed_by.name if mine else None,
        late=line.late,
        given=given[0] if given else None,
        corrected_by=corrections.corrected(session, account).get(transaction.id),
        reason=movement.reason if transaction.reverses_id is not None else None,
    )
