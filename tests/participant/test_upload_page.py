"""What the upload page and the pages before handing in say beforehand; files too large for the server."""

from __future__ import annotations

import io
import re
from http.client import HTTPConnection
from threading import Thread

from flask import Flask
from sqlalchemy.orm import Session
from waitress.server import create_server

from portal.models import Period, ReportState
from portal.services import report_forms, verification
from portal.services.spreadsheets.filled import fill_form
from portal.services.transaction import one_transaction
from portal.web_intake import most_carried
from tests.factories import reports as make
from tests.participant.visitor import Visitor, values, words
from tests.servers import loopback_socket
from tests.services.spreadsheets.hostile_forms import sources_for


def at_target(session: Session) -> make.Scheme:
    """A target-year report that was registered, three days after it was due."""
    with one_transaction(session):
        made = make.scheme(session)
        make.bring(session, made, ReportState.VERIFICATION_REQUESTED, Period.TARGET)
        report = made.report(Period.TARGET)
        verification.return_to_holder(session, report.id, "7月の値", actor=made.v)
    make.at("2015-08-03 10:00")
    return made


def test_a_late_report_is_told_so_where_it_is_uploaded_and_before_it_is_handed_in(
    app: Flask, session: Session
) -> None:
    login = at_target(session).a.login_id
    session.rollback()
    reader = Visitor(app, login)
    page = words(reader.get("/reports/target/upload"))
    assert "提出期限 2015年7月31日" in page
    assert "期限後の提出として記録されます" in page
    assert re.search(r"いまは第1版（[0-9,]+ t-CO2）が登録されています", page)
    assert "直したファイルはまだ登録されていません" in page
    page = words(reader.get("/reports/target/verification-request"))
    assert "提出期限を3日過ぎています" in page
    assert "差し戻された第1版のままです" in page
    assert "3 days past the due day" in words(reader.get("/reports/target/verification-request?lang=en"))


def test_the_same_file_again_is_registered_and_told(app: Flask, session: Session) -> None:
    made = at_target(session)
    expected = report_forms.expectation(session, made.report(Period.TARGET))
    login = made.a.login_id
    session.rollback()
    good = fill_form(expected, sources_for(expected))
    reader = Visitor(app, login)
    for number in (2, 3):
        sent = {**values(reader.get("/reports/target/upload")), "file": (io.BytesIO(good), "算定.xlsx")}
        assert reader.client.post("/reports/target/upload", data=sent).status_code == 302
        told = words(reader.get("/reports/target"))
        assert f"第{number}版として登録しました" in told
        assert ("前の版（第2版）とまったく同じです" in told) == (number == 3)


def test_a_file_larger_than_the_portal_takes_is_answered_by_a_page_with_a_way_back(app: Flask) -> None:
    """Through the server itself, which would cut it off with a bare line in English."""
    limit_mb = app.extensions["portal_settings"].upload_limit_mb
    bound = loopback_socket()
    server = create_server(app, sockets=[bound], threads=1, max_request_body_size=most_carried(limit_mb))
    Thread(target=server.run, daemon=True).start()
    try:
        connection = HTTPConnection("127.0.0.1", bound.getsockname()[1], timeout=60)
        connection.request("POST", "/login", bytes((limit_mb + 6) * 1024 * 1024))
        answer = connection.getresponse()
        page = answer.read().decode()
        connection.close()
    finally:
        server.trigger.pull_trigger(lambda: [one.close() for one in list(server._map.values())])
        server.task_dispatcher.shutdown()
    assert answer.status == 413
    assert f"一度に送れるのは{limit_mb} MBまでです。" in page
    assert 'href="/login">元の画面に戻る' in page
    assert f'data-most-mb="{limit_mb}"' in page  # scripts know it before anything is sent
