"""A movement is read and written past the mapped rows; here both are held against them, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, select, text
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from portal import clock, with_commit
from portal.models import Holder, Holding, MailMessage, MovementKind, Period, PhaseRule, ReportState
from portal.services import (
    compiled,
    issuance,
    ledger,
    ledger_proof,
    mail,
    movement_facts,
    movement_parties,
    posting,
)
from portal.services.figures import figures_of
from portal.services.mail import MailKind
from portal.services.transaction import one_transaction
from tests.factories import allowances as make
from tests.factories import registration, reports


@pytest.fixture
def market(session: Session) -> make.Market:
    """Issued, traded both ways, retired, one retirement corrected, jVER retired, target year approved."""
    made = make.market(session)
    make.move(session, made.a, MovementKind.TRANSFER, 900, made.trader.account.code)
    make.move(session, made.t, MovementKind.TRANSFER, 100, made.holder.account.code)
    make.move(session, made.a, MovementKind.RETIRE, 2_000)
    make.move(session, made.a, MovementKind.RETIRE, 300)
    reports.bring(session, made.scheme, ReportState.APPROVED, Period.TARGET, 7_400)
    undo = issuance.propose_correction(session, 5, "誤り", key="undo", actor=made.officer)
    issuance.confirm(session, undo.id, version=undo.version, actor=made.approver)
    jver = issuance.propose_jver(
        session, made.holder.account.code, 70, "申請", key="jver", actor=made.officer
    )
    issuance.confirm(session, jver.id, version=jver.version, actor=made.approver)
    wrong = issuance.propose_correction(session, 3, "誤り", key="undo2", actor=made.officer)
    issuance.withdraw(session, wrong.id, version=wrong.version, actor=made.officer)
    return made


def test_the_figures_under_lock_are_those_of_the_pages(session: Session, market: make.Market) -> None:
    other = registration.holder(session)
    units = session.scalars(select(Holding.unit_class_id).distinct()).all()
    for holder in (market.holder, other):
        for unit_class in units:
            found = movement_facts.facts(session, holder.account.id, holder.id, unit_class, None)
            assert found is not None
            shown = figures_of(session, holder)
            assert found.figures == replace(shown, late_jaa=0, late_jver=0)
            row = session.get(Holding, (holder.account.id, unit_class))
            assert (found.held, found.promised) == ((row.quantity, row.promised) if row else (0, 0))


def test_the_parties_are_the_own_account_and_the_other(session: Session, market: make.Market) -> None:
    trader = market.trader.account
    found = movement_parties.parties(session, market.a.id, trader.id)
    assert found is not None and found.target is not None
    assert (found.source.id, found.target.id) == (market.holder.account.id, trader.id)
    assert [login.login_id for login in found.target.logins] == [market.t.login_id]
    assert found.source.label == f"{market.holder.account.code}　{market.holder.label}"
    assert found.mover.usable
    nowhere = movement_parties.parties(session, market.a.id, 999_999)
    assert nowhere is not None and nowhere.target is None
    assert movement_parties.parties(session, market.officer.id, trader.id) is None


def test_a_movement_is_three_statements(
    engine: Engine, session: Session, market: make.Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    actor, code = market.a, market.trader.account.code
    session.commit()
    sent: list[str] = []
    real = compiled.driver_rows

    def keep(connection: Any, statement: str, values: dict[str, Any]) -> list[Any]:
        sent.append(statement)
        return real(connection, statement, values)

    def by_sqlalchemy(_connection: Any, _cursor: Any, statement: str, *_rest: object) -> None:
        sent.append(statement)

    unit_class = session.scalar(text("SELECT id FROM unit_class WHERE unit_type = 'JAA'"))
    last = with_commit.keep

    def with_the_commit(connection: Any, statement: str, values: dict[str, Any]) -> bool:
        kept = last(connection, statement, values)
        sent.extend([statement] if kept else [])
        return kept

    monkeypatch.setattr(compiled, "driver_rows", keep)
    monkeypatch.setattr(with_commit, "keep", with_the_commit)
    event.listen(engine, "before_cursor_execute", by_sqlalchemy)
    request = make.Request(kind=MovementKind.TRANSFER, quantity="1", account=code, unit_class_id=unit_class)
    with one_transaction(session):
        make.allowances.move(session, request, key="three", actor=actor)
    event.remove(engine, "before_cursor_execute", by_sqlalchemy)
    if engine.dialect.name == "postgresql":
        assert len(sent) == 3, sent
    else:  # the same rows, one table after the other; no query more
        assert sum(statement.lstrip().startswith(("SELECT", "WITH")) for statement in sent) == 3, sent


def _rows(session: Session, table: str, count: int, leave_out: set[str]) -> list[dict[str, Any]]:
    newest = text(f"SELECT * FROM {table} ORDER BY id DESC LIMIT {count}")
    rows = session.execute(newest).mappings().all()
    return [{name: value for name, value in row.items() if name not in leave_out} for row in rows]


def test_what_is_written_at_once_is_what_is_written_row_by_row(
    session: Session, market: make.Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL's one statement and SQLite's many leave the same columns, but for numbers and keys."""
    code = market.trader.account.code
    own = {"id", "movement_id", "subject_id", "idempotency_key", "canonical", "hash", "previous_hash"}
    own |= {"transaction_id", "message_id", "subject", "body"}
    own |= {"balance_after"}  # goes on with each; the proof at the end asks for it
    tables = {"movement": 1, "ledger_transaction": 1, "ledger_entry": 2, "event": 1, "mail_message": 2}

    def after_a_move() -> dict[str, Any]:
        movement = make.move(session, market.a, MovementKind.TRANSFER, 5, code)
        number = movement.transaction.code if movement.transaction is not None else "?"
        texts = [
            mail.body.replace(number, "T-")
            for mail in session.scalars(select(MailMessage).order_by(MailMessage.id.desc()).limit(2))
        ]
        assert all("取引番号　T-" in body for body in texts), texts
        return {
            **{table: _rows(session, table, count, own) for table, count in tables.items()},
            "texts": texts,
        }

    first = after_a_move()
    monkeypatch.setattr(posting, "carry_out", posting.one_by_one)
    assert after_a_move() == first
    assert ledger_proof.verify(session).ok


def test_a_mould_says_what_the_template_says(session: Session, market: make.Market) -> None:
    """The mails of a movement are filled into a text made once; it is the text of the templates."""
    facts: dict[str, Any] = {
        "movement_kind": "transfer",
        "quantity": 1_500,
        "unit": "JAA",
        "source": "AST-1001",
        "target": "AST-1002",
        "source_name": "みほん口座",
        "target_name": "",
        "ledger_number": "T-000007",
    }
    holder: Holder = market.holder
    label = f"{holder.account.code}　{holder.label}"
    for locale in ("ja", "en"):
        market.a.locale = locale
        session.flush()
        for kind in (MailKind.MOVEMENT_EXECUTED, MailKind.MOVEMENT_RECEIVED):
            (told,) = mail.notify(session, kind, holder=holder, **facts)
            for _again in range(2):
                (row,) = mail.rows(kind, [market.a], label, **facts)
                same = (
                    "subject",
                    "body",
                    "recipient",
                    "recipient_name",
                    "locale",
                    "user_id",
                    "state",
                    "kind",
                )
                assert {name: row[name] for name in same} == {name: getattr(told, name) for name in same}


def test_a_name_with_any_character_stays_as_it_is_in_the_mails(session: Session, market: make.Market) -> None:
    """What stands for the ledger number until it is known is nothing that somebody can have typed."""
    name = "みほん\uf8ff口座"
    market.trader.account.name = name
    session.flush()
    make.move(session, market.a, MovementKind.TRANSFER, 5, market.trader.account.code)
    newest = select(MailMessage).order_by(MailMessage.id.desc()).limit(2)
    for mail_message in session.scalars(newest):
        assert name in mail_message.body and posting.NUMBER_COMES not in mail_message.body
        assert "取引番号　T-" in mail_message.body


def test_an_address_of_blanks_gets_no_mail_of_a_movement(session: Session, market: make.Market) -> None:
    market.t.email = " \u3000"
    session.flush()
    before = session.scalars(select(MailMessage.id)).all()
    make.move(session, market.a, MovementKind.TRANSFER, 5, market.trader.account.code)
    told = session.scalars(select(MailMessage).where(MailMessage.id.not_in(before))).all()
    assert [one.user_id for one in told] == [market.a.id]


@pytest.mark.parametrize(("quantity", "needed"), [(5_400, False), (5_401, True)])
def test_voluntary_is_kept_only_where_it_was_needed(
    session: Session, market: make.Market, quantity: int, needed: bool
) -> None:
    figures = figures_of(session, market.holder)
    assert figures.missing == 5_400
    for key in ("ticked", "ticked"):  # pressed twice: the same movement
        movement = make.move(session, market.a, MovementKind.RETIRE, quantity, key=key, voluntary=True)
    assert movement.voluntary is needed


def test_the_day_that_is_judged_is_the_day_that_is_written(
    session: Session, market: make.Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock may step on at each look: a movement looks once, when its accounts are locked."""
    last = session.scalars(select(PhaseRule.banking_until)).one()
    moments = iter([clock.end_of_day(last) - timedelta(microseconds=1), *[clock.end_of_day(last)] * 50])
    monkeypatch.setattr(clock, "now", lambda: next(moments))
    movement = make.move(session, market.a, MovementKind.RETIRE, 5)
    assert movement.transaction is not None
    assert movement.proposed_at == movement.decided_at == movement.transaction.posted_at
    assert clock.in_tokyo(movement.transaction.posted_at).date() == last


def test_a_mapped_balance_that_was_read_before_is_read_again(session: Session, market: make.Market) -> None:
    unit_class = session.scalar(text("SELECT id FROM unit_class WHERE unit_type = 'JAA'"))
    assert unit_class is not None
    row = ledger.holding(session, market.holder.account.id, unit_class)
    before = row.quantity
    movement = make.move(session, market.a, MovementKind.RETIRE, 5)
    assert row.quantity == before - 5
    assert (movement.kind, movement.quantity) == (MovementKind.RETIRE, 5)
    assert movement.transaction is not None and movement.transaction.movement_id == movement.id


def test_an_error_of_the_driver_is_sqlalchemys(session: Session, market: make.Market) -> None:
    broken = compiled.Prepared(("id",), lambda _dialect: "SELECT id FROM nowhere")
    with pytest.raises(DatabaseError) as error:
        broken.run(session, {"key": "what somebody typed"})
    assert "typed" not in str(error.value)
