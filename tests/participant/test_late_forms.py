"""A form that comes after its login ended is not carried out, and is there again after the next login."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import urlencode, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse
from wtforms import PasswordField

from portal import clock, web_account, web_refill
from portal.admin import acts
from portal.models import Job, RegistrationApplication, User
from portal.participant import movements, profile
from portal.permissions import Role
from portal.services import jobs, kept_forms, login_locks
from portal.services.kept_forms import TypedForm
from portal.services.sealed import new_private_key
from portal.services.transaction import one_transaction
from portal.web_filling import fill
from tests.admin.desk import Clerk, office, typed
from tests.factories import registration as make
from tests.participant.visitor import values, words

NEW = "/admin/application/new/?kind=holder"


def log_in(client: FlaskClient, at: str, login_id: str) -> TestResponse:
    """Log in on the page a redirect led to; where that leads."""
    page = client.get(at)
    url = re.search(r'<form method="post" action="([^"]+)"', page.text.split("<main", 1)[1])
    assert url is not None
    answer = client.post(
        url[1].replace("&amp;", "&"),
        data={**values(page), "login_id": login_id, "password": make.PASSWORD},
    )
    assert answer.status_code == 302, words(answer)
    return answer


def idle() -> None:
    clock.set_time(clock.now() + timedelta(minutes=31))


def late(clerk: Clerk, url: str, sent: Mapping[str, str]) -> str:
    """Send a form after half an hour without a word; the address of the log-in."""
    idle()
    answer = clerk.post(url, sent)
    assert answer.status_code == 302 and answer.location.startswith("/login?next=")
    return answer.location


@pytest.fixture
def clerk(app: Flask, session: Session) -> Clerk:
    office(session)
    return Clerk(app, session, "officer")


def paper(session: Session, clerk: Clerk, **changes: object) -> dict[str, str]:
    data = make.holder_data(session, joint_companies=(("共同一", "きょうどういち"),) * 7, **changes)
    session.rollback()
    return {**clerk.form(NEW), **typed(data), "note": '長い\nメモ "引用" <b>&', "seal_received": "y"}


def test_a_paper_typed_too_slowly_is_there_again_and_recorded_once(clerk: Clerk, session: Session) -> None:
    sent = paper(session, clerk)
    door = late(clerk, NEW, sent)
    asked = clerk.get(door).text
    # why the login ended and what is kept; not also that a page which nobody asks for needs a login
    assert "もう一度表示します" in asked and "この画面を開くには" not in asked
    back = log_in(clerk.client, door, "officer").location
    page = clerk.client.get(back)
    assert page.status_code == 200 and "まだ送っていません" in words(page)
    shown = values(page)
    for name in ("company_name", "site_name", "joint_companies-6-name", "key"):
        assert shown[name] == sent[name]
    assert "\n長い\nメモ &#34;引用&#34; &lt;b&gt;&amp;</textarea>" in page.text
    assert re.search(r'name="seal_received"[^>]* checked', page.text)
    assert not re.search(r'name="consent_received"[^>]* checked', page.text)
    assert session.scalar(select(func.count()).select_from(RegistrationApplication)) == 0
    # what the form shows is what is recorded, with the token of the new session
    session.rollback()
    answer = clerk.post(back, {**sent, "csrf_token": shown["csrf_token"]})
    assert answer.status_code == 302 and "details" in answer.location
    row = session.scalars(select(RegistrationApplication)).one()
    assert row.note == sent["note"].replace("\n", " ") and row.company_name == sent["company_name"]


def test_nobody_else_sees_it(app: Flask, clerk: Clerk, session: Session) -> None:
    sent = paper(session, clerk)
    door = late(clerk, NEW, sent)
    # another login in the same browser
    back = log_in(clerk.client, door, "second").location
    assert "kept=" in back and sent["company_name"] not in clerk.client.get(back).text
    clerk.post("/logout", {"csrf_token": values(clerk.client.get(NEW))["csrf_token"]})
    # the same login, whose key went with the other one
    log_in(clerk.client, "/login", "officer")
    assert sent["company_name"] not in clerk.client.get(back).text
    # the same login in another browser
    assert sent["company_name"] not in Clerk(app, session, "officer").get(back).text
    # and what lies in the database says nothing
    assert sent["company_name"] not in str(session.scalars(select(Job.payload)).all())


def test_without_its_token_nothing_is_kept(clerk: Clerk, session: Session) -> None:
    sent = paper(session, clerk)
    for token in ("", "forged"):
        door = late(clerk, NEW, {**sent, "csrf_token": token})
        assert "kept" not in door
        assert "もう一度表示します" not in clerk.get(door).text
        log_in(clerk.client, door, "officer")
        sent["csrf_token"] = clerk.form(NEW)["csrf_token"]
    assert session.scalars(select(Job).where(Job.kind == kept_forms.KIND)).all() == []


def test_two_open_pages_are_both_kept_and_good_again(clerk: Clerk, session: Session) -> None:
    first, second = paper(session, clerk), paper(session, clerk, company_name="二枚目株式会社")
    doors = [late(clerk, NEW, first), clerk.post(NEW, second).location]
    assert all("kept" in door for door in doors)
    login = {**values(clerk.get(doors[0])), "login_id": "officer", "password": make.PASSWORD}
    page = clerk.client.get(log_in(clerk.client, doors[1], "officer").location)
    assert values(page)["company_name"] == "二枚目株式会社"
    # the log-in that stands in the other tab leads on too
    assert clerk.client.get(clerk.post(doors[0], login).location).text.count(first["company_name"])
    # the page that was left open in the other tab can be sent as it is
    assert clerk.post(NEW, first).status_code == 302
    assert session.scalars(select(RegistrationApplication.company_name)).all() == [first["company_name"]]


def test_passwords_are_never_kept(clerk: Clerk, session: Session) -> None:
    form = clerk.form("/password")
    door = late(clerk, "/password", {**form, "current": make.PASSWORD, "new": "a" * 20, "repeat": "a" * 20})
    assert "kept" not in door
    forms = [
        *vars(web_account).values(),
        *vars(profile).values(),
        *vars(acts).values(),
        *vars(movements).values(),
    ]
    secret = {
        name
        for form in forms
        if isinstance(form, type)
        for name, field in vars(form).items()
        if getattr(field, "field_class", None) is PasswordField
    }
    assert secret and secret <= web_refill.SECRET


def test_a_text_written_while_the_login_was_locked_is_there_after_unlocking(
    clerk: Clerk, app: Flask, session: Session
) -> None:
    with one_transaction(session):
        row = make.trader(session).users[0]
        login_id, user_id = row.login_id, row.id
    trader = Clerk(app, session, login_id)
    form = trader.form("/registration/contact")
    with one_transaction(session):
        boss = session.scalars(select(User).where(User.login_id == "officer")).one()
        version = session.get_one(User, user_id).version
        login_locks.lock(session, user_id, reason="郵便が戻った", actor=boss, version=version)
    answer = trader.post("/registration/contact", {**form, "name": "直した 名前"})
    assert "kept" in answer.location
    said = words(trader.get(answer.location))
    assert "ログインIDの状態が変わった" in said and "もう一度表示します" in said
    with one_transaction(session):
        version = session.get_one(User, user_id).version
        boss = session.scalars(select(User).where(User.login_id == "officer")).one()
        login_locks.unlock(session, user_id, reason="届いた", actor=boss, version=version)
    page = trader.client.get(log_in(trader.client, answer.location, login_id).location)
    assert values(page, "/registration/contact")["name"] == "直した 名前"


def test_the_way_on_leads_to_a_page_of_this_portal_only(clerk: Clerk, app: Flask) -> None:
    """A browser leaves tabs out of an address and takes a backslash for a slash."""
    elsewhere = (
        "//x.example/login",
        "/\t/x.example/login",
        "\t//x.example",
        "/\\x.example",
        "https://x.example",
    )
    for at in elsewhere:
        answer = clerk.client.get("/login", query_string={"next": at})
        assert answer.status_code == 400 if "\t" in at else answer.location == "/", at
        with app.test_request_context("/login", query_string={"next": at}):
            assert web_refill.page_asked_for() is None, at
        if "\t" in at:
            continue
        guest = app.test_client()
        typed = {"login_id": "officer", "password": make.PASSWORD}
        door = f"/login?{urlencode({'next': at})}"
        location = guest.post(door, data={**values(guest.get(door)), **typed}).headers.get("Location", "")
        assert not urlsplit(location).netloc and "\\" not in location, at
    for at in ("/admin/\r\nX: y", "/admin/\t"):
        assert clerk.client.get("/login", query_string={"next": at}).status_code == 400
    assert clerk.client.get("/login?next=/admin/letter/").location == "/admin/letter/"


def test_what_was_kept_goes_after_its_hour(session: Session) -> None:
    with one_transaction(session):
        owner = make.office(session, Role.OFFICER, "officer")
    key, form = new_private_key(), TypedForm("/a", "/a", (("body", "本文"),), False)
    with one_transaction(session):
        numbers = [kept_forms.keep(session, form, key, actor=owner) for _ in range(kept_forms.MOST + 1)]
        too_long = TypedForm("/a", "/a", (("body", "長" * 30_000),), False)
        assert kept_forms.keep(session, too_long, key, actor=owner) is None
    first, last = numbers[0], numbers[-1]
    assert first is not None and last is not None
    with one_transaction(session):
        assert kept_forms.find(session, first, key, actor=owner) is None
        assert kept_forms.find(session, last, key, actor=owner) == form
        assert kept_forms.find(session, last, new_private_key(), actor=owner) is None
        clock.set_time(clock.now() + kept_forms.KEPT)
        assert kept_forms.find(session, last, key, actor=owner) is None
    engine = session.get_bind()

    def open_session() -> Session:
        return Session(bind=engine)

    while jobs.run_one(open_session) is not None:
        pass
    with one_transaction(session):
        assert {str(one) for one in session.scalars(select(Job.payload))} == {"{}"}


def test_only_the_form_that_was_sent_is_filled() -> None:
    page = (
        '<form method="get" action="/x"><input name="q" value=""></form>\n'
        '<form method="post" action="/other"><textarea name="t"></textarea></form>'
        '<form method="post"><input name="csrf_token" value="new"><input type=password name="p">'
        '<select name="s"><option value="1" selected>一</option><option>二</option></select>'
        '<input type="radio" name="r" value="a" checked><input type="radio" name="r" value="b">'
        '<textarea name="t">old</textarea><button name="do" value="go"></button></form>'
    )
    sent = [
        ("csrf_token", "old"),
        ("t", "新<しい"),
        ("s", "二"),
        ("r", "b"),
        ("q", "?"),
        ("p", "!"),
        ("do", "go"),
    ]
    filled = fill(page, "/x", "/x", sent)
    assert filled.found and filled.left == (("q", "?"),)
    head, other, mine = filled.page.partition('action="/other"')[0], *filled.page.split("</form>")[1:3]
    assert 'name="q" value=""' in head and '<textarea name="t"></textarea>' in other
    assert 'value="new"' in mine and "\n新&lt;しい</textarea>" in mine
    assert '<option value="1">一' in mine and "<option selected>二" in mine
    assert 'value="a">' in mine and 'value="b" checked>' in mine
    gone = fill(page, "/x", "/y", sent)
    assert (gone.page, gone.found) == (page, False)
