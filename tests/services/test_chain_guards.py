"""Both databases refuse entries for an old posting, a correction that is no mirror image (safety 6, 9), and
a posting that the chain's head does not know (safety 1).

Here the program is made wrong: rows are written past every rule, or by SQL.
"""

from __future__ import annotations

import secrets

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DatabaseError, IntegrityError
from sqlalchemy.orm import Session

from portal import clock
from portal.models import LedgerEntry, LedgerTransaction, Movement, MovementKind, MovementState
from portal.services import issuance, ledger_proof, posting
from portal.services.transaction import one_transaction
from tests.factories import allowances as make
from tests.services.test_posting_guards import classes, run

#: placeholders in the sides of a forged posting
HOLDER, TRADER, OTHER, RETIRED = -1, -2, -3, 2


@pytest.fixture
def market(session: Session) -> make.Market:
    """Transaction 1 issued 8,500, 2 retired 800, 3 moved 300 to the trader."""
    with one_transaction(session):
        made = make.market(session)
        make.move(session, made.a, MovementKind.RETIRE, 800)
        make.move(session, made.a, MovementKind.TRANSFER, 300, made.trader.account.code)
    return made


def movement(
    market: make.Market, sides: list[tuple[int, int, int]], quantity: int, reverses: int
) -> Movement:
    """A decided correction as a program that forgot every rule would write it."""
    return Movement(
        kind=MovementKind.CORRECTION,
        state=MovementState.EXECUTED,
        source_id=sides[0][0],
        target_id=sides[1][0],
        unit_class_id=sides[0][1],
        quantity=quantity,
        reverses_id=reverses,
        reason="誤り",
        idempotency_key=secrets.token_hex(8),
        content_hash="x",
        proposed_by_id=market.officer.id,
        proposed_at=clock.now(),
        decided_by_id=market.approver.id,
        decided_at=clock.now(),
    )


def sides_of(
    market: make.Market, unit: int, giver: int, taker: int, units: int
) -> list[tuple[int, int, int]]:
    known = {HOLDER: market.holder.account.id, TRADER: market.trader.account.id}
    return [(known.get(giver, giver), unit, -units), (known.get(taker, taker), unit, units)]


@pytest.mark.parametrize("number", [2, 3])
def test_no_entry_is_added_to_a_posting_that_was_made_before(
    engine: Engine, session: Session, market: make.Market, number: int
) -> None:
    _jaa, jver = classes(session)
    holder, trader = market.holder.account.id, market.trader.account.id
    pair = f"({number}, {holder}, {jver}, 5, 5), ({number}, {trader}, {jver}, -5, 0)"
    session.rollback()
    with pytest.raises(DatabaseError, match="entry_of_newest"):
        run(
            engine,
            "INSERT INTO ledger_entry (transaction_id, account_id, unit_class_id, quantity, balance_after)"
            f" VALUES {pair}",
        )
    assert ledger_proof.verify(session).ok


def test_no_entry_is_added_to_a_posting_after_the_head_came_to_it(
    session: Session, market: make.Market
) -> None:
    """Also by whoever made it, before the commit: the sum was asked when the head moved."""
    _jaa, jver = classes(session)
    holder, trader, code = market.holder.account.id, market.trader.account.id, market.trader.account.code
    with pytest.raises(DatabaseError, match="entry_of_newest"), one_transaction(session):
        make.move(session, market.a, MovementKind.TRANSFER, 1, code)
        session.execute(
            text(
                "INSERT INTO ledger_entry"
                " (transaction_id, account_id, unit_class_id, quantity, balance_after)"
                f" VALUES (4, {holder}, {jver}, 5, 5), (4, {trader}, {jver}, -5, 0)"
            )
        )
    assert session.scalar(text("SELECT last_number FROM ledger_head")) == 3


@pytest.mark.parametrize("ahead", [1, 2])
def test_a_posting_that_leaves_the_head_where_it_is_cannot_be_committed(
    session: Session, market: make.Market, ahead: int
) -> None:
    """It would be asked for no sum, and nothing could be posted after it."""
    jaa, _jver = classes(session)
    trader, code = market.trader.account.id, market.trader.account.code
    with pytest.raises(IntegrityError, match=r"posting_on_head|FOREIGN KEY"), one_transaction(session):
        for _before in range(1, ahead):
            make.move(session, market.a, MovementKind.TRANSFER, 1, code)
        head = posting.lock_head(session.connection())
        row = movement(market, sides_of(market, jaa, TRADER, HOLDER, 300), 300, 3)
        row.kind, row.reverses_id = MovementKind.TRANSFER, None
        session.add(row)
        session.flush()
        session.add(
            LedgerTransaction(
                id=head.number + 1,
                kind=row.kind,
                movement_id=row.id,
                posted_at=clock.now(),
                posted_by_id=market.a.id,
                canonical=b"x",
                previous_hash=head.hash,
                hash="f" * 64,
            )
        )
        session.flush()
        one_sided = {"quantity": 999, "balance_after": 1299}
        entry = LedgerEntry(transaction_id=head.number + 1, account_id=trader, unit_class_id=jaa, **one_sided)
        session.add(entry)
        session.flush()
    with one_transaction(session):
        make.move(session, market.a, MovementKind.TRANSFER, 1, code)
    assert ledger_proof.verify(session).ok
    assert session.scalar(text("SELECT last_number FROM ledger_head")) == 4


@pytest.mark.parametrize(
    ("giver", "taker", "units", "reverses"),
    [
        (TRADER, HOLDER, 299, 3),  # less than was moved
        (TRADER, HOLDER, 301, 3),
        (HOLDER, TRADER, 300, 3),  # the same way once more
        (TRADER, HOLDER, 300, 2),  # as the correction of another one
        (RETIRED, TRADER, 800, 2),  # to somebody else
    ],
)
def test_a_correction_that_is_no_mirror_image_cannot_be_written(
    session: Session, market: make.Market, giver: int, taker: int, units: int, reverses: int
) -> None:
    jaa, _jver = classes(session)
    sides = sides_of(market, jaa, giver, taker, units)
    with pytest.raises(DatabaseError, match="mirror_image"), one_transaction(session):
        session.add(movement(market, sides, units, reverses))
        session.flush()


def test_a_waiting_correction_cannot_become_another_one(
    engine: Engine, session: Session, market: make.Market
) -> None:
    with one_transaction(session):
        issuance.propose_correction(session, 3, "誤り", key="undo", actor=market.officer)
    for change in ("quantity = 299", "reverses_id = 2", "source_id = 2"):
        with pytest.raises(DatabaseError, match="mirror_image"):
            run(engine, f"UPDATE movement SET {change} WHERE idempotency_key = 'undo'")


@pytest.mark.parametrize("units", [299, 300])
def test_the_entries_of_a_correction_are_the_mirror_of_its_original(
    session: Session, market: make.Market, units: int
) -> None:
    """The movement says 300: entries of 299 sum to zero and are refused all the same."""
    jaa, _jver = classes(session)
    exact = sides_of(market, jaa, TRADER, HOLDER, 300)
    sides = sides_of(market, jaa, TRADER, HOLDER, units)

    def post() -> None:
        with one_transaction(session):
            row = movement(market, exact, 300, 3)
            session.add(row)
            session.flush()
            posting.write(
                session.connection(),
                kind="correction",
                movement_id=row.id,
                reverses_id=3,
                sides=sides,
                posted_at=clock.now(),
                posted_by_id=market.approver.id,
            )

    if units == 300:
        post()
        assert ledger_proof.verify(session).ok
        return
    with pytest.raises(DatabaseError, match="mirror_image"):
        post()
    session.rollback()
    assert session.scalar(text("SELECT last_number FROM ledger_head")) == 3


def test_another_kind_of_movement_is_not_posted_as_a_correction(
    session: Session, market: make.Market
) -> None:
    jaa, _jver = classes(session)
    sides = sides_of(market, jaa, TRADER, HOLDER, 300)
    row = movement(market, sides, 300, 3)
    row.kind, row.reverses_id = MovementKind.TRANSFER, None
    with pytest.raises(DatabaseError, match="mirror_image"), one_transaction(session):
        session.add(row)
        session.flush()
        posting.write(
            session.connection(),
            kind="correction",
            movement_id=row.id,
            reverses_id=3,
            sides=sides,
            posted_at=clock.now(),
            posted_by_id=market.approver.id,
        )
