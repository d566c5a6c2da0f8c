"""Shared ways of all pages: a busy database, the language kept for mails, the password that is guessed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask import Flask
from sqlalchemy import make_url, select
from sqlalchemy.orm import Session

from portal import extensions
from portal.errors import Refusal, refusal_text
from portal.models import User
from portal.services.transaction import one_transaction
from tests.factories import registration as make
from tests.participant.visitor import Visitor, words

NEW = "yama-no-mukou-ni-tsuki-9"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer waits for a tenth of a second instead of ten."""
    monkeypatch.setattr(extensions, "SQLITE_BUSY_MS", 100)


@pytest.fixture
def trader(session: Session, impatient: None) -> str:
    with one_transaction(session):
        return make.trader(session).users[0].login_id


@contextmanager
def held(url: str) -> Iterator[None]:
    """Somebody else writes, and takes his time."""
    connection = sqlite3.connect(str(make_url(url).database), isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.rollback()
        connection.close()


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_readers_and_error_pages_do_not_wait_for_a_writer(app: Flask, trader: str, database_url: str) -> None:
    visitor = Visitor(app, trader)
    form = visitor.get("/password")
    with held(database_url):
        assert visitor.get("/home").status_code == 200
        assert visitor.get("/no-such-page").status_code == 404
        # a form that is only shown again writes nothing
        assert visitor.send(form, "/password", current="", new="", repeat="").status_code == 422
        busy = visitor.send(form, "/password", current=make.PASSWORD, new=NEW, repeat=NEW)
        assert busy.status_code == 422
        assert refusal_text(Refusal.BUSY, "ja") in busy.text
        # the language is switched, only not kept
        assert visitor.get("/home?lang=en").status_code == 200
    assert visitor.send(form, "/password", current=make.PASSWORD, new=NEW, repeat=NEW).status_code == 302


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_logging_in_finds_the_database_busy(app: Flask, trader: str, database_url: str) -> None:
    client = app.test_client()
    app.config["WTF_CSRF_ENABLED"] = False
    with held(database_url):
        answer = client.post("/login", data={"login_id": trader, "password": make.PASSWORD})
    assert answer.status_code == 429


def test_the_language_switch_reaches_the_mails(app: Flask, session: Session, trader: str) -> None:
    visitor = Visitor(app, trader)

    def kept() -> str:
        found = session.scalars(select(User.locale).where(User.login_id == trader)).one()
        session.rollback()  # this session stands in the writers' queue too
        return found

    visitor.get("/home?lang=fr")
    assert kept() == "ja"
    visitor.get("/home?lang=en")
    assert kept() == "en"
    visitor.get("/home")
    assert kept() == "en"


def test_the_language_is_kept_by_an_address_that_leads_elsewhere(app: Flask, trader: str) -> None:
    client = app.test_client()
    page = client.get(client.get("/home?lang=en").location)
    assert '<html lang="en"' in page.text
    visitor = Visitor(app, trader)
    visitor.get("/home?lang=ja")
    visitor.get("/?lang=en")
    assert '<html lang="en"' in visitor.get("/home").text


def test_guessing_the_present_password_brings_a_pause(app: Flask, trader: str) -> None:
    visitor = Visitor(app, trader)
    form = visitor.get("/password")
    for _ in range(10):
        answer = visitor.send(form, "/password", current="wrong", new=NEW, repeat=NEW + "x")
        assert answer.status_code == 422
    # all that is wrong is said at once, as long as nobody guesses
    assert "パスワードが違います" in words(answer) and "一致" in words(answer)
    paused = visitor.send(form, "/password", current=make.PASSWORD, new=NEW, repeat=NEW)
    assert paused.status_code == 422
    assert "1分" in words(paused)


@pytest.mark.parametrize(
    ("lang", "said"), [("ja", "ログインが必要です"), ("en", "If your login has ended, please log in again.")]
)
def test_who_lost_the_login_is_told_why_the_door_is_there_and_comes_back(
    app: Flask, trader: str, lang: str, said: str
) -> None:
    reader = Visitor(app, trader)
    reader.get(f"/home?lang={lang}")
    reader.client.delete_cookie("portal")
    for _ in range(2):
        answer = reader.get(f"/allowances?lang={lang}")
        assert answer.status_code == 302 and "next=" in answer.location
    page = reader.get(answer.location)
    assert words(page).count(said) == 1
    # somebody who only wants to log in is told nothing
    stranger = app.test_client()
    assert said not in words(stranger.get(f"/login?lang={lang}"))
    assert stranger.get("/").location == "/login"


def test_what_is_sent_without_a_login_says_that_it_had_ended(app: Flask, trader: str) -> None:
    reader = Visitor(app, trader)
    form = reader.get("/allowances/transfer")
    reader.client.delete_cookie("portal")
    answer = reader.send(form, "/allowances/transfer", quantity="1")
    assert answer.status_code == 302
    text = words(reader.get(answer.location))
    assert "ログインが終わっていました" in text and "実行されていません" in text


def test_filters_of_the_history_fold_away_until_they_narrow_it(app: Flask, trader: str) -> None:
    reader = Visitor(app, trader)
    assert '<details class="as-fold">' in reader.get("/allowances").text
    assert '<details class="as-fold" open>' in reader.get("/allowances?other=AST-1").text
