"""Phases on screen: proposed with a suggestion, old and new side by side, confirmed by another person."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import clock
from portal.models import Phase, PhaseProposal, PhaseRule, ProposalState
from portal.services import phases
from portal.services.transaction import one_transaction
from tests.admin import desk


@pytest.fixture
def staffed(session: Session) -> None:
    desk.office(session)


def suggested(page: str) -> dict[str, str]:
    """Every value the form came filled in with."""
    main = page.split("<main", 1)[1]
    values = {}
    for tag in re.findall(r"<input[^>]*>", main):
        name, value = re.search(r'name="([^"]+)"', tag), re.search(r'value="([^"]*)"', tag)
        if name and value and ('type="checkbox"' not in tag or "checked" in tag):
            values[name[1]] = value[1]
    return values


def test_a_phase_opens_by_two_persons_with_dates_a_year_on(
    app: Flask, session: Session, staffed: None
) -> None:
    officer, approver = desk.Clerk(app, session, "officer"), desk.Clerk(app, session, "approver")
    values = suggested(officer.get("/admin/phase/new/").text)
    assert (values["number"], values["target_year"]) == ("3", "2015")
    assert values["retirement_deadline"] == "2016-11-30"
    made = {**values, "reason": "第3期の実施ルール"}
    told = officer.post("/admin/phase/new/", made, follow=True).text
    assert "ほかの承認者が確かめると、確定します。" in told
    assert "確認できるのは、承認者の役割を持つ" in told
    row = waiting(session)
    assert officer.get(f"/admin/phase_proposal/confirm/?id={row}").status_code == 403
    again = officer.post("/admin/phase/new/", made, follow=True)  # the second press
    assert again.status_code == 200 and waiting(session) == row
    home = approver.get("/admin/").text
    assert "確認を待つ期と期限" in home and "/admin/phase_proposal/" in home
    page = approver.get(f"/admin/phase_proposal/confirm/?id={row}").text
    assert "2016年11月30日" in page and "第3期の実施ルール" in page
    answer = approver.send(f"/admin/phase_proposal/confirm/?id={row}")
    assert "第3期を始めました" in answer.text
    phase = session.scalars(select(Phase).where(Phase.number == 3)).one()
    assert phases.rule_in_force(session, phase).reserve_released_by_compliance


def test_dates_out_of_order_are_named_and_nothing_is_made(
    app: Flask, session: Session, staffed: None
) -> None:
    clerk = desk.Clerk(app, session, "officer")
    values = suggested(clerk.get("/admin/phase/new/").text)
    wrong = {**values, "banking_until": "2016-01-01", "reason": ""}
    answer = clerk.post("/admin/phase/new/", wrong)
    assert answer.status_code == 422
    assert "2016-01-01" in answer.text and 'id="banking_until-error"' in answer.text
    assert 'id="reason-error"' in answer.text
    assert session.scalars(select(PhaseProposal).where(PhaseProposal.number == 3)).one_or_none() is None


def test_a_form_half_filled_in_is_told_everything_else_too(
    app: Flask, session: Session, staffed: None
) -> None:
    clerk = desk.Clerk(app, session, "officer")
    url = f"/admin/phase/change/?id={session.scalars(select(PhaseRule.phase_id)).one()}"
    values = suggested(clerk.get(url).text)
    wrong = {**values, "issue_from": "", "target_report_due": "2015-12-24", "proposal_days": "0"}
    page = clerk.post(url, wrong).text
    for field in ("issue_from", "target_report_due", "proposal_days"):
        assert f'id="{field}-error"' in page, field
    assert "償却期限（2015年11月30日）までにしてください" in page and "1以上366以下の数" in page
    assert 'value="2015-12-24"' in page


def test_new_dates_stand_beside_the_old_until_another_person_confirms(
    app: Flask, session: Session, staffed: None, at: Callable[[str], datetime]
) -> None:
    at("2015-06-15 10:00")  # a deadline that has passed is moved nowhere
    first, second = desk.Clerk(app, session, "approver"), desk.Clerk(app, session, "second")
    phase_id = session.scalars(select(PhaseRule.phase_id)).one()
    url = f"/admin/phase/change/?id={phase_id}"
    values = {**suggested(first.get(url).text), "retirement_deadline": "2015-12-15", "reason": "延長のため"}
    seen = first.post(url, values, follow=True).text
    assert "2015年11月30日" in seen and "2015年12月15日" in seen and "延長のため" in seen
    assert "起案した方は確認できません" in seen
    row = waiting(session)
    own = first.post(f"/admin/phase_proposal/confirm/?id={row}", {**values, "version": "1"})
    assert own.status_code == 422 and "起案した方は確認できません" in own.text
    assert len(session.scalars(select(PhaseRule)).all()) == 1
    page = second.get(f"/admin/phase/details/?id={phase_id}").text
    assert "この期には、確認を待つ起案があります" in page
    assert "いまはできません" in second.get(url).text  # one proposal at a time
    done = second.send(f"/admin/phase_proposal/confirm/?id={row}").text
    assert "期限を変更しました" in done and "2015年11月30日" in done and "2015年12月15日" in done
    session.expire_all()
    assert len(session.scalars(select(PhaseRule)).all()) == 2
    # what the deadline's record rests on is said to be fixed before anybody presses
    at("2015-12-15 23:59")
    first, second = desk.Clerk(app, session, "approver"), desk.Clerk(app, session, "second")
    values = suggested(first.get(url).text)
    del values["jver_counts_for_compliance"]
    first.post(url, {**values, "reason": "数え方の変更"})
    row = waiting(session)
    at("2015-12-16 00:00")
    assert "この項目は変えられません" in second.get(f"/admin/phase_proposal/details/?id={row}").text
    first.send(f"/admin/phase_proposal/withdraw/?id={row}", {"reason": "不要"})
    assert first.get(url).text.count("償却期限を過ぎたため、変えられません。") == 2
    with one_transaction(session):
        session.get_one(Phase, phase_id).closed_at = clock.now()
    assert "いまはできません" in first.get(url).text
    page = first.get(f"/admin/phase/details/?id={phase_id}").text
    assert "締めた期の期限と決まりは、変えられません。" in page and "期限の変更を起案する" not in page


def test_a_proposal_is_taken_back_and_a_viewer_only_reads(
    app: Flask, session: Session, staffed: None
) -> None:
    officer, viewer = desk.Clerk(app, session, "officer"), desk.Clerk(app, session, "viewer")
    phase_id = session.scalars(select(PhaseRule.phase_id)).one()
    url = f"/admin/phase/change/?id={phase_id}"
    officer.post(url, {**suggested(officer.get(url).text), "proposal_days": "7", "reason": "短くする"})
    row = waiting(session)
    page = viewer.get(f"/admin/phase_proposal/details/?id={row}")
    assert page.status_code == 200 and "取り下げる" not in page.text
    assert viewer.get(url).status_code == viewer.get("/admin/phase/new/").status_code == 403
    assert "期の開始を起案する" not in viewer.get("/admin/phase/").text
    done = officer.send(f"/admin/phase_proposal/withdraw/?id={row}", {"reason": "不要になった"})
    assert "起案を取り下げました" in done.text and "不要になった" in done.text
    assert "まだ何もありません" not in (listed := viewer.get("/admin/phase_proposal/?page=0").text)
    assert "取下げ・却下" in listed and "期限の変更" in listed
    assert viewer.get("/admin/phase_proposal/export/csv/").status_code == 200


def waiting(session: Session) -> int:
    """The proposal that waits."""
    session.rollback()
    found = session.scalars(select(PhaseProposal.id).where(PhaseProposal.state == ProposalState.PROPOSED))
    return found.one()
