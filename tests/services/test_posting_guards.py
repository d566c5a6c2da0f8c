"""Both databases refuse what a posting must not be, even if the program is wrong (safety 1, 4, 6, 9).

Here the program is made wrong: rows are written past every rule, or by SQL.
"""

from __future__ import annotations

import secrets

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from portal import clock
from portal.extensions import make_session
from portal.models import Movement, MovementKind, MovementState, User
from portal.services import issuance, ledger, ledger_proof, posting
from portal.services.transaction import one_transaction
from tests.factories import allowances as make

ISSUANCE, RETIREMENT = 1, 2
#: placeholders in the sides of a forged posting
HOLDER, TRADER = -1, -2


@pytest.fixture
def market(session: Session) -> make.Market:
    """Transaction 1 issued 8,500, 2 retired 800, 3 moved 300 to the trader."""
    with one_transaction(session):
        made = make.market(session)
        make.move(session, made.a, MovementKind.RETIRE, 800)
        make.move(session, made.a, MovementKind.TRANSFER, 300, made.trader.account.code)
    return made


def run(engine: Engine, statement: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(statement))


def forge(
    session: Session,
    market: make.Market,
    kind: MovementKind,
    sides: list[tuple[int, int, int]],
    reverses: int | None = None,
) -> None:
    """Post ``sides`` past every rule: as a program that forgot them all would."""
    known = {HOLDER: market.holder.account.id, TRADER: market.trader.account.id}
    wrong = [(known.get(account, account), unit_class, units) for account, unit_class, units in sides]
    with one_transaction(session):
        movement = Movement(
            kind=MovementKind.TRANSFER,
            state=MovementState.EXECUTED,
            source_id=wrong[0][0],
            target_id=wrong[1][0],
            unit_class_id=wrong[0][1],
            quantity=1,
            idempotency_key=secrets.token_hex(8),
            content_hash="x",
            proposed_by_id=market.a.id,
            proposed_at=clock.now(),
            decided_by_id=market.a.id,
            decided_at=clock.now(),
        )
        session.add(movement)
        session.flush()
        posting.write(
            session.connection(),
            kind=kind.value,
            movement_id=movement.id,
            reverses_id=reverses,
            sides=wrong,
            posted_at=clock.now(),
            posted_by_id=market.a.id,
        )


def classes(session: Session) -> tuple[int, int]:
    """(JAA, jVER)."""
    found = {kind: number for kind, number in session.execute(text("SELECT unit_type, id FROM unit_class"))}
    return found["JAA"], found["jVER"]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE movement SET quantity = quantity + 1 WHERE state = 'executed'",
        "UPDATE movement SET state = 'proposed', decided_at = NULL WHERE state = 'executed'",
        "UPDATE movement SET note = 'later' WHERE state = 'executed'",
        "UPDATE movement SET version = version + 1 WHERE state = 'withdrawn'",
    ],
)
def test_what_was_decided_never_changes(
    engine: Engine, session: Session, market: make.Market, statement: str
) -> None:
    with one_transaction(session):
        proposed = issuance.propose_correction(session, 3, "誤り", key="undo", actor=market.officer)
        issuance.withdraw(session, proposed.id, version=proposed.version, actor=market.officer)
    with pytest.raises(DatabaseError, match="movement_decided"):
        run(engine, statement)


def test_no_movement_is_deleted_not_even_a_proposal(
    engine: Engine, session: Session, market: make.Market
) -> None:
    with one_transaction(session):
        issuance.propose_correction(session, 3, "誤り", key="undo", actor=market.officer)
    with pytest.raises(DatabaseError, match="movement_kept"):
        run(engine, "DELETE FROM movement WHERE state = 'proposed'")


def test_retired_units_leave_by_a_linked_correction_only(session: Session, market: make.Market) -> None:
    jaa, _jver = classes(session)
    back = [(RETIREMENT, jaa, -800), (HOLDER, jaa, 800)]
    for kind in (MovementKind.TRANSFER, MovementKind.CORRECTION):
        with pytest.raises(DatabaseError, match="unit_final"):
            forge(session, market, kind, back)
    with one_transaction(session):
        undo = issuance.propose_correction(session, 2, "誤り", key="undo", actor=market.officer)
        issuance.confirm(session, undo.id, version=undo.version, actor=market.approver)
    assert ledger.balance(session, RETIREMENT, jaa) == 0
    assert ledger_proof.verify(session).ok


@pytest.mark.parametrize("final", [101, 201])
def test_nothing_comes_back_from_cancellation_and_offset(
    session: Session, market: make.Market, final: int
) -> None:
    jaa, _jver = classes(session)
    forge(session, market, MovementKind.CANCEL, [(HOLDER, jaa, -5), (final, jaa, 5)])
    with pytest.raises(DatabaseError, match="unit_final"):
        forge(session, market, MovementKind.TRANSFER, [(final, jaa, -5), (TRADER, jaa, 5)])


@pytest.mark.parametrize(
    ("kind", "units"), [(MovementKind.TRANSFER, -9), (MovementKind.RETIRE, 9), (MovementKind.ISSUE, 9)]
)
def test_only_the_office_makes_units_or_takes_them_back(
    session: Session, market: make.Market, kind: MovementKind, units: int
) -> None:
    jaa, _jver = classes(session)
    with pytest.raises(DatabaseError, match="unit_issued"):
        forge(session, market, kind, [(ISSUANCE, jaa, units), (HOLDER, jaa, -units)])


def test_entries_sum_to_zero_in_each_unit_class(session: Session, market: make.Market) -> None:
    jaa, jver = classes(session)
    for sides in (
        [(HOLDER, jaa, -5), (TRADER, jaa, 6)],
        [(HOLDER, jaa, -5), (TRADER, jver, 5)],
        [(HOLDER, jaa, -5), (TRADER, jaa, 5), (TRADER, jver, 1)],
    ):
        with pytest.raises(DatabaseError, match="posting_sum"):
            forge(session, market, MovementKind.TRANSFER, sides)
    session.rollback()
    assert ledger_proof.verify(session).ok


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE ledger_head SET last_number = last_number - 1", "chain_follows|posting_sum"),
        ("UPDATE ledger_head SET last_number = last_number + 1", "chain_follows|posting_sum"),
        ("UPDATE ledger_head SET last_hash = 'x'", "chain_follows"),
        ("DELETE FROM ledger_head", "chain_head"),
        ("INSERT INTO ledger_head (id, last_number, last_hash) VALUES (2, 0, '')", "chain_head"),
    ],
)
def test_the_head_of_the_chain_moves_on_by_postings_only(
    engine: Engine, session: Session, market: make.Market, statement: str, words: str
) -> None:
    session.rollback()
    with pytest.raises(DatabaseError, match=words):
        run(engine, statement)


def test_the_guards_hold_for_the_statement_that_writes_all_at_once(
    engine: Engine, session: Session, market: make.Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A negative control: the rules are switched off, and the service itself moves what it must not."""
    holder, trader, actor = market.holder.account.id, market.trader.account.id, market.a.id
    session.rollback()
    monkeypatch.setattr("portal.services.allowances.problems", lambda case: [])
    for number, quantity, words in (
        (trader, 9_000, "not_below_zero|promised_is_there"),
        (holder, 1, "accounts_differ"),
        (ISSUANCE, 1, "unit_issued"),
    ):
        with (
            make_session(engine) as own,
            pytest.raises(DatabaseError, match=words),
            one_transaction(own),
        ):
            make.move(own, own.get_one(User, actor), MovementKind.TRANSFER, quantity, f"AST-{number}")
    assert ledger_proof.verify(session).ok
