"""The second book: what is right agrees, and whatever is forged is the first difference it names."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy import Connection, Engine, insert, select, text
from sqlalchemy.orm import Session

from portal import clock
from portal.models import (
    Event,
    Movement,
    MovementKind,
    MovementState,
    Period,
    ReportState,
    UnitClass,
    UnitType,
    User,
)
from portal.services import allowances, audit, issuance, ledger, second_book, second_book_rows
from portal.services.allowances import Request
from portal.services.transaction import one_transaction
from tests.factories import allowances as make
from tests.factories import forged_events, forgery, registration, reports
from tests.factories.forgery import again, mend, rewrite

TRANSFER, RETIRE, CANCEL = MovementKind.TRANSFER, MovementKind.RETIRE, MovementKind.CANCEL


@dataclass
class Told:
    """Eight postings of every kind that the services make, a carry-over, and two promises."""

    holder: int
    trader: int
    jaa: int
    officer: int


@pytest.fixture
def told(session: Session) -> Told:
    with one_transaction(session):
        made = make.market(session)
        holder, trader = made.holder.account, made.trader.account
        given = issuance.propose_jver(
            session, trader.code, 300, "申請のとおり", key="jver", actor=made.officer
        )
        issuance.confirm(session, given.id, version=given.version, actor=made.approver)  # T-2
        make.move(session, made.a, TRANSFER, 1_500, trader.code)  # T-3
        make.move(session, made.t, TRANSFER, 400, holder.code)  # T-4
        make.move(session, made.a, RETIRE, 5_000)  # T-5
        make.move(session, made.t, CANCEL, 100)  # T-6
        make.move(session, made.a, TRANSFER, 10, trader.code)  # T-7
        _correct(session, made, 7)  # T-8
        _carry_over(session, made, 20, decided=True)  # T-9
        issuance.propose_correction(session, 6, "口座の誤り", key="later", actor=made.officer)
        _carry_over(session, made, 30, decided=False)
        jaa = session.scalars(select(UnitClass.id).where(UnitClass.phase_id == made.holder.phase_id)).one()
        found = Told(holder.id, trader.id, jaa, made.officer.id)
    return found


def _correct(session: Session, made: make.Market, number: int) -> None:
    wrong = issuance.propose_correction(session, number, "口座の誤り", key=f"c{number}", actor=made.officer)
    issuance.confirm(session, wrong.id, version=wrong.version, actor=made.approver)


def _carry_over(session: Session, made: make.Market, quantity: int, *, decided: bool) -> None:
    """Leftover units become units of the next phase, as the posting of a carry-over does it."""
    following = registration.phase(session, 3)
    own, into = (
        session.scalars(select(UnitClass).where(UnitClass.phase_id == one)).one()
        for one in (made.holder.phase_id, following.id)
    )
    account = made.holder.account
    movement = Movement(
        kind=MovementKind.CARRY_OVER,
        state=MovementState.PROPOSED,
        source_id=account.id,
        target_id=account.id,
        unit_class_id=own.id,
        target_class_id=into.id,
        quantity=quantity,
        idempotency_key=secrets.token_hex(8),
        content_hash="x",
        proposed_by_id=made.officer.id,
        proposed_at=clock.now(),
    )
    session.add(movement)
    kind, tag = movement.kind.value, audit.EventTag.MOVEMENT_PROPOSED
    audit.record(session, tag, movement, actor=made.officer, kind=kind, quantity=quantity)
    if decided:
        allowances.execute(session, movement, "confirm", actor=made.approver)
    else:
        ledger.holding(session, account.id, own.id, lock=True).promised += quantity
        session.flush()


@pytest.fixture
def forger(told: Told, engine: Engine, database_url: str) -> Iterator[Engine]:
    engine.dispose()
    open_book = forgery.unguarded(database_url)
    yield open_book
    open_book.dispose()


def compared(connection: Connection) -> second_book.BookResult:
    with Session(bind=connection, join_transaction_mode="control_fully") as session:
        found = second_book.compare(session)
        session.expunge_all()
        return found


def sql(statement: str, **values: object) -> Callable[[Connection, Told], None]:
    def forge(connection: Connection, told: Told) -> None:
        known = {"holder": told.holder, "trader": told.trader, "jaa": told.jaa, "officer": told.officer}
        given = {name: value for name, value in known.items() if f":{name}" in statement}
        connection.execute(text(statement), {**given, **values})

    return forge


def named(told: Told, changes: dict[str, object]) -> dict[str, object]:
    """``holder`` and ``trader`` stand for their accounts."""
    return {
        key: getattr(told, str(one)) if one in ("holder", "trader") else one for key, one in changes.items()
    }


def rewritten(number: int, **changes: object) -> Callable[[Connection, Told], None]:
    def forge(connection: Connection, told: Told) -> None:
        rewrite(connection, number, **named(told, changes))
        mend(connection)

    return forge


def repeated(number: int, **changes: object) -> Callable[[Connection, Told], None]:
    def forge(connection: Connection, told: Told) -> None:
        again(connection, number, **named(told, changes))
        mend(connection)

    return forge


def both(
    *acts: Callable[[Connection, Told], None], mended: bool = False
) -> Callable[[Connection, Told], None]:
    def forge(connection: Connection, told: Told) -> None:
        for act in acts:
            act(connection, told)
        if mended:
            mend(connection)

    return forge


def other_bytes(stored: bytes) -> Callable[[Connection, Told], None]:
    proof = hashlib.sha256(stored).hexdigest()
    return sql(
        "UPDATE ledger_transaction SET canonical = :stored, hash = :proof WHERE id = 3",
        stored=stored,
        proof=proof,
    )


def gone(number: int) -> Callable[[Connection, Told], None]:
    return both(
        sql("DELETE FROM ledger_entry WHERE transaction_id = :number", number=number),
        sql("DELETE FROM ledger_transaction WHERE id = :number", number=number),
    )


def read_before(connection: Connection, told: Told) -> None:
    """A comparison has read all of it, and its event says up to which hash."""
    row = connection.execute(text("SELECT last_number, last_hash FROM ledger_head")).one()
    facts = {"last_number": row[0], "sha256": row[1]}
    about = {"at": clock.now(), "tag": "books_compared", "subject_type": "book_check", "subject_id": 1}
    connection.execute(insert(Event).values({**about, "facts": facts}))


SELF = "UPDATE movement SET decided_by_id = proposed_by_id WHERE kind = 'issue'"
#: what is done → how the first difference begins
FORGED: dict[str, tuple[Callable[[Connection, Told], None], str]] = {
    "a balance": (
        sql("UPDATE holding SET quantity = quantity + 1 WHERE account_id = :trader AND unit_class_id = :jaa"),
        "AST-{trader}: the balance of unit class {jaa} is 1001, its entries sum to 1000",
    ),
    "an entry": (
        sql("UPDATE ledger_entry SET quantity = -1499 WHERE transaction_id = 3 AND quantity < 0"),
        "T-000003: the rows say",
    ),
    "an entry more": (
        sql(
            "INSERT INTO ledger_entry (transaction_id, account_id, unit_class_id, quantity, balance_after)"
            " VALUES (4, 201, :jaa, 1, 1)"
        ),
        "T-000004: the rows say",
    ),
    "what an entry says of the balance": (
        sql("UPDATE ledger_entry SET balance_after = 1501 WHERE transaction_id = 3 AND quantity > 0"),
        "T-000003 says that AST-{trader} then held 1501 of unit class {jaa}, its entries sum to 1500",
    ),
    "the order of the entries": (
        sql("UPDATE ledger_entry SET id = id + 1000 WHERE transaction_id = 3"),
        "T-000004: entry ",
    ),
    "how far moments lag behind numbers": (
        sql("UPDATE ledger_head SET behind = -1"),
        "the head of the chain says -1 s for what was stamped 0:00:00 too early",
    ),
    "the stored bytes": (
        sql("UPDATE ledger_transaction SET canonical = :stored WHERE id = 3", stored=b"{}"),
        "T-000003: the hash is not that of the stored bytes",
    ),
    "bytes and hash": (other_bytes(b"{}"), "T-000003: the stored bytes cannot be read"),
    "bytes that are no account": (other_bytes(b"7"), "T-000003: the stored bytes cannot be read"),
    "a hash in between": (
        sql("UPDATE ledger_transaction SET previous_hash = :old WHERE id = 4", old="0" * 64),
        "T-000004 does not follow the hash of its predecessor",
    ),
    "a moment": (
        sql("UPDATE ledger_transaction SET posted_at = '2014-05-01 00:00:00.000000' WHERE id = 5"),
        "T-000005: the moment differs from the stored bytes",
    ),
    "a missing posting": (gone(3), "T-000003 is missing"),
    "a missing end": (gone(9), "the chain ends at T-000008"),
    "an end that was cut off with all that was made of it": (
        both(
            sql(
                "INSERT INTO book_check (ok, transactions, entries, last_number, started_at, finished_at)"
                " SELECT true, 9, 20, 9, max(posted_at), max(posted_at) FROM ledger_transaction"
            ),
            gone(9),
            sql(
                "DELETE FROM movement WHERE state = 'executed'"
                " AND id NOT IN (SELECT movement_id FROM ledger_transaction)"
            ),
            mended=True,
        ),
        "the chain ends at T-000008, a comparison has read T-000009",
    ),
    "a past written anew with all its hashes": (
        both(read_before, rewritten(3, quantity=1_499)),
        "T-000009 is not what a comparison has read there",
    ),
    "the head": (sql("UPDATE ledger_head SET last_hash = :old", old="0" * 64), "the chain ends at T-000009"),
    "no head": (sql("DELETE FROM ledger_head"), "the chain ends at T-000009"),
    "a doubled posting": (repeated(3), "T-000010 left 880 units in AST-{holder}, the reserve was 2000"),
    "a doubled issue": (repeated(1), "AST-{holder} was issued units 2 times"),
    "a correction of a correction": (
        repeated(8, reverses_id=8, source_id="holder", target_id="trader"),
        "T-000010 corrects T-000008, which cannot be corrected again",
    ),
    "an issue by one person": (
        both(
            sql(SELF), sql("UPDATE ledger_transaction SET posted_by_id = :officer WHERE id = 1"), mended=True
        ),
        "T-000001 was not decided by a second person",
    ),
    "another poster": (
        both(sql("UPDATE ledger_transaction SET posted_by_id = :officer WHERE id = 3"), mended=True),
        "T-000003 was posted by another person than decided its movement",
    ),
    "a posting without its movement": (
        sql(
            "UPDATE movement SET state = 'withdrawn'"
            " WHERE id = (SELECT movement_id FROM ledger_transaction WHERE id = 3)"
        ),
        "T-000003 has no executed movement",
    ),
    "a movement of another kind": (
        sql("UPDATE movement SET kind = 'offset' WHERE kind = 'cancel'"),
        "T-000006 is of another kind than its movement",
    ),
    "a movement of another quantity": (
        sql("UPDATE movement SET quantity = 101 WHERE kind = 'cancel'"),
        "T-000006: the entries are not those of its movement",
    ),
    "a movement never posted": (
        sql("UPDATE movement SET state = 'executed' WHERE idempotency_key = 'later'"),
        "movement ",
    ),
    "an entry of no posting": (
        sql(
            "INSERT INTO ledger_entry (transaction_id, account_id, unit_class_id, quantity, balance_after)"
            " VALUES (999, :trader, :jaa, 5, 5)"
        ),
        "entry ",
    ),
    "units out of AST-2": (rewritten(6, source_id=2), "T-000006: cancel may not join AST-2 and AST-101"),
    "a correction of something else": (
        rewritten(8, quantity=11),
        "T-000008 is not the mirror image of what it corrects",
    ),
    "a retirement by a trader": (
        rewritten(5, source_id="trader", quantity=500),
        "T-000005: retire may not join AST-{trader} and AST-2",
    ),
    "an issue of jVER to a holder": (
        rewritten(1, kind="issue_jver"),
        "T-000001: issue_jver may not move units of class {jaa} there",
    ),
    "the reserve": (
        rewritten(3, quantity=1_501),
        "T-000003 left 6999 units in AST-{holder}, the reserve was 7000",
    ),
    "below zero": (rewritten(4, quantity=1_501), "T-000004 takes AST-{trader} below zero"),
    "a promise": (
        sql("UPDATE holding SET promised = 0 WHERE account_id = 101"),
        "AST-101 has promised 0 of unit class {jaa}, its proposals sum to 100",
    ),
    "the promise of a carry-over": (
        sql("UPDATE movement SET quantity = 31 WHERE kind = 'carry_over' AND state = 'proposed'"),
        "AST-{holder} has promised 30 of unit class {jaa}, its proposals sum to 31",
    ),
    "an issue of more than base − target": (
        rewritten(1, quantity=8_501),
        "AST-{holder} was issued 8501 units, base − target is 10000 − 1500",
    ),
    "the target an issue stood on": (
        sql("UPDATE reduction_target SET quantity = 1501"),
        "AST-{holder} was issued 8500 units, base − target is 10000 − 1501",
    ),
    **{name: (sql(forge), begins) for name, (forge, begins) in forged_events.EVENTS.items()},
}


def test_every_forgery_is_the_first_difference_that_is_named(forger: Engine, told: Told) -> None:
    found, wanted = {}, {}
    for name, (forge, begins) in FORGED.items():
        with forger.connect() as connection:
            assert compared(connection).ok, name
            connection.rollback()
            forge(connection, told)
            result = compared(connection)
            connection.rollback()
        begins = begins.format(holder=told.holder, trader=told.trader, jaa=told.jaa)
        said = result.problem or "nothing"
        found[name], wanted[name] = said[: len(begins)], begins
        assert result.ok is (result.problem is None)
    assert found == wanted


@pytest.fixture
def surplus(session: Session) -> make.Market:
    """6,000 emitted and retired, part of it as jVER and after the deadline; then all that is left is sold."""
    with one_transaction(session):
        made = make.market(session)
        trader, holder = made.trader.account.code, made.holder.account.code
        given = issuance.propose_jver(session, trader, 100, "申請のとおり", key="jver", actor=made.officer)
        issuance.confirm(session, given.id, version=given.version, actor=made.approver)
        jver = session.scalars(select(UnitClass.id).where(UnitClass.unit_type == UnitType.JVER)).one()
        moved(session, made.t, TRANSFER, 100, holder, jver)
        make.move(session, made.a, RETIRE, 5_000)
        reports.bring(session, made.scheme, ReportState.APPROVED, Period.TARGET, 6_000)
        make.at("2015-12-05 10:00")
        moved(session, made.a, RETIRE, 100, "", jver)
        make.move(session, made.a, RETIRE, 900)
        make.move(session, made.a, TRANSFER, 2_600, trader)
    return made


def moved(session: Session, actor: User, kind: MovementKind, quantity: int, account: str, unit: int) -> None:
    request = Request(kind, str(quantity), account, unit)
    allowances.move(session, request, key=secrets.token_hex(8), actor=actor)


def test_units_that_were_freed_by_compliance_may_go_and_only_after_the_approval(
    session: Session, surplus: make.Market, engine: Engine, database_url: str
) -> None:
    result = second_book.compare(session)
    assert (result.problem, result.transactions, result.entries, result.last_number) == (None, 7, 14, 7)
    holder = surplus.holder.account.id
    session.rollback()
    engine.dispose()
    forger = forgery.unguarded(database_url)
    with forger.connect() as connection:
        # the approval came after the sale: it is the order of the events that says so, not their moments
        connection.execute(text("UPDATE event SET id = id + 100000 WHERE tag = 'report_approved'"))
        said = compared(connection).problem
    forger.dispose()
    assert said == f"T-000007 left 0 units in AST-{holder}, the reserve was 1100"


def test_it_writes_nothing_and_reads_in_portions(
    session: Session, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(second_book_rows, "PORTION", 2)
    assert second_book.compare(session).transactions == 9
    assert not session.new and not session.dirty
