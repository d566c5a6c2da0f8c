"""What the other tests stand on: fresh databases, real servers, a browser with Japanese glyphs."""

from __future__ import annotations

import smtplib
import socket
from collections.abc import Callable
from datetime import datetime
from email.message import EmailMessage
from urllib.request import urlopen

import pytest
from flask import Flask
from playwright.sync_api import Page
from sqlalchemy import Engine, create_engine, inspect, make_url

from portal import clock
from portal.settings import Settings
from tests import databases, kept
from tests.browsers import PHONE, Pages
from tests.servers import MailServer, serving

GREETING = "<!doctype html><html lang=ja><title>遵守</title><h1>償却期限</h1>"


@pytest.fixture
def greeting(bound_socket: socket.socket) -> Flask:
    app = Flask("greeting")
    app.add_url_rule("/", view_func=lambda: GREETING)
    return app


def test_the_clock_stops_at_tokyo_wall_time(at: Callable[[str], datetime]) -> None:
    at("2015-10-15 00:30")
    assert clock.now().isoformat() == "2015-10-14T15:30:00+00:00"
    assert clock.today().isoformat() == "2015-10-15"


def test_the_clock_runs_again_in_the_next_test() -> None:
    assert clock.now() != clock.now()


def test_no_test_hands_on_what_it_did_to_the_application(app: Flask, settings: Settings) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    app.jinja_env.globals["planted"] = "here"
    again = kept.application(settings, changed=False)
    assert again is app and app.extensions["portal_settings"] is settings
    assert app.config["WTF_CSRF_ENABLED"] is True and "planted" not in app.jinja_env.globals
    assert kept.application(settings, changed=True) is not app


def test_every_test_has_a_migrated_database_of_its_own(engine: Engine, database_kind: str) -> None:
    assert make_url(str(engine.url)).get_backend_name() == database_kind
    assert "alembic_version" in inspect(engine).get_table_names()
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE left_behind (id INTEGER)")


def test_what_one_test_writes_the_next_does_not_see(engine: Engine) -> None:
    assert "left_behind" not in inspect(engine).get_table_names()


def test_an_empty_database_has_no_table(empty_database_url: str) -> None:
    engine = create_engine(empty_database_url)
    assert inspect(engine).get_table_names() == []
    engine.dispose()


def test_a_missing_server_is_an_error_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(databases.POSTGRES_URL_NAME, raising=False)
    with pytest.raises(databases.ServerMissing, match="make test"):
        databases.postgres_server()


def test_the_mail_server_keeps_what_it_gets(smtp_server: MailServer) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "office@example.jp", "a@example.jp", "承認のお知らせ"
    mail.set_content("排出量が確定しました。")
    with smtplib.SMTP(smtp_server.host, smtp_server.port) as client:
        client.send_message(mail)
    (received,) = smtp_server.to("a@example.jp")
    assert received.subject == "承認のお知らせ"
    assert received.text.strip() == "排出量が確定しました。"


def test_the_mail_server_refuses_when_told(smtp_server: MailServer) -> None:
    smtp_server.answer = "451 try later"
    with smtplib.SMTP(smtp_server.host, smtp_server.port) as client, pytest.raises(smtplib.SMTPDataError):
        client.sendmail("office@example.jp", ["a@example.jp"], "Subject: x\r\n\r\nx")
    assert smtp_server.messages == []


def test_a_served_application_stops_when_the_block_ends(greeting: Flask, bound_socket: socket.socket) -> None:
    with serving(greeting, bound_socket) as url, urlopen(url) as answer:
        assert "償却期限" in answer.read().decode()
    with pytest.raises(OSError):
        urlopen(url, timeout=2)


def test_chromium_draws_japanese_with_the_shipped_font(
    page: Page, greeting: Flask, bound_socket: socket.socket
) -> None:
    with serving(greeting, bound_socket) as url:
        page.goto(url)
        assert page.title() == "遵守"
        session = page.context.new_cdp_session(page)
        session.send("DOM.enable")
        session.send("CSS.enable")
        root = session.send("DOM.getDocument")["root"]["nodeId"]
        head = session.send("DOM.querySelector", {"nodeId": root, "selector": "h1"})["nodeId"]
        fonts = session.send("CSS.getPlatformFontsForNode", {"nodeId": head})["fonts"]
    assert fonts
    assert all(font["familyName"].startswith("BIZ UD") for font in fonts)


def test_two_readers_share_no_cookie(pages: Pages, greeting: Flask, bound_socket: socket.socket) -> None:
    with serving(greeting, bound_socket) as url:
        first, second = pages.open(), pages.open(viewport=PHONE, locale="en-GB")
        first.goto(url)
        second.goto(url)
        first.evaluate("document.cookie = 'who=first'")
        assert second.evaluate("document.cookie") == ""
        assert second.evaluate("innerWidth") == PHONE["width"]


def test_a_request_to_another_host_is_noticed(pages: Pages, bound_socket: socket.socket) -> None:
    page = pages.open()
    page.route("http://example.test/**", lambda route: route.abort())
    page.set_content("<img src='http://example.test/picture.png'>")
    page.wait_for_load_state("networkidle")
    assert pages.faults == ["request to another host: http://example.test/picture.png"]
    pages.faults.clear()
