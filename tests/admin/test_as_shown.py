"""What the office presses is what its page said: its figures go with the form and are compared under lock."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.errors import Problem, Refusal
from portal.models import (
    AccountAction,
    Movement,
    MovementKind,
    PhaseClosing,
    ProposalState,
    PublicationSubject,
)
from portal.services import (
    account_life,
    banking,
    issuance,
    once,
    phase_closings,
    publications,
    targets,
)
from portal.services.transaction import one_transaction
from tests.admin.desk import Clerk
from tests.factories import allowances as trade
from tests.factories import registration as make
from tests.factories import settlement
from tests.factories.registration import PASSWORD
from tests.participant.visitor import values, words

CHANGED = Problem(Refusal.FIGURES_CHANGED).text("ja")
FORGED = "0" * 64
WHY = {"reason": "届出のため", "password": PASSWORD}


#: which figures a page marks is the same on both; the other test compares them on either
ONE_DATABASE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


def refused(clerk: Clerk, url: str, **typed: str) -> None:
    """The page at ``url`` carries the mark of its figures; with another one it comes back, nothing done."""
    form = {**clerk.form(url), **WHY, **typed}
    answer = clerk.post(url, {**form, "seen": FORGED})
    assert answer.status_code == 422 and CHANGED in words(answer), url
    # it shows how things stand now, and offers just that
    assert values(answer)["seen"] == form["seen"] != "", url


@ONE_DATABASE
def test_every_page_before_anything_is_issued_carries_what_it_says(app: Flask, session: Session) -> None:
    with one_transaction(session):
        made = settlement.cohort(session)
        holder, third = made.market.holder.id, made.third.id
        another = targets.propose_target(session, made.second.id, 50, actor=made.officer, reason="誤り").id
        jver = issuance.propose_jver(
            session, made.market.trader.account.code, 5, "申請", key=once.new_key(), actor=made.officer
        ).id
        officer, approver = made.officer.login_id, made.approver.login_id
    clerk, second = Clerk(app, session, officer), Clerk(app, session, approver)
    issue = f"/admin/issue/propose/?id={holder}"
    for by, url in (
        (clerk, issue),
        (clerk, f"/admin/target/propose/?holder={third}"),
        (second, f"/admin/target/confirm/?id={another}"),
        (second, f"/admin/target/confirm-many/?id={another}"),
        (second, f"/admin/movement/confirm/?id={jver}"),
    ):
        refused(by, url, quantity="8")
    # another person's target is confirmed while the page is open: the press issues what no page said
    form = clerk.form(issue)
    with one_transaction(session):
        changed = targets.propose_target(session, holder, 9_000, actor=made.officer, reason="桁の誤り")
        targets.confirm_target(session, changed.id, actor=made.approver)
    answer = clerk.post(issue, {**form, **WHY})
    assert answer.status_code == 422 and CHANGED in words(answer)
    assert "1,000 JAAの発行を起案する" in answer.text
    assert clerk.post(issue, {**values(answer), **WHY}).status_code == 302
    session.rollback()
    units = session.scalars(select(Movement.quantity).where(Movement.kind == MovementKind.ISSUE)).all()
    assert units == [1_000]


def test_every_page_of_a_phase_that_ends_carries_what_it_says(app: Flask, session: Session) -> None:
    with one_transaction(session):
        market = settlement.over(session)
        retired, sold = 2, 3
        make.phase(session, 3)
        trade.at("2015-12-10 10:00")
        application = banking.apply(session, "100", key=once.new_key(), actor=market.a)
        waits, own, phase = application.id, market.holder.account.id, market.holder.phase_id
        officer, approver = market.officer.login_id, market.approver.login_id
    trade.at(settlement.OVER)
    clerk, second = Clerk(app, session, officer), Clerk(app, session, approver)
    refused(clerk, f"/admin/banking/propose/?id={waits}")
    with one_transaction(session):
        carry = banking.propose(session, waits, version=1, key=once.new_key(), actor=market.officer)
        number, version = carry.id, carry.version
    refused(second, f"/admin/movement/confirm/?id={number}")
    with one_transaction(session):
        issuance.withdraw(session, number, version=version, actor=market.officer)
        row = session.merge(application)
        session.refresh(row)
        banking.decline(session, waits, "期が終わる", version=row.version, actor=market.officer)
    refused(clerk, f"/admin/ledger/correct/?id={retired}")
    with one_transaction(session):
        back = issuance.propose_correction(session, sold, "誤り", key=once.new_key(), actor=market.officer)
        number, version = back.id, back.version
    refused(second, f"/admin/movement/confirm/?id={number}")
    with one_transaction(session):
        issuance.withdraw(session, number, version=version, actor=market.officer)
    refused(clerk, f"/admin/account/close/?id={own}")
    refused(clerk, "/admin/publication/propose/?phase=2&subject=emissions")
    refused(clerk, "/admin/phase_closing/propose/?phase=2")
    with one_transaction(session):
        closing = account_life.propose(session, own, AccountAction.CLOSE, "届出", actor=market.officer).id
        table = publications.propose(session, phase, PublicationSubject.EMISSIONS, actor=market.officer).id
        paper = phase_closings.propose(session, phase, reason="終わり", actor=market.officer).id
    refused(second, f"/admin/account_change/confirm/?id={closing}")
    refused(second, f"/admin/publication/release/?id={table}")
    confirm = f"/admin/phase_closing/confirm/?id={paper}"
    refused(second, confirm)
    # a correction comes between: what would be frozen for good is no longer what the page said
    form = second.form(confirm)
    # what was refused for another reason still carries what the page that was looked at said
    assert values(second.post(confirm, {**form, "seen": FORGED, "version": ""}))["seen"] == FORGED
    with one_transaction(session):
        wrong = issuance.propose_correction(session, sold, "誤り", key=once.new_key(), actor=market.officer)
        issuance.confirm(session, wrong.id, version=wrong.version, actor=market.approver)
        settlement.compare(session)
    answer = second.post(confirm, {**form, **WHY})
    assert answer.status_code == 422 and CHANGED in words(answer)
    session.rollback()
    assert session.get_one(PhaseClosing, paper).state is ProposalState.PROPOSED
    assert second.post(confirm, {**values(answer), **WHY}).status_code == 302
    session.rollback()
    kept = session.get_one(PhaseClosing, paper).totals
    assert kept is not None and kept["transferred"] == 0
