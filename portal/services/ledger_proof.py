"""The ledger's proof: chain, sums, balances and promises recomputed; the first wrong thing is named."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import func, literal, select, union_all
from sqlalchemy.orm import Session

from portal.models import (
    ISSUANCE_ACCOUNT,
    BookCheck,
    Holding,
    LedgerEntry,
    LedgerHead,
    LedgerTransaction,
    Movement,
    MovementKind,
    MovementState,
    TransferTotal,
)
from portal.services.ledger import assert_balanced, sides_of
from portal.services.posting import Side, canonical_bytes


@dataclass(frozen=True)
class ClassSum:
    """Units of one class over all accounts; ``issued`` must equal ``elsewhere`` (safety 1)."""

    unit_class_id: int
    issued: int
    elsewhere: int


@dataclass(frozen=True)
class LedgerReport:
    """What a verification found; ``problem`` names the first wrong thing."""

    ok: bool
    transactions: int
    entries: int
    problem: str | None = None
    transaction_id: int | None = None
    sums: list[ClassSum] = field(default_factory=list)


class _Wrong(Exception):
    def __init__(self, problem: str, transaction_id: int | None = None) -> None:
        super().__init__(problem)
        self.transaction_id = transaction_id


def verify(session: Session) -> LedgerReport:
    """Recompute the chain, every posting's sum and every balance, in ledger order.

    Each entry is held against what it says the account holds afterwards, each posting against the movement
    it was made for, each promise against the proposals that wait. A ledger that was cut off at its
    end, head and balances with it, is told by what still speaks of the rest. Reads in portions; stops at the
    first wrong entry and names it.
    """
    seen = _Seen()
    try:
        _walk(session, seen)
        _nothing_is_cut_off(session, seen)
        _compare_balances(session, seen)
        _compare_promises(session)
    except _Wrong as wrong:
        return LedgerReport(False, seen.transactions, seen.entries, str(wrong), wrong.transaction_id)
    sums = []
    for unit_class in sorted({key[1] for key in seen.balances}):
        issued = -seen.balances.get((ISSUANCE_ACCOUNT, unit_class), 0)
        elsewhere = sum(
            quantity
            for (account, of), quantity in seen.balances.items()
            if of == unit_class and account != ISSUANCE_ACCOUNT
        )
        sums.append(ClassSum(unit_class, issued, elsewhere))
    return LedgerReport(True, seen.transactions, seen.entries, sums=sums)


@dataclass
class _Seen:
    transactions: int = 0
    entries: int = 0
    last_hash: str = ""
    balances: dict[tuple[int, int], int] = field(default_factory=lambda: defaultdict(int))
    last_entry: int = 0
    latest_at: datetime | None = None
    behind: timedelta = timedelta(0)
    #: units of each class that participants sent each other
    transferred: dict[int, int] = field(default_factory=lambda: defaultdict(int))


@dataclass(frozen=True)
class _Told:
    """One entry as it is stored."""

    id: int
    account: int
    unit_class: int
    quantity: int
    after: int


@dataclass(frozen=True)
class _Portion:
    """Some postings in a row, with what belongs to them."""

    postings: Sequence[LedgerTransaction]
    sides: dict[int, list[Side]]
    entries: dict[int, list[_Told]]
    movements: dict[int, Movement]


def _walk(session: Session, seen: _Seen, portion: int = 2000) -> None:
    last = 0
    while True:
        try:
            some = _read(session, last, portion)
        except (LookupError, ValueError) as error:
            # a kind, a state or a moment that is none; read one by one until it is named
            if portion == 1:
                raise _Wrong(f"T-{last + 1:06d} cannot be read: {error}", last + 1) from error
            session.expunge_all()
            portion = 1
            continue
        if not some.postings:
            break
        for posting in some.postings:
            _check_one(posting, some.sides[posting.id], seen)
            _check_movement(posting, some.sides[posting.id], some.movements.get(posting.movement_id))
            _check_order(posting, some.entries[posting.id], seen)
        _check_transferred(session, some.postings, some.sides, seen)
        last = some.postings[-1].id
        session.expunge_all()
    head = session.scalars(select(LedgerHead)).one()
    if (head.last_number, head.last_hash) != (seen.transactions, seen.last_hash):
        raise _Wrong("the head of the chain does not name the last transaction", head.last_number)
    if head.latest_at != seen.latest_at or timedelta(seconds=head.behind) < seen.behind:
        raise _Wrong("the head of the chain does not bound the moments of the postings", head.last_number)


def _read(session: Session, last: int, portion: int) -> _Portion:
    """The next postings after ``last``. Raises ``LookupError`` or ``ValueError`` for a value that is none."""
    postings = session.scalars(
        select(LedgerTransaction)
        .where(LedgerTransaction.id > last)
        .order_by(LedgerTransaction.id)
        .limit(portion)
    ).all()
    sides: dict[int, list[Side]] = defaultdict(list)
    entries: dict[int, list[_Told]] = defaultdict(list)
    if not postings:
        return _Portion(postings, sides, entries, {})
    first, end = postings[0].id, postings[-1].id
    rows = session.execute(
        select(
            LedgerEntry.transaction_id,
            LedgerEntry.id,
            LedgerEntry.account_id,
            LedgerEntry.unit_class_id,
            LedgerEntry.quantity,
            LedgerEntry.balance_after,
        )
        .where(LedgerEntry.transaction_id.between(first, end))
        .order_by(LedgerEntry.id)
    )
    for number, *stored in rows:
        told = _Told(*stored)
        entries[number].append(told)
        sides[number].append((told.account, told.unit_class, told.quantity))
    movements = session.scalars(
        select(Movement)
        .join(LedgerTransaction, LedgerTransaction.movement_id == Movement.id)
        .where(LedgerTransaction.id.between(first, end))
        .execution_options(populate_existing=True)
    )
    return _Portion(postings, sides, entries, {one.id: one for one in movements})


def _check_one(transaction: LedgerTransaction, sides: list[Side], seen: _Seen) -> None:
    number = transaction.id
    if number != seen.transactions + 1:
        raise _Wrong(f"T-{seen.transactions + 1:06d} is missing", seen.transactions + 1)
    if transaction.previous_hash != seen.last_hash:
        raise _Wrong(f"{transaction.code} does not follow the hash of its predecessor", number)
    canonical = canonical_bytes(
        number=number,
        kind=transaction.kind.value,
        movement_id=transaction.movement_id,
        reverses_id=transaction.reverses_id,
        posted_at=transaction.posted_at,
        posted_by_id=transaction.posted_by_id,
        sides=sides,
        previous_hash=transaction.previous_hash,
    )
    if canonical != transaction.canonical:
        raise _Wrong(f"{transaction.code} or its entries differ from what was posted", number)
    if hashlib.sha256(canonical).hexdigest() != transaction.hash:
        raise _Wrong(f"the hash of {transaction.code} is not that of its content", number)
    try:
        assert_balanced(sides)
    except ValueError as error:
        raise _Wrong(f"{transaction.code}: {error}", number) from error
    for account, unit_class, quantity in sides:
        seen.balances[(account, unit_class)] += quantity
        if seen.balances[(account, unit_class)] < 0 and account != ISSUANCE_ACCOUNT:
            raise _Wrong(f"{transaction.code} takes AST-{account} below zero", number)
    seen.transactions, seen.last_hash = number, transaction.hash
    seen.entries += len(sides)


def _check_order(transaction: LedgerTransaction, entries: list[_Told], seen: _Seen) -> None:
    """What readers find by index: the balance after each entry, rising ids, the head's bound of moments."""
    for one in entries:
        if one.after != seen.balances[(one.account, one.unit_class)]:
            raise _Wrong(
                f"{transaction.code} says that AST-{one.account} holds {one.after} of unit class"
                f" {one.unit_class} after it, the entries sum to"
                f" {seen.balances[(one.account, one.unit_class)]}",
                transaction.id,
            )
        if one.id <= seen.last_entry:
            raise _Wrong(
                f"the entries of {transaction.code} are not in the order of the ledger", transaction.id
            )
        seen.last_entry = one.id
    seen.latest_at = max(seen.latest_at or transaction.posted_at, transaction.posted_at)
    seen.behind = max(seen.behind, seen.latest_at - transaction.posted_at)


def _check_movement(transaction: LedgerTransaction, sides: list[Side], movement: Movement | None) -> None:
    agrees = (
        movement is not None
        and movement.state is MovementState.EXECUTED
        and (movement.kind, movement.reverses_id) == (transaction.kind, transaction.reverses_id)
        and sorted(sides_of(movement)) == sorted(sides)
    )
    if not agrees:
        raise _Wrong(
            f"{transaction.code} differs from its movement {transaction.movement_id}", transaction.id
        )


def _check_transferred(
    session: Session, batch: Sequence[LedgerTransaction], sides: dict[int, list[Side]], seen: _Seen
) -> None:
    """What is kept as the sum of transfers up to a posting is their sum, corrected ones taken back."""
    kept: dict[int, dict[int, int]] = defaultdict(dict)
    for one in session.scalars(
        select(TransferTotal).where(TransferTotal.number.between(batch[0].id, batch[-1].id))
    ):
        kept[one.number][one.unit_class_id] = one.units
    corrected = [one.reverses_id for one in batch if one.reverses_id is not None]
    transfers = select(LedgerTransaction.id).where(
        LedgerTransaction.id.in_(corrected), LedgerTransaction.kind == MovementKind.TRANSFER
    )
    taken_back = set(session.scalars(transfers)) if corrected else set()
    for posting in batch:
        sign = 1 if posting.kind is MovementKind.TRANSFER else -1 if posting.reverses_id in taken_back else 0
        for _account, unit_class, quantity in sides[posting.id]:
            seen.transferred[unit_class] += sign * max(0, quantity)
        said = kept.get(posting.id, {})
        for unit_class in sorted({*said, *seen.transferred} if said else ()):
            if said.get(unit_class, 0) != seen.transferred[unit_class]:
                raise _Wrong(
                    f"{said.get(unit_class, 0)} units of class {unit_class} are kept as transferred up to"
                    f" {posting.code}, the postings sum to {seen.transferred[unit_class]}",
                    posting.id,
                )


def _nothing_is_cut_off(session: Session, seen: _Seen) -> None:
    """Entries, executed movements and comparisons of the books that know of more than the chain shows."""
    number = seen.transactions + 1
    stray = select(LedgerEntry.id).where(~LedgerEntry.transaction_id.between(1, seen.transactions)).limit(1)
    entry = session.scalar(stray)
    if entry is not None:
        raise _Wrong(f"entry {entry} belongs to no transaction; T-{number:06d} is missing", number)
    unposted = (
        select(Movement.id)
        .outerjoin(LedgerTransaction, LedgerTransaction.movement_id == Movement.id)
        .where(Movement.state == MovementState.EXECUTED, LedgerTransaction.id.is_(None))
        .order_by(Movement.id)
        .limit(1)
    )
    movement = session.scalar(unposted)
    if movement is not None:
        raise _Wrong(
            f"movement {movement} was executed; T-{number:06d}, which should say so, is missing", number
        )
    read = session.scalar(select(func.max(BookCheck.last_number)).where(BookCheck.ok)) or 0
    if read >= number:
        raise _Wrong(f"a comparison of the books has read T-{read:06d}; T-{number:06d} is missing", number)
    added = session.scalar(select(func.max(TransferTotal.number))) or 0
    if added >= number:
        raise _Wrong(f"transfers were added up to T-{added:06d}; T-{number:06d} is missing", number)


def _compare_promises(session: Session) -> None:
    """What a holding has promised is what proposed corrections will take out of it.

    One statement, so that a proposal made meanwhile is seen on both sides or on none.
    """
    both = union_all(
        select(
            Holding.account_id.label("account"),
            Holding.unit_class_id.label("unit_class"),
            Holding.promised.label("kept"),
            literal(0).label("waiting"),
        ).where(Holding.promised != 0),
        select(Movement.source_id, Movement.unit_class_id, literal(0), Movement.quantity).where(
            Movement.state == MovementState.PROPOSED,
            Movement.kind.in_([MovementKind.CORRECTION, MovementKind.CARRY_OVER]),
        ),
    ).subquery()
    kept, waiting = func.sum(both.c.kept), func.sum(both.c.waiting)
    wrong = session.execute(
        select(both.c.account, both.c.unit_class, kept, waiting)
        .group_by(both.c.account, both.c.unit_class)
        .having(kept != waiting)
        .order_by(both.c.account, both.c.unit_class)
    ).first()
    if wrong is not None:
        account, unit_class, promised, proposed = wrong
        raise _Wrong(
            f"AST-{account} has promised {promised} of unit class {unit_class},"
            f" its proposals sum to {proposed}"
        )


def _compare_balances(session: Session, seen: _Seen) -> None:
    kept = {
        (account, unit_class): quantity
        for account, unit_class, quantity in session.execute(
            select(Holding.account_id, Holding.unit_class_id, Holding.quantity)
        )
    }
    for key in sorted({*kept, *seen.balances}):
        if kept.get(key, 0) != seen.balances.get(key, 0):
            raise _Wrong(
                f"AST-{key[0]} holds {kept.get(key, 0)} of unit class {key[1]},"
                f" its entries sum to {seen.balances.get(key, 0)}"
            )
