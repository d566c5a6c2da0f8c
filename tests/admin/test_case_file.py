"""The case file: one page for an ordinary report, an annex on pages of its own for a long one."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pypdf import PdfReader
from sqlalchemy.orm import Session

from portal.models import EmissionsReport, Period, ReportState
from portal.services import audit, reviews, verification
from portal.services.audit import EventTag
from portal.services.checklist import ITEMS, Answer, Given
from portal.services.transaction import one_transaction
from tests.admin.desk import Clerk, office
from tests.factories import reports as make

S = ReportState
NOTE = "境界図に東門がありません。"
LANGUAGES = pytest.mark.parametrize("lang", ["ja", "en"])


def pages(clerk: Clerk, report: int, lang: str) -> list[str]:
    """The text of each page, without the places where a long word may break."""
    clerk.get(f"/admin/?lang={lang}")
    answer = clerk.get(f"/admin/report/case-file/?id={report}")
    found = [page.extract_text() for page in PdfReader(io.BytesIO(answer.data)).pages]
    return [re.sub(r"[\u200b\n]", "", text) for text in found]


def ordinary(session: Session, made: make.Scheme) -> EmissionsReport:
    """Two refused files, one registered; verified with one fault, asked and answered once, approved."""
    report = make.bring(session, made, S.VERIFICATION_REQUESTED)
    for _ in range(2):
        audit.record(
            session, EventTag.REPORT_REFUSED, report, actor=made.a, holder_id=made.holder.id, count=3
        )
    first = ITEMS[0].code
    work = make.work("qualified")
    work = replace(work, answers={**work.answers, first: Given(Answer.NOT, NOTE)})
    verification.register_verification(
        session, report.id, "検証.pdf", make.PDF, "qualified", report.emissions, work, actor=made.v
    )
    verification.request_approval(session, report.id, actor=made.v)
    reviews.start_review(session, report.id, actor=made.officer)
    reviews.send_review_document(
        session, report.id, "検針票の期間は？", "質問.pdf", make.PDF, actor=made.officer
    )
    verification.answer_review(session, report.id, "各月の末日までです。", actor=made.v)
    return report


@pytest.fixture
def made(session: Session) -> make.Scheme:
    office(session)
    with one_transaction(session):
        return make.scheme(session)


@LANGUAGES
def test_an_ordinary_case_is_one_page(app: Flask, session: Session, made: make.Scheme, lang: str) -> None:
    with one_transaction(session):
        report = ordinary(session, made)
        reviews.approve(session, report.id, actor=made.approver)
        report_id, verifier = report.id, made.verifier.label
    (page,) = pages(Clerk(app, session, "viewer"), report_id, lang)
    for word in ("7,460", NOTE, "検針票の期間は？", "各月の末日までです。", verifier, "質問.pdf", "1 / 1"):
        assert word in page, word
    # what deviates stands there, what conforms is a count; so are the files that were refused
    place = 0 if lang == "ja" else 1
    assert ITEMS[0].word(lang) in page and ITEMS[1].word(lang) not in page
    assert ("適合 14", "Met 14")[place] in page
    assert ("登録できなかったファイルが2件", "2 files could not be registered")[place] in page
    assert ("別添", "Annex")[place] not in page
    # the office's time line folds them into one line too
    told = Clerk(app, session, "viewer").get(f"/admin/report/details/?id={report_id}&lang={lang}").text
    refused = ("算定報告書を登録できませんでした", "Calculation report refused")[place]
    assert told.count(refused) == 1
    assert refused + ("（続けて2回）", " (2 times in a row)")[place] in told


@LANGUAGES
def test_a_long_case_keeps_its_first_page_and_has_the_rest_in_an_annex(
    app: Flask, session: Session, made: make.Scheme, lang: str
) -> None:
    with one_transaction(session):
        report = ordinary(session, made)
        for number in range(12):
            text = f"{number}番目。" + "とても長い質問です。" * 60
            reviews.send_review_document(session, report.id, text, actor=made.officer)
            verification.answer_review(session, report.id, text, actor=made.v)
        for _ in range(6):
            reviews.return_to_verifier(session, report.id, "長い理由。" * 150, actor=made.officer)
            verification.request_approval(session, report.id, actor=made.v)
            reviews.start_review(session, report.id, actor=made.officer)
        report_id = report.id
    first, second, *more = pages(Clerk(app, session, "viewer"), report_id, lang)
    assert more
    place = 0 if lang == "ja" else 1
    # the first page is whole in itself: figures, fault, the newest round and decision, where the rest is
    for said in ("7,460", NOTE, "11番目。", "…"):
        assert said in first, said
    assert ("別添にすべてあります", "in the annex, in full")[place] in first
    assert second.startswith(("別添", "Annex")[place]) or ("別添", "Annex")[place] in second[:120]
    annex = "".join((second, *more))
    assert all(f"{number}番目。" in annex for number in range(12))
    # all six reasons in full; a page's end may stand between two letters
    assert annex.count("長い理由") > 6 * 145


def test_a_period_without_verification_has_one_page_too(
    app: Flask, session: Session, made: make.Scheme
) -> None:
    with one_transaction(session):
        report_id = make.bring(session, made, S.RECEIVED, Period.ADJUSTMENT).id
    (page,) = pages(Clerk(app, session, "viewer"), report_id, "ja")
    assert "7,460" in page and "検証報告書" not in page


def test_an_approver_reads_what_is_pointed_out_beside_the_button(
    app: Flask, session: Session, made: make.Scheme
) -> None:
    with one_transaction(session):
        make.bring(session, made, S.APPROVED, Period.BASE, 9_000)
        report = make.bring(session, made, S.VERIFICATION_REQUESTED, Period.TARGET)
        answers = {**make.work().answers, ITEMS[0].code: Given(Answer.NOT, NOTE)}
        verification.register_verification(
            session,
            report.id,
            "検証.pdf",
            make.PDF,
            "unqualified",
            report.emissions,
            verification.Work(answers),
            actor=made.v,
        )
        verification.request_approval(session, report.id, actor=made.v)
        reviews.start_review(session, report.id, actor=made.officer)
        report_id = report.id
    approver: FlaskClient = Clerk(app, session, "approver").client
    page = approver.get(f"/admin/report/approve/?id={report_id}").text
    assert "9,000 t-CO2（報告との差 −17.1%）" in page
    assert "10%を超えて変わっています（−17.1%）" in page
    assert "検証意見は無限定適正ですが、不適合の項目が1件あります。" in page
    assert "適合 14　不適合 1　該当なし 0" in page
