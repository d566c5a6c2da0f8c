"""Many targets confirmed with one press, a target replaced, verifiers changed and ended, on screen."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.models import (
    EmissionsReport,
    Holder,
    Period,
    ReductionTarget,
    ReportState,
    TargetState,
    User,
    VerifierAssignment,
)
from portal.services import once, targets, verifiers
from portal.services.transaction import one_transaction
from tests.admin.desk import Clerk, office
from tests.factories import registration as make
from tests.factories import reports


@pytest.fixture(autouse=True)
def in_2013(at: Callable[[str], datetime]) -> None:
    at("2013-11-05 10:00")


@pytest.fixture
def holders(session: Session) -> list[Holder]:
    office(session)
    with one_transaction(session):
        made = [make.holder(session) for _ in range(3)]
    return made


def person(session: Session, login: str) -> User:
    return session.scalars(select(User).where(User.login_id == login)).one()


def picked(clerk: Clerk, screen: str, act: str, ids: list[int]) -> str:
    """Choose rows of a list and press a bulk act; where it leads."""
    form = clerk.form(f"/admin/{screen}/")
    answer = clerk.post(f"/admin/{screen}/action/", {**form, "action": act, "rowid": [str(n) for n in ids]})
    return str(answer.location)


def states(session: Session) -> list[TargetState]:
    session.rollback()
    return list(session.scalars(select(ReductionTarget.state).order_by(ReductionTarget.id)))


def test_chosen_targets_are_listed_with_what_is_wrong_and_confirmed_at_once(
    app: Flask, session: Session, holders: list[Holder]
) -> None:
    with one_transaction(session):
        rows = [
            targets.propose_target(session, one.id, 1_000 + n, actor=person(session, by)).id
            for n, (one, by) in enumerate(zip(holders, ("officer", "officer", "second"), strict=True))
        ]
    second = Clerk(app, session, "second")
    url = picked(second, "target", "confirm", rows)
    page = second.get(url).text
    assert "確定する削減目標量 2件" in page and "2,001 t-CO2" in page
    assert "確定しないもの 1件" in page and "起案した方は確認できません" in page
    old = second.form(url)
    with one_transaction(session):
        targets.withdraw_target(session, rows[0], actor=person(session, "officer"))
    stale = second.post(url, old)
    assert stale.status_code == 422 and "確定する削減目標量 1件" in stale.text
    assert TargetState.CONFIRMED not in states(session)
    assert second.post(url, {**old, "rows": "1:x"}).status_code == 422
    assert "削減目標量を1件、確定しました。" in second.send(url).text
    assert states(session) == [TargetState.WITHDRAWN, TargetState.CONFIRMED, TargetState.PROPOSED]
    assert "あなたが確定できるものはありません" in second.get(url).text
    assert "一覧から選んでください" in second.get("/admin/target/confirm-many/?id=x").text


def test_a_bulk_confirmation_asks_who_is_there_and_is_no_officers(
    app: Flask, session: Session, holders: list[Holder]
) -> None:
    with one_transaction(session):
        row = targets.propose_target(session, holders[0].id, 50, actor=person(session, "officer")).id
    url = f"/admin/target/confirm-many/?id={row}"
    assert Clerk(app, session, "officer").get(url).status_code == 403
    assert "まとめて確定する" not in Clerk(app, session, "officer").get("/admin/target/").text
    second = Clerk(app, session, "second")
    with second.client.session_transaction() as kept:
        kept["fresh"] = 0.0
    assert second.send(url, {"password": "not the password"}).status_code == 422
    assert states(session) == [TargetState.PROPOSED]
    assert "削減目標量を1件、確定しました。" in second.send(url, {"password": make.PASSWORD}).text


def test_a_confirmed_target_is_replaced_with_a_reason_and_stays_in_the_history(
    app: Flask, session: Session, holders: list[Holder]
) -> None:
    with one_transaction(session):
        row = targets.propose_target(session, holders[0].id, 50, actor=person(session, "officer"))
        targets.confirm_target(session, row.id, actor=person(session, "approver"))
    officer, second = Clerk(app, session, "officer"), Clerk(app, session, "second")
    holder = f"/admin/holder/details/?id={holders[0].id}"
    assert "削減目標量の変更を起案する" in officer.get(holder).text
    url = f"/admin/target/propose/?holder={holders[0].id}"
    wrong = officer.send(url, {"quantity": "50"})
    assert wrong.status_code == 422
    assert 'id="quantity-error"' in wrong.text and 'id="reason-error"' in wrong.text
    officer.send(url, {"quantity": "60", "reason": "誤記の訂正"})
    new = session.scalars(select(ReductionTarget.id).order_by(ReductionTarget.id.desc())).first()
    page = second.get(f"/admin/target/confirm/?id={new}").text
    assert "60 t-CO2" in page and "50 t-CO2" in page and "誤記の訂正" in page
    second.send(f"/admin/target/confirm/?id={new}")
    told = second.get(holder).text
    assert "置換済" in told and "誤記の訂正" in told and "前の削減目標量を置き換えました" in told
    replaced = second.get("/admin/target/?flt0_0=replaced").text
    assert re.search(r"1件", replaced) and ">50<" in replaced and ">60<" not in replaced
    phase = second.get(f"/admin/target/?flt1_1={holders[0].phase_id}").text
    assert ">50<" in phase and ">60<" in phase
    exported = second.get("/admin/target/export/csv/").text
    assert "置換済" in exported and "誤記の訂正" in exported


@pytest.fixture
def verified(session: Session) -> tuple[reports.Scheme, int]:
    """Verification of the base-year report is requested; and another verifier."""
    office(session)
    with one_transaction(session):
        made = reports.scheme(session)
        report = reports.bring(session, made, ReportState.VERIFICATION_REQUESTED)
        reports.verify(session, made, report)
        rival = make.verifier(session).id
    return made, rival


def live(session: Session, period: Period) -> list[int]:
    session.rollback()
    query = select(VerifierAssignment.verifier_id).join(EmissionsReport)
    return list(
        session.scalars(query.where(EmissionsReport.period == period, VerifierAssignment.ended_at.is_(None)))
    )


def test_a_verification_under_way_changes_hands_with_a_reason(
    app: Flask, session: Session, verified: tuple[reports.Scheme, int]
) -> None:
    scheme, rival = verified
    officer = Clerk(app, session, "officer")
    url = f"/admin/assignment/?id={scheme.holder.id}"
    page = officer.get(url).text
    assert "引き継ぎます（理由が必要です）" in page and "次の検証機関からは見えず、使えません。" in page
    assert f"{scheme.verifier.label}（担当2件、うち検証中1件）" in page
    missing = officer.send(url, {"verifier": str(rival)})
    assert missing.status_code == 422 and 'id="reason-error"' in missing.text
    old = {**officer.form(url), "verifier": str(rival), "reason": "利益相反"}
    done = officer.post(url, old, follow=True)
    assert "2件の報告書の検証機関を決めました。" in done.text and "利益相反" in done.text
    again = officer.post(url, old, follow=True)  # the second press
    assert "2件の報告書の検証機関を決めました。" in again.text
    assert live(session, Period.BASE) == live(session, Period.TARGET) == [rival]
    stale = officer.post(url, {**old, "key": once.new_key(), "verifier": str(scheme.verifier.id)})
    assert stale.status_code == 422 and live(session, Period.BASE) == [rival]


def test_an_assignment_ends_on_its_own_page_and_the_list_finds_who_has_none(
    app: Flask, session: Session, verified: tuple[reports.Scheme, int]
) -> None:
    scheme, _rival = verified
    officer = Clerk(app, session, "officer")
    base, target = scheme.report(Period.BASE).id, scheme.report(Period.TARGET).id
    assert scheme.holder.label not in officer.get("/admin/holder/?flt3_3=0").text
    assert "次の検証機関を選んで引き継いでください" in officer.get(f"/admin/assignment/end/?id={base}").text
    assert officer.send(f"/admin/assignment/end/?id={target}").status_code == 422
    done = officer.send(f"/admin/assignment/end/?id={target}", {"reason": "契約の終了"})
    assert "検証機関の担当を終えました" in done.text and "契約の終了" in done.text
    assert live(session, Period.TARGET) == []
    assert scheme.holder.account.code in officer.get("/admin/holder/?flt3_3=0").text
    assert Clerk(app, session, "viewer").get(f"/admin/assignment/end/?id={target}").status_code == 403
    assert officer.get("/admin/assignment/end/?id=999999").status_code == 404
    assert verifiers.load(session)[0].assigned == 1
