"""The page of an application in each state: what it offers to whom, and that each button it offers works."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import clock
from portal.models import ApplicationState, PhaseRule, RegistrationApplication, User
from portal.services import letters, registration
from portal.services.transaction import one_transaction
from tests.admin.desk import Clerk, office
from tests.admin.desk import typed as as_typed
from tests.factories import registration as make

S = ApplicationState
PAGE = "/admin/application/"
#: state → the acts on its page, written down by hand; ``bare`` is received without its papers
OFFERED = {
    "bare": {"correction", "papers", "change", "take", "reject", "withdraw"},
    S.RECEIVED: {"accept", "correction", "papers", "change", "take", "reject", "withdraw"},
    S.CORRECTION_ASKED: {"papers", "change", "take", "reject", "withdraw"},
    S.ACCEPTED: set[str](),
    S.REJECTED: set[str](),
    S.WITHDRAWN: set[str](),
}
ACTS = set[str]().union(*OFFERED.values())
#: where each act leads; the others leave the state as it is
LEADS = {
    "accept": S.ACCEPTED,
    "correction": S.CORRECTION_ASKED,
    "reject": S.REJECTED,
    "withdraw": S.WITHDRAWN,
}
ACT = re.compile(r'(?:href|action)="/admin/application/([a-z]+)/\?id=(\d+)"')
PAPERS = {"seal_received": "y"}  # the consent is not


@pytest.fixture(autouse=True)
def in_2013(at: Callable[[str], datetime]) -> None:
    at("2013-10-08 09:00")


def recorded(session: Session, state: object) -> int:
    """An application in ``state``, as the office got it there."""
    officer = session.scalars(select(User).where(User.login_id == "officer")).one()
    data = make.trader_data(**({"seal_received": False} if state == "bare" else {}))
    row = registration.record_application(session, data, actor=officer)
    if state is S.CORRECTION_ASKED:
        registration.ask_correction(session, row.id, "押印がありません。", actor=officer)
    if state is S.ACCEPTED:
        registration.accept(session, row.id, actor=officer)
    if state is S.REJECTED:
        registration.reject(session, row.id, "対象外です。", actor=officer)
    if state is S.WITHDRAWN:
        registration.withdraw(session, row.id, "申出のとおり", actor=officer)
    return row.id


def offered(clerk: Clerk, row_id: int) -> set[str]:
    """The acts whose link or button stands on the application's page."""
    found = ACT.findall(clerk.get(f"{PAGE}details/?id={row_id}").text)
    assert {number for _act, number in found} <= {str(row_id)}
    return {act for act, _number in found} & ACTS


def press(clerk: Clerk, act: str, row_id: int, session: Session) -> None:
    """Go from the page through the act to the end, as its form is filled in."""
    if act == "take":
        form = clerk.form(f"{PAGE}details/?id={row_id}")
        assert clerk.post(f"{PAGE}take/?id={row_id}", form).status_code == 302
        return
    typed = {"reason": "申出のとおり"} if act in ("correction", "reject", "withdraw") else {}
    if act == "papers":
        typed = PAPERS
    if act == "change":
        row = session.get_one(RegistrationApplication, row_id)
        typed = as_typed(replace(registration.data_of(row), note="電話で確かめた。"))
        session.rollback()
    answer = clerk.send(f"{PAGE}{act}/?id={row_id}", typed, follow=False)
    assert answer.status_code == 302, (
        act,
        re.findall(r'id="([a-z_]+)-error"[^>]*>(.*?)</p>', answer.text, re.S),
    )


def test_each_button_on_each_page_works_and_no_other_is_offered(app: Flask, session: Session) -> None:
    office(session)
    with one_transaction(session):
        rows = {state: recorded(session, state) for state in OFFERED}
        spare = {(state, act): recorded(session, state) for state, acts in OFFERED.items() for act in acts}
    clerks = {login: Clerk(app, session, login) for login in ("officer", "approver", "viewer")}
    for state, row_id in rows.items():
        for login, clerk in clerks.items():
            wanted = OFFERED[state] if login != "viewer" else set()
            assert offered(clerk, row_id) == wanted, (state, login)
    for (state, act), row_id in spare.items():
        clerk = clerks["approver" if act in ("accept", "change") else "officer"]
        before = session.get_one(RegistrationApplication, row_id, populate_existing=True)
        version, was = before.version, before.state
        press(clerk, act, row_id, session)
        session.rollback()
        row = session.get_one(RegistrationApplication, row_id, populate_existing=True)
        to = S.RECEIVED if act == "change" else LEADS.get(act, was)
        assert (row.state, row.version > version) == (to, True), (state, act)
    # an act that a page does not offer leads back to it with a word, whoever opens its address
    for state, row_id in rows.items():
        for act in {"accept", "correction", "papers", "reject", "withdraw"} - OFFERED[state]:
            answer = clerks["officer"].get(f"{PAGE}{act}/?id={row_id}")
            assert "いまはできません" in answer.text, (state, act)


def test_a_decided_application_leads_to_its_letter_until_that_is_posted(app: Flask, session: Session) -> None:
    office(session)
    with one_transaction(session):
        told = [recorded(session, state) for state in (S.CORRECTION_ASKED, S.ACCEPTED, S.REJECTED)]
        quiet = recorded(session, S.WITHDRAWN)
    officer, viewer = Clerk(app, session, "officer"), Clerk(app, session, "viewer")

    def letter_acts(clerk: Clerk, row_id: int) -> list[str]:
        page = clerk.get(f"{PAGE}details/?id={row_id}").text.split('id="do"')[1].split("</section>")[0]
        return re.findall(r'href="/admin/letter/([a-z]+)/', page)

    for row_id in told:
        assert letter_acts(officer, row_id) == ["print"] and letter_acts(viewer, row_id) == []
        with one_transaction(session):
            letter = registration.letters_of(session, row_id)[0]
            user = session.scalars(select(User).where(User.login_id == "officer")).one()
            letters.print_letter(session, letter.id, actor=user, version=letter.version)
        assert letter_acts(officer, row_id) == ["post"]
        with one_transaction(session):
            letters.mark_posted(session, letter.id, clock.today(), actor=user)
        assert letter_acts(officer, row_id) == []
    assert letter_acts(officer, quiet) == []


def test_whoever_accepts_a_late_application_is_told_so_once_more(app: Flask, session: Session) -> None:
    office(session)
    with one_transaction(session):
        user = session.scalars(select(User).where(User.login_id == "officer")).one()
        due = session.scalars(select(PhaseRule.application_due)).one()
        row_ids = [
            registration.record_application(
                session, make.holder_data(session, received_on=due + timedelta(days=days)), actor=user
            ).id
            for days in (1, 0)
        ]
    clerk = Clerk(app, session, "officer")
    late, punctual = (clerk.get(f"{PAGE}accept/?id={row_id}").text for row_id in row_ids)
    assert "期限のあとに届いた申請を受理してよいこと" in late and "期限のあと" not in punctual
    assert late.count("受付日が期限を過ぎています。") == 1
