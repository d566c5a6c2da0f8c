"""Issues beside everything else that moves: every account of a posting is locked, the chain is held last."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from sqlalchemy import Engine, event, select
from sqlalchemy.orm import Session

from portal.errors import Refusal
from portal.models import Account, MailMessage, Movement, MovementKind, Phase, User
from portal.services import (
    banking,
    issuance,
    issue_batches,
    ledger,
    ledger_proof,
    phase_closings,
    phase_proposals,
    phases,
)
from portal.services.transaction import one_transaction
from tests.factories import allowances as trade
from tests.factories import registration
from tests.factories import settlement as make
from tests.services.rule_world import BANKING_TIME
from tests.services.test_races import at_once


@pytest.fixture
def cohort(session: Session) -> make.Cohort:
    """The first holder has its 8,500 JAA; 40 are proposed for the second."""
    with one_transaction(session):
        made = make.cohort(session)
        trade.issue(session, made.market)
    return made


def proposed(session: Session, cohort: make.Cohort) -> int:
    with one_transaction(session):
        key = secrets.token_hex(8)
        return issuance.propose_issue(session, cohort.second.id, key=key, actor=cohort.officer).id


def confirming(movement_id: int, actor_id: int) -> Callable[[Session], str]:
    def act(session: Session) -> str:
        issuance.confirm(session, movement_id, version=1, actor=session.get_one(User, actor_id))
        return "done"

    return act


def test_a_posting_on_accounts_that_were_not_locked_is_a_programming_error(
    session: Session, cohort: make.Cohort
) -> None:
    movement = session.scalars(select(Movement)).first()
    assert movement is not None
    session.rollback()
    ledger.lock_accounts(session, movement.target_id)
    with pytest.raises(RuntimeError, match=r"not locked: \[1\]"):
        ledger.post(session, movement, ledger.sides_of(movement), actor=cohort.officer)
    session.rollback()
    ledger.lock_accounts(session, 1)
    session.commit()  # a lock ends with its transaction
    with pytest.raises(RuntimeError, match="not locked"):
        ledger.post_many(session, [movement], actor=cohort.officer)


def test_a_carry_over_and_an_issue_at_once_both_get_through(
    engine: Engine, session: Session, cohort: make.Cohort
) -> None:
    with one_transaction(session):
        registration.phase(session, 3)
        trade.at(BANKING_TIME)
        row = banking.apply(session, "100", key="apply", actor=cohort.market.a)
        carry = banking.propose(session, row.id, version=row.version, key="carry", actor=cohort.officer)
    ids, approver = (carry.id, proposed(session, cohort)), cohort.approver.id
    session.rollback()
    assert at_once(engine, [confirming(one, approver) for one in ids]) == ["done", "done"]
    report = ledger_proof.verify(session)
    assert report.ok and report.transactions == 3
    assert [(one.issued, one.elsewhere) for one in report.sums] == [(8_440, 8_440), (100, 100)]


def test_a_phase_closes_before_an_issue_or_after_it(
    engine: Engine, session: Session, cohort: make.Cohort
) -> None:
    phase_id, second = cohort.phase.id, cohort.second.id
    officer, approver = cohort.officer.id, cohort.approver.id
    with one_transaction(session):
        trade.at(make.OVER)
        make.freeze(session)
    with one_transaction(session):
        actor = session.get_one(User, officer)
        closing = phase_closings.propose(session, phase_id, reason="終わり", actor=actor).id
        issue = issuance.propose_issue(session, second, key="late", actor=actor).id
    session.rollback()

    def close(own: Session) -> str:
        phase_closings.confirm(own, closing, actor=own.get_one(User, approver))
        return "done"

    closed, issued = at_once(engine, [close, confirming(issue, approver)])
    # after the issue there is a posting that no comparison of the books has read yet
    assert issued == "done" and closed in ("done", Refusal.CLOSING_PENDING, Refusal.CLOSING_NOT_COMPARED)
    assert ledger_proof.verify(session).ok
    phase = session.get_one(Phase, phase_id)
    assert (phase.closed_at is not None) == (closed == "done")


def test_a_cap_and_a_proposal_that_it_would_forbid_do_not_pass_each_other(
    engine: Engine, session: Session, cohort: make.Cohort
) -> None:
    with one_transaction(session):
        now = phases.dates_of(phases.rule_in_force(session, cohort.phase))
        cap = phase_proposals.propose_rule(
            session, cohort.phase.id, replace(now, issue_cap=8_520), reason="上限", actor=cohort.officer
        ).id
    holder, officer, approver = cohort.second.id, cohort.officer.id, cohort.approver.id
    session.rollback()

    def limit(own: Session) -> str:
        phase_proposals.confirm_proposal(own, cap, actor=own.get_one(User, approver))
        return "done"

    def issue(own: Session) -> str:
        issuance.propose_issue(own, holder, key="issue", actor=own.get_one(User, officer))
        return "done"

    answers = at_once(engine, [limit, issue])
    assert answers in (["done", Refusal.CAP_REACHED], [Refusal.NUMBER_RANGE, "done"])


# ---- a whole phase


@contextmanager
def statements(engine: Engine) -> Iterator[list[str]]:
    """What is sent to the database, in order."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(" ".join(statement.split()).lower())

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


def test_a_batch_prepares_everything_before_it_holds_the_chain(engine: Engine, session: Session) -> None:
    with one_transaction(session):
        cohort = make.cohort(session)
        row = make.batch(session, cohort)
    with statements(engine) as seen, one_transaction(session):
        issue_batches.execute_all(session, row.id, version=row.version, actor=cohort.approver)
    first = next(place for place, one in enumerate(seen) if "ledger_head" in one)
    posting = ("ledger_head", "ledger_transaction", "ledger_entry", "holding", "mail_message")
    assert [one for one in seen[first:] if not any(table in one for table in posting)] == []
    logins = [one for one in seen if one.startswith("select") and "from user" in one.replace('"', "")]
    assert sum("holder_id in" in one for one in logins) == 1, logins  # not one for each movement


def test_every_holder_of_a_batch_is_told_with_its_own_ledger_number(session: Session) -> None:
    with one_transaction(session):
        cohort = make.cohort(session)
        row = make.batch(session, cohort)
        issue_batches.execute_all(session, row.id, version=row.version, actor=cohort.approver)
    session.expire_all()
    told = session.scalars(select(MailMessage).where(MailMessage.kind == "movement_received")).all()
    codes = {one.target.code: one.transaction.code for one in row.movements if one.transaction is not None}
    assert len(told) == len(codes) == 2
    for code, number in codes.items():
        (mail,) = [one for one in told if code in one.body]
        assert number in mail.body and "AST-1" in mail.body
        assert f"/allowances/receipt/{number}\n" in mail.body and "第2期 JAA" in mail.subject
    accounts = session.scalars(select(Account).where(Account.holder_id.is_not(None))).all()
    assert {one.code for one in accounts} >= set(codes)
    kinds = set(session.scalars(select(Movement.kind)))
    assert kinds == {MovementKind.ISSUE}
