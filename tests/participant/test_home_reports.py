"""Home and the reports: the one next step by its name, why a report came back, what became of a request."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from flask import Flask
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from portal.models import Period, ReportState
from portal.services import reports, verification
from portal.services.transaction import one_transaction
from tests.factories import reports as make
from tests.participant.visitor import Visitor, words

S = ReportState
BOTH = pytest.mark.parametrize("role", ["a", "b"])


@dataclass
class Names:
    scheme: make.Scheme
    a: str
    b: str


@pytest.fixture
def names(session: Session) -> Names:
    """A holder on 5 November 2013; its base-year report is due on 27 December."""
    with one_transaction(session):
        made = make.scheme(session)
        return Names(made, made.a.login_id, made.b.login_id)


def home(app: Flask, names: Names, role: str, lang: str = "ja") -> TestResponse:
    return Visitor(app, getattr(names, role)).get(f"/home?lang={lang}")


def standing(page: TestResponse) -> str:
    """The head of the home page."""
    return page.text.split('<section class="as-standing')[1].split("</section>")[0]


@BOTH
def test_what_is_first_is_the_button_registering_then_handing_in(
    app: Flask, session: Session, names: Names, role: str
) -> None:
    empty = standing(home(app, names, role))
    assert "/reports/base/upload" in empty and "算定報告書を登録する" in empty
    with one_transaction(session):
        make.register(session, names.scheme.report(), actor=names.scheme.a)
    ready = standing(home(app, names, role))
    assert "検証を依頼する" in ready and "/reports/base/upload" not in ready


@pytest.mark.parametrize(
    ("lang", "said"),
    [("ja", "いまからでも、検証を依頼してください"), ("en", "late reports are accepted")],
)
def test_a_late_holder_is_told_what_to_do_and_that_it_is_accepted(
    app: Flask, names: Names, lang: str, said: str
) -> None:
    make.at("2014-02-01 10:00")
    page = home(app, names, "b", lang)
    assert said in words(page)
    text = {"ja": "期限後の提出として記録されます", "en": "It is recorded as late"}[lang]
    assert text in words(page) and "/reports/base/upload" in standing(page)


@BOTH
def test_home_says_why_a_report_came_back_until_it_goes_on(
    app: Flask, session: Session, names: Names, role: str
) -> None:
    made = names.scheme
    with one_transaction(session):
        report = make.bring(session, made, S.VERIFICATION_REQUESTED)
        verification.return_to_holder(session, report.id, "7月の値が\n違います。" + "あ" * 200, actor=made.v)
    page = home(app, names, role)
    head = words(page)
    assert "差戻しの理由：7月の値が 違います。" in head and "…" in head and "あ" * 120 not in head
    assert "/reports/base/upload" in standing(page)
    make.at("2013-11-06 10:00")
    with one_transaction(session):
        make.register(session, made.report(), 7_461, actor=made.a)
    mended = home(app, names, role)
    assert "直したものが登録されています" in words(mended) and "検証を依頼する" in standing(mended)
    with one_transaction(session):
        reports.request_verification(session, made.report().id, actor=made.a)
    assert "差戻しの理由" not in words(home(app, names, role))


@BOTH
def test_a_request_to_return_is_followed_from_waiting_to_its_answer(
    app: Flask, session: Session, names: Names, role: str
) -> None:
    made = names.scheme
    with one_transaction(session):
        report = make.bring(session, made, S.VERIFICATION_REQUESTED)
        reports.request_send_back(session, report.id, "直したいところがあります。", actor=made.a)
    assert "差戻しを、検証機関に依頼しています" in words(home(app, names, role))
    with one_transaction(session):
        verification.decline_send_back(session, report.id, "検証がほぼ終わりました。", actor=made.v)
    declined = words(home(app, names, role))
    assert "検証機関に断られました" in declined and "理由：検証がほぼ終わりました。" in declined
    with one_transaction(session):
        reports.request_send_back(session, report.id, "それでも返してください。", actor=made.a)
        verification.grant_send_back(session, report.id, actor=made.v)
    line = words(Visitor(app, getattr(names, role)).get("/reports/base")).split("これまでの経過")[1]
    # the words are the holder's own, though the verifier's act bears them
    assert "依頼の理由：それでも返してください。" in line
    granted = words(home(app, names, role))
    assert "あなたの差戻依頼に応じて、検証機関が返しました。" in granted
    assert "断られました" not in standing(home(app, names, role)) and "差戻しの理由" not in granted


def test_lines_of_home_lead_to_the_period_they_are_about(app: Flask, session: Session, names: Names) -> None:
    with one_transaction(session):
        make.bring(session, names.scheme, S.VERIFICATION_REQUESTED)
    page = home(app, names, "b").text
    table = page.split('aria-labelledby="now"')[1].split("</table>")[0]
    for period, year in ((Period.BASE, "2010～2012年度"), (Period.TARGET, "2014年度")):
        assert re.search(rf'href="/reports/{period.value}">{year}</a>', table)
    events = page.split('aria-labelledby="events"')[1].split("</section>")[0]
    assert 'href="/reports/base"' in events and 'href="/reports"' not in events
