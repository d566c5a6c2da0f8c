"""The double-entry ledger: sole maker of transactions and entries (architecture, habit 3).

Entries are signed whole units and sum to zero for each unit class. Every transaction keeps the
canonical bytes it was made of, which contain its predecessor's hash, so that a changed past is
found and named.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlalchemy.orm.util import identity_key

from portal import clock
from portal.models import (
    ISSUANCE_ACCOUNT,
    Account,
    Holding,
    LedgerHead,
    LedgerTransaction,
    Movement,
    MovementKind,
    User,
)
from portal.services import posting
from portal.services.posting import Posted, Side

#: where a session keeps which accounts its transaction has locked
_LOCKED = "accounts locked"


def lock_accounts(session: Session, *numbers: int) -> dict[int, Account]:
    """The accounts, locked in number order so that two movements never wait for each other."""
    query = (
        select(Account)
        .where(Account.id.in_(set(numbers)))
        .order_by(Account.id)
        .with_for_update(of=Account)
        .execution_options(populate_existing=True)
    )
    found = {account.id: account for account in session.scalars(query)}
    _held_here(session).update(found)
    return found


def _held_here(session: Session) -> set[int]:
    """The accounts that were locked in the present transaction."""
    began = session.get_transaction()
    known = session.info.get(_LOCKED)
    if known is None or known[0] is not began:
        known = session.info[_LOCKED] = (began, set())
    held: set[int] = known[1]
    return held


def holding(session: Session, account: int, unit_class: int, *, lock: bool = False) -> Holding:
    """The holding row of (account, unit class); made with 0 if there is none yet.

    Call it under the account's lock when the row may have to be made.
    """
    query = select(Holding).where(Holding.account_id == account, Holding.unit_class_id == unit_class)
    if lock:
        query = query.with_for_update(of=Holding).execution_options(populate_existing=True)
    row = session.scalars(query).one_or_none()
    if row is None:
        row = Holding(account_id=account, unit_class_id=unit_class, quantity=0, promised=0)
        session.add(row)
        session.flush()
    return row


def balance(session: Session, account: int, unit_class: int) -> int:
    """Units of ``unit_class`` in ``account`` (the issuance account runs below zero)."""
    quantity = session.scalar(
        select(Holding.quantity).where(Holding.account_id == account, Holding.unit_class_id == unit_class)
    )
    return quantity or 0


def sides_of(movement: Movement) -> list[Side]:
    """The signed entries of a movement; a carry-over changes the class through the issuance account."""
    quantity, unit_class = movement.quantity, movement.unit_class_id
    if movement.kind is MovementKind.CARRY_OVER and movement.target_class_id is not None:
        return [
            (movement.source_id, unit_class, -quantity),
            (ISSUANCE_ACCOUNT, unit_class, quantity),
            (ISSUANCE_ACCOUNT, movement.target_class_id, -quantity),
            (movement.target_id, movement.target_class_id, quantity),
        ]
    return [(movement.source_id, unit_class, -quantity), (movement.target_id, unit_class, quantity)]


def post(session: Session, movement: Movement, sides: list[Side], *, actor: User) -> LedgerTransaction:
    """Write one transaction and move the balances with it.

    ``sides`` must sum to zero in each unit class; all their accounts must have been locked together
    (``lock_accounts``), or two postings could wait for each other: ``RuntimeError``. The database
    refuses (CHECK ``not_below_zero``) a balance below zero, whatever was checked before.
    """
    assert_balanced(sides)
    assert_locked(session, sides)
    session.flush()
    posted = posting.write(
        session.connection(),
        kind=movement.kind.value,
        movement_id=movement.id,
        reverses_id=movement.reverses_id,
        sides=sides,
        posted_at=clock.now(),
        posted_by_id=actor.id,
    )
    read_again(session, sides)
    session.expire(movement, ["transaction"])
    return session.get_one(LedgerTransaction, posted.number)


def post_many(session: Session, movements: Sequence[Movement], *, actor: User) -> list[Posted]:
    """Post many movements one after the other, as :func:`post` does one; in the order given.

    To be called last: from the first posting on the head of the chain is held, and everybody's
    postings wait until the transaction ends.
    """
    sides = [sides_of(movement) for movement in movements]
    for one in sides:
        assert_balanced(one)
        assert_locked(session, one)
    session.flush()
    connection, now = session.connection(), clock.now()
    posted = [
        posting.write(
            connection,
            kind=movement.kind.value,
            movement_id=movement.id,
            reverses_id=movement.reverses_id,
            sides=own,
            posted_at=now,
            posted_by_id=actor.id,
        )
        for movement, own in zip(movements, sides, strict=True)
    ]
    read_again(session, (side for own in sides for side in own))
    for movement in movements:
        session.expire(movement, ["transaction"])
    return posted


def read_again(session: Session, sides: Iterable[Side]) -> None:
    """Let the session forget the balances that a posting has moved past it."""
    keys = [identity_key(Holding, (account, unit_class)) for account, unit_class, _quantity in sides]
    for key in (*keys, identity_key(LedgerHead, 1)):
        known = session.identity_map.get(key)
        if known is not None:
            session.expire(known)


def assert_locked(session: Session, sides: Iterable[Side]) -> None:
    """Raise ``RuntimeError`` unless this transaction has locked the account of every side."""
    missing = sorted({account for account, _class, _quantity in sides} - _held_here(session))
    if missing:
        raise RuntimeError(f"a posting touches accounts that were not locked: {missing}")


def assert_balanced(sides: Iterable[Side]) -> None:
    """Raise ``ValueError`` unless the sides sum to zero in each unit class."""
    sides = list(sides)
    sums: dict[int, int] = defaultdict(int)
    for _account, unit_class, quantity in sides:
        if quantity == 0:
            raise ValueError("a side of a posting is zero")
        sums[unit_class] += quantity
    if any(sums.values()) or len(sides) < 2:
        raise ValueError(f"the sides of a posting do not sum to zero: {dict(sums)}")
