"""A proposal that ends without a second person is told: to its proposer, to who would have confirmed."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from portal.errors import NotAllowed, Refusal, Refused
from portal.extensions import make_session
from portal.models import Event, IssueBatchState, Job, MailMessage, Movement, MovementState
from portal.permissions import Role
from portal.services import banking, issuance, issue_batches, jobs
from portal.services.transaction import one_transaction
from tests.factories import allowances as trade
from tests.factories import registration
from tests.factories import settlement as make


@pytest.fixture
def cohort(session: Session) -> make.Cohort:
    with one_transaction(session):
        made = make.cohort(session)
        trade.issue(session, made.market)
    return made


def told(session: Session, kind: str) -> dict[str, str]:
    """Body by the login id of the reader."""
    rows = session.scalars(select(MailMessage).where(MailMessage.kind == kind)).all()
    return {row.recipient: row.body for row in rows}


def jver(session: Session, cohort: make.Cohort, quantity: int = 30) -> Movement:
    account = cohort.market.trader.account.code
    with one_transaction(session):
        return issuance.propose_jver(
            session, account, quantity, "第1号", key=f"j{quantity}", actor=cohort.officer
        )


def test_who_would_confirm_declines_with_a_reason_and_the_proposer_must_see_to_it(
    session: Session, cohort: make.Cohort
) -> None:
    with one_transaction(session):
        colleague = registration.office(session, Role.OFFICER)
    made = jver(session, cohort)
    version, approver = made.version, cohort.approver
    with pytest.raises(NotAllowed), one_transaction(session):
        issuance.withdraw(session, made.id, version=version, actor=colleague, reason="二重のため")
    for nothing in (None, "　 "):
        with pytest.raises(Refused) as caught, one_transaction(session):
            issuance.withdraw(session, made.id, version=version, actor=approver, reason=nothing)
        assert [one.refusal for one in caught.value.problems] == [Refusal.REASON_NEEDED]
    assert made.state is MovementState.PROPOSED
    with one_transaction(session):
        issuance.withdraw(session, made.id, version=version, actor=approver, reason=" 二重のため ")
    assert (made.state, made.decided_by_id) == (MovementState.WITHDRAWN, approver.id)
    event = session.scalars(select(Event).order_by(Event.id.desc())).first()
    assert event is not None and (event.tag, event.reason) == ("movement_declined", "二重のため")
    assert (event.actor_id, told(session, "proposal_withdrawn")) == (approver.id, {})
    bodies = told(session, "proposal_declined")
    assert {cohort.officer.email, colleague.email} <= set(bodies) and approver.email not in bodies
    for reader, body in bodies.items():
        assert f"{cohort.market.trader.account.code}へのjVER 30の発行" in body and "二重のため" in body
        assert f"{approver.name}さんが却下しました" in body
        assert f"/admin/movement/details/?id={made.id}" in body
        assert ("もう一度起案してください" in body) == (reader == cohort.officer.email)


def test_who_proposed_withdraws_without_a_word_and_the_colleagues_hear_it(
    session: Session, cohort: make.Cohort
) -> None:
    made = jver(session, cohort)
    with one_transaction(session):
        issuance.withdraw(session, made.id, version=made.version, actor=cohort.officer)
    bodies = told(session, "proposal_withdrawn")
    assert cohort.approver.email in bodies and cohort.officer.email not in bodies
    assert f"起案者の{cohort.officer.name}さんが取り下げました" in bodies[str(cohort.approver.email)]


def test_whatever_lapses_is_told_and_each_has_a_transaction_of_its_own(
    engine: Engine, session: Session, cohort: make.Cohort
) -> None:
    made = [jver(session, cohort, quantity) for quantity in (30, 31, 32)]
    with one_transaction(session):
        row = issue_batches.propose(
            session, cohort.phase.id, {cohort.second.id: 40}, key="b", actor=cohort.officer
        )
        trade.at("2014-04-22 12:00")
        jobs.enqueue(session, "expire_proposals")
    session.rollback()
    while jobs.run_one(lambda: make_session(engine)) is not None:
        pass
    session.expire_all()
    assert {one.state for one in made} == {MovementState.EXPIRED}
    assert row.state is IssueBatchState.EXPIRED
    assert session.scalars(select(Job.result)).all() == [{"expired": 4}]
    rows = session.scalars(select(MailMessage).where(MailMessage.kind == "proposal_expired")).all()
    mine = [one.body for one in rows if one.recipient == cohort.officer.email]
    assert len(mine) == 4 and sum("第2期の一括発行" in body for body in mine) == 1
    assert all("14日" in body and "もう一度起案してください" in body for body in mine)


def test_a_hears_that_its_banking_application_waits_again(session: Session, cohort: make.Cohort) -> None:
    with one_transaction(session):
        registration.phase(session, 3)
        trade.at("2015-12-10 10:00")
        row = banking.apply(session, "100", key="apply", actor=cohort.market.a)
        made = banking.propose(session, row.id, version=row.version, key="carry", actor=cohort.officer)
    with one_transaction(session):
        issuance.withdraw(session, made.id, version=made.version, actor=cohort.officer)
    ((reader, body),) = told(session, "banking_waits_again").items()
    assert reader == cohort.market.a.email
    assert "第2期 JAA 100" in body and "必要ありません" in body
