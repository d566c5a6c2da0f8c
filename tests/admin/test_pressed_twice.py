"""A button pressed twice, a race lost once, an old login: logins are handed out once, to whom one knows."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from portal.models import (
    ApplicationScan,
    Event,
    Letter,
    LetterKind,
    LetterState,
    ScanKind,
    User,
)
from portal.permissions import Role
from portal.services import contacts, documents, letters, registration, scans
from portal.services.audit import EventTag
from portal.services.transaction import one_transaction
from tests.admin.desk import Clerk, office
from tests.factories import registration as make

NEW = {"login_id": "officer9", "name": "新任 花子", "role": "officer", "email": "new@office.example"}


@pytest.fixture(autouse=True)
def in_2013(at: Callable[[str], datetime]) -> None:
    at("2013-10-08 09:00")


def events(session: Session, tag: EventTag) -> int:
    session.expire_all()
    return len(session.scalars(select(Event).where(Event.tag == tag)).all())


def reissues_of(session: Session) -> list[Letter]:
    session.expire_all()
    return list(session.scalars(select(Letter).where(Letter.kind == LetterKind.REISSUE)))


def old_login(clerk: Clerk) -> Clerk:
    """As if the clerk had logged in long ago."""
    with clerk.client.session_transaction() as kept:
        kept["fresh"] = 0.0
    return clerk


def test_a_colleague_is_made_once_and_the_password_told_once(app: Flask, session: Session) -> None:
    office(session)
    approver, before = Clerk(app, session, "approver"), events(session, EventTag.PASSWORD_ISSUED)
    couples = "一方が起案したものを、もう一方が確認できなくなります。"
    assert couples in approver.get("/admin/user/new/").text
    form = {**approver.form("/admin/user/new/"), **NEW}
    first = approver.post("/admin/user/new/", form)
    assert first.status_code == 200 and "パスワードが表示されるのは、この1回だけです。" in first.text
    second = approver.post("/admin/user/new/", form, follow=True)
    assert (
        "この操作は、もう済んでいます。" in second.text and "<h1" in second.text and "officer9" in second.text
    )
    assert "すでに使われています" not in second.text
    made = session.scalars(select(User).where(User.login_id == "officer9")).one()
    url = f"/admin/user/password/?id={made.id}"
    assert f"あなたとofficer9は、{couples}" in approver.get(url).text
    again = approver.form(url)
    assert "この1回だけです" in approver.post(url, again).text
    assert "もう済んでいます" in approver.post(url, again, follow=True).text
    assert events(session, EventTag.PASSWORD_ISSUED) == before + 2


def test_a_verifiers_login_and_its_letter_are_made_once(app: Flask, session: Session) -> None:
    office(session)
    with one_transaction(session):
        verifier = make.verifier(session)
    officer, url = Clerk(app, session, "officer"), f"/admin/verifier/add/?id={verifier.id}"
    form = {**officer.form(url), "name": "検証 三郎", "email": "v3@aozora.example"}
    first, second = officer.post(url, form), officer.post(url, form)
    assert first.status_code == 302 and first.location == second.location
    session.expire_all()
    assert [user.login_id for user in verifier.users] == [f"{verifier.code}-1", f"{verifier.code}-2"]
    assert len(reissues_of(session)) == 1


def test_one_letter_waits_for_the_same_logins_whoever_asks(app: Flask, session: Session) -> None:
    office(session)
    with one_transaction(session):
        holder = make.holder(session)
    officer, other = Clerk(app, session, "officer"), Clerk(app, session, "second")
    url = f"/admin/holder/reissue/?id={holder.id}"
    both = {"logins": [user.login_id for user in holder.users], "reason": "紛失"}
    form = {**officer.form(url), **both}
    first, second = officer.post(url, form), officer.post(url, form, follow=True)
    assert "再発行の通知書を作りました" in second.text
    third = other.send(url, both)
    assert "同じログインIDの通知書が、まだ印刷待ちです。" in third.text
    (letter,) = reissues_of(session)
    assert first.location.endswith(f"id={letter.id}") and letter.number in third.text
    officer.send(url, {**both, "logins": both["logins"][:1]})  # another letter, for another choice
    assert len(reissues_of(session)) == 2
    with one_transaction(session):
        approver = session.scalars(select(User).where(User.login_id == "approver")).one()
        letters.print_letter(session, letter.id, actor=approver)
    officer.send(url, both)  # it waits no longer
    assert [one.state for one in reissues_of(session)].count(LetterState.WAITING) == 2


def test_what_hands_out_logins_or_rights_asks_who_is_there(app: Flask, session: Session) -> None:
    office(session)
    with one_transaction(session):
        holder, verifier = make.holder(session), make.verifier(session)
        colleague = make.office(session, Role.OFFICER, "colleague")
    login = holder.users[0].login_id
    letter = session.scalars(select(Letter).where(Letter.application_id == holder.application_id)).one()
    approver = old_login(Clerk(app, session, "approver"))
    acts: list[tuple[str, dict[str, Any]]] = [
        ("/admin/user/new/", NEW),
        (f"/admin/user/role/?id={colleague.id}", {"role": "viewer", "reason": "異動"}),
        (f"/admin/user/password/?id={colleague.id}", {}),
        (f"/admin/holder/reissue/?id={holder.id}", {"logins": [login], "reason": "紛失"}),
        (f"/admin/verifier/add/?id={verifier.id}", {"name": "検証 三郎", "email": "v3@aozora.example"}),
        (f"/admin/letter/print/?id={letter.id}", {}),
    ]
    before = events(session, EventTag.PASSWORD_ISSUED)
    for url, typed in acts:
        for word in ({}, {"password": "wrong"}):
            answer = approver.send(url, {**typed, **word})
            assert answer.status_code == 422 and 'id="password-error"' in answer.text, url
    session.expire_all()
    assert events(session, EventTag.PASSWORD_ISSUED) == before and not reissues_of(session)
    assert colleague.role is Role.OFFICER
    for url, typed in acts:
        old_login(approver)
        answer = approver.send(url, {**typed, "password": make.PASSWORD})
        assert answer.status_code == 200, url
    session.expire_all()
    assert colleague.role is Role.VIEWER and letter.prints == 1 and len(reissues_of(session)) == 2
    at = f"?id={colleague.id}"
    approver.send(f"/admin/user/disable/{at}", {"reason": "退職"})
    old_login(approver)
    assert 'id="password-error"' in approver.send(f"/admin/user/enable/{at}", {"reason": "復職"}).text


def test_a_letter_without_logins_is_printed_without_a_password(app: Flask, session: Session) -> None:
    office(session)
    with one_transaction(session):
        officer = session.scalars(select(User).where(User.login_id == "officer")).one()
        row = registration.record_application(session, make.trader_data(), actor=officer)
        registration.reject(session, row.id, "要件を満たしません", actor=officer)
    letter = session.scalars(select(Letter)).one()
    answer = old_login(Clerk(app, session, "officer")).send(f"/admin/letter/print/?id={letter.id}")
    assert answer.data.startswith(b"%PDF")


def test_a_scan_is_kept_whole_although_its_race_is_lost_once(
    app: Flask, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    office(session)
    with one_transaction(session):
        actor = session.scalars(select(User).where(User.login_id == "officer")).one()
        row = registration.record_application(session, make.trader_data(), actor=actor)
    attach, lost, data = scans.attach, [True], b"%PDF-1.7 " + b"x" * 50_000

    class Deadlock(Exception):
        sqlstate = "40P01"

    def loses_the_first_race(*given: Any, **more: Any) -> Any:
        made = attach(*given, **more)
        if lost.pop() if lost else False:
            raise OperationalError("lost", {}, Deadlock())
        return made

    monkeypatch.setattr(scans, "attach", loses_the_first_race)
    answer = Clerk(app, session, "officer").send(
        f"/admin/application/attach/?id={row.id}",
        {"kind": ScanKind.APPLICATION.value, "files": [(io.BytesIO(data), "申請書.pdf")]},
    )
    assert "1件の画像を添付しました。" in answer.text and not lost
    scan = session.scalars(select(ApplicationScan)).one()
    assert documents.read(session, scan.document) == data


def test_the_record_leads_to_the_account_the_logins_and_the_change_that_waits(
    app: Flask, session: Session
) -> None:
    office(session)
    with one_transaction(session):
        holder = make.holder(session)
        login = next(user for user in holder.users if user.role is Role.HOLDER_A)
    officer, url = Clerk(app, session, "officer"), f"/admin/holder/details/?id={holder.id}"
    page = officer.get(url).text
    assert "口座の画面へ（停止を起案する" in page and "ログインIDを選んでロックする" in page
    assert "担当者の変更申請を審査する" not in page
    with one_transaction(session):
        wanted = replace(contacts.present(holder), department="環境部")
        change = contacts.apply_for_change(session, wanted, actor=login)
    officer.send(f"/admin/user/lock/?id={login.id}", {"reason": "紛失"})
    page = officer.get(url).text
    steps = page.split("<main", 1)[1]
    assert f"/admin/contact_change/details/?id={change.id}" in steps and "担当者の変更申請を審査する" in steps
    assert f"{login.login_id}のロックを解く" in steps
    viewer = Clerk(app, session, "viewer").get(url).text
    assert "口座の画面へ" not in viewer and "審査する" not in viewer and "ロックする" not in viewer
