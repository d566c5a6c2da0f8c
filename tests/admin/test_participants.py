"""Holders, targets, verifiers, logins, phases and contact changes at the secretariat's desk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.models import (
    ContactChange,
    DecisionState,
    Holder,
    Letter,
    LetterKind,
    ReductionTarget,
    TargetState,
    User,
    VerifierAssignment,
)
from portal.permissions import Role
from portal.services import contacts
from portal.services.passwords import verify_password
from portal.services.transaction import one_transaction
from portal.web_text import label
from tests.admin.desk import Clerk, office
from tests.factories import registration as make


@pytest.fixture(autouse=True)
def in_2013(at: Callable[[str], datetime]) -> None:
    at("2013-10-08 09:00")


@pytest.fixture
def holder(session: Session) -> Holder:
    office(session)
    with one_transaction(session):
        made = make.holder(session)
    return made


def target_of(session: Session) -> ReductionTarget:
    session.expire_all()
    return session.scalars(select(ReductionTarget).order_by(ReductionTarget.id.desc())).all()[0]


def test_a_target_needs_two_people(app: Flask, session: Session, holder: Holder) -> None:
    first, second = Clerk(app, session, "approver"), Clerk(app, session, "second")
    wrong = first.send(f"/admin/target/propose/?holder={holder.id}", {"quantity": "1.5"})
    assert wrong.status_code == 422 and 'id="quantity-error"' in wrong.text and 'value="1.5"' in wrong.text
    assert "as-input--10" in wrong.text and "<span>t-CO2</span>" in wrong.text
    seen = first.send(f"/admin/target/propose/?holder={holder.id}", {"quantity": "１，５００"})
    assert "起案した方は確認できません" in seen.text
    url = f"/admin/target/confirm/?id={target_of(session).id}"
    assert "いまはできません" in first.get(url).text
    own = first.post(url, first.form(url.replace("confirm", "withdraw")))
    assert own.status_code == 422
    assert target_of(session).state is TargetState.PROPOSED
    page = second.get(url).text
    assert "1,500 t-CO2" in page and "確定すると、取り消せません。" in page
    assert "削減目標量を確定しました。" in second.send(url).text
    assert target_of(session).state is TargetState.CONFIRMED


def test_an_officer_cannot_confirm_and_a_proposal_can_be_withdrawn(
    app: Flask, session: Session, holder: Holder
) -> None:
    officer = Clerk(app, session, "officer")
    officer.send(f"/admin/target/propose/?holder={holder.id}", {"quantity": "10"})
    at = f"?id={target_of(session).id}"
    assert officer.get(f"/admin/target/confirm/{at}").status_code == 403
    assert "取り下げました" in officer.send(f"/admin/target/withdraw/{at}").text
    assert target_of(session).state is TargetState.WITHDRAWN


def test_a_confirmation_asks_who_is_there_when_the_login_is_old(
    app: Flask, session: Session, holder: Holder, at: Callable[[str], datetime]
) -> None:
    Clerk(app, session, "officer").send(f"/admin/target/propose/?holder={holder.id}", {"quantity": "10"})
    second = Clerk(app, session, "second")
    with second.client.session_transaction() as kept:
        kept["fresh"] = 0.0
    url = f"/admin/target/confirm/?id={target_of(session).id}"
    wrong = second.send(url, {"password": "not the password"})
    assert wrong.status_code == 422 and 'id="password-error"' in wrong.text
    assert target_of(session).state is TargetState.PROPOSED
    assert "削減目標量を確定しました。" in second.send(url, {"password": make.PASSWORD}).text


def test_selected_holders_get_a_verifier_at_once(app: Flask, session: Session, holder: Holder) -> None:
    with one_transaction(session):
        other, verifier = make.holder(session), make.verifier(session)
    officer = Clerk(app, session, "officer")
    ids = [str(holder.id), str(other.id)]
    chosen = officer.post(
        "/admin/holder/action/", {**officer.form("/admin/holder/"), "action": "assign", "rowid": ids}
    )
    assert chosen.status_code == 302
    missing = officer.send(chosen.location)
    assert missing.status_code == 422 and 'id="verifier-error"' in missing.text
    done = officer.send(chosen.location, {"verifier": str(verifier.id)})
    assert "4件の報告書の検証機関を決めました。" in done.text and verifier.label in done.text
    session.expire_all()
    assert len(session.scalars(select(VerifierAssignment)).all()) == 4
    assert verifier.label in officer.get(f"/admin/holder/details/?id={holder.id}").text


def test_passwords_are_reissued_by_letter_for_the_logins_that_were_chosen(
    app: Flask, session: Session, holder: Holder
) -> None:
    officer = Clerk(app, session, "officer")
    url = f"/admin/holder/reissue/?id={holder.id}"
    none = officer.send(url)
    assert none.status_code == 422
    login = holder.users[0].login_id
    silent = officer.send(url, {"logins": [login]})
    assert silent.status_code == 422 and 'id="reason-error"' in silent.text
    seen = officer.send(url, {"logins": [login], "reason": "通知書をなくしたと電話があった"})
    assert "パスワード再発行通知書" in seen.text and login in seen.text
    letter = session.scalars(select(Letter).where(Letter.kind == LetterKind.REISSUE)).one()
    assert [one["login_id"] for one in letter.content["logins"]] == [login]
    assert "通知書をなくしたと電話があった" in officer.get(f"/admin/letter/details/?id={letter.id}").text


def test_a_holder_page_tells_the_whole_record(app: Flask, session: Session, holder: Holder) -> None:
    page = Clerk(app, session, "officer").get(f"/admin/holder/details/?id={holder.id}").text
    words = [
        holder.account.code,
        holder.label,
        holder.contact.mail,
        holder.contact.name,
        "株式会社わかばリース",
        "登録完了通知書",
        *(user.login_id for user in holder.users),
        *(label(report.period) for report in holder.reports),
        "口座を開設しました",
    ]
    assert [word for word in words if word not in page] == []


def test_a_new_colleagues_password_is_shown_once(app: Flask, session: Session) -> None:
    office(session)
    approver = Clerk(app, session, "approver")
    assert Clerk(app, session, "officer").get("/admin/user/new/").status_code == 403
    asked = {"login_id": "Ａ", "name": "", "role": "holder_a"}
    wrong = approver.send("/admin/user/new/", asked)
    assert wrong.status_code == 422
    assert all(f'id="{name}-error"' in wrong.text for name in asked)
    made = approver.send(
        "/admin/user/new/", {"login_id": "newcomer", "name": "新人 三子", "role": "officer", "email": ""}
    )
    assert "この1回だけ" in made.text
    password = made.text.split('<code class="as-code">')[1].split("</code>")[0]
    user = session.scalars(select(User).where(User.login_id == "newcomer")).one()
    assert verify_password(password, user.password) and user.must_change_password
    assert user.role is Role.OFFICER
    assert password not in approver.get(f"/admin/user/details/?id={user.id}").text


def test_a_login_is_disabled_with_a_reason_and_nobody_disables_himself(app: Flask, session: Session) -> None:
    office(session)
    approver = Clerk(app, session, "approver")
    users = {user.login_id: user.id for user in session.scalars(select(User))}
    seen = approver.send(f"/admin/user/disable/?id={users['officer']}", {"reason": "異動のため"})
    assert "停止中" in seen.text and "異動のため" in seen.text
    assert "いまはできません" in approver.get(f"/admin/user/disable/?id={users['approver']}").text
    assert (
        "停止を解きました。"
        in approver.send(f"/admin/user/enable/?id={users['officer']}", {"reason": "復帰"}).text
    )


@pytest.mark.parametrize("act", ["accept", "decline"])
def test_a_contact_change_is_decided_with_old_and_new_side_by_side(
    app: Flask, session: Session, holder: Holder, act: str
) -> None:
    old = holder.contact.name
    with one_transaction(session):
        login = next(user for user in holder.users if user.role is Role.HOLDER_A)
        new = replace(contacts.present(holder), name="秋山 冬子", name_kana="あきやま ふゆこ")
        contacts.apply_for_change(session, new, actor=login)
    officer = Clerk(app, session, "officer")
    change = session.scalars(select(ContactChange)).one()
    at = f"?id={change.id}"
    page = officer.get(f"/admin/contact_change/details/{at}").text
    assert old in page and "秋山 冬子" in page
    assert f"C-{change.id:04d}" in officer.get("/admin/contact_change/").text
    if act == "decline":
        assert officer.send(f"/admin/contact_change/decline/{at}").status_code == 422
    officer.send(f"/admin/contact_change/{act}/{at}", {"reason": "書類と違います"})
    session.expire_all()
    accepted = act == "accept"
    assert change.state is (DecisionState.ACCEPTED if accepted else DecisionState.DECLINED)
    assert holder.contact.name == ("秋山 冬子" if accepted else old)


def test_a_verifier_gets_a_further_login_by_letter(app: Flask, session: Session) -> None:
    office(session)
    with one_transaction(session):
        verifier = make.verifier(session)
    officer = Clerk(app, session, "officer")
    url = f"/admin/verifier/add/?id={verifier.id}"
    wrong = officer.send(url, {"name": "", "email": "no address"})
    assert wrong.status_code == 422 and 'id="email-error"' in wrong.text
    seen = officer.send(url, {"name": "検証 四郎", "email": "shiro@aozora.example"})
    assert "VRF01-2" in seen.text and "印刷待ち" in seen.text
