"""Acts of the secretariat that ask for the password: guesses are counted although the act is refused."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal import clock
from portal.models import Event, User
from portal.services.audit import EventTag
from tests.admin.desk import Clerk, office
from tests.factories import registration as make


def user_of(session: Session, login_id: str) -> User:
    session.expire_all()
    return session.scalars(select(User).where(User.login_id == login_id)).one()


def test_guesses_at_an_act_are_counted_and_paused(app: Flask, session: Session) -> None:
    office(session)
    approver, row = Clerk(app, session, "approver"), user_of(session, "officer").id
    entered = user_of(session, "approver").last_login_at
    clock.set_time(clock.now() + timedelta(minutes=15))
    url = f"/admin/user/password/?id={row}"
    form = approver.form(url)
    assert "入力してください" in approver.post(url, form).text
    for _ in range(10):
        answer = approver.post(url, {**form, "password": "wrong"})
        assert answer.status_code == 422 and "いまのパスワードが違います" in answer.text
    paused = approver.post(url, {**form, "password": make.PASSWORD})
    assert paused.status_code == 422 and "分ほど待ってから" in paused.text
    failed = select(func.count()).select_from(Event).where(Event.tag == EventTag.LOGIN_FAILED)
    assert session.scalar(failed) == 10
    clock.set_time(clock.now() + timedelta(minutes=1))
    assert approver.post(url, {**form, "password": make.PASSWORD}).status_code == 200
    assert user_of(session, "officer").must_change_password
    assert user_of(session, "approver").last_login_at == entered


def test_what_was_proven_is_not_asked_again_when_the_act_is_refused(app: Flask, session: Session) -> None:
    office(session)
    approver, row = Clerk(app, session, "approver"), user_of(session, "officer").id
    clock.set_time(clock.now() + timedelta(minutes=15))
    url = f"/admin/user/password/?id={row}"
    form = {**approver.form(url), "version": "99"}
    stale = approver.post(url, {**form, "password": make.PASSWORD})
    assert stale.status_code == 422
    assert 'name="password"' not in stale.text and "ほかの方が内容を変更しました" in stale.text
