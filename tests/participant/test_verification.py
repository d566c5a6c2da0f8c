"""The verifier's desk: assigned reports only, one form for the result, returns and answers."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from flask import Flask
from sqlalchemy import event, select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from portal.extensions import session_factory
from portal.models import EmissionsReport, Period, ReportState, VerificationReport
from portal.services import reports, reviews, verifiers
from portal.services.checklist import ITEMS, answer_field
from portal.services.demo.assigning import assign_holder
from portal.services.transaction import one_transaction
from tests.factories import registration
from tests.factories import reports as make
from tests.participant.visitor import Visitor, values, words

S = ReportState


@dataclass
class Names:
    """Logins and the report that lies with the verifier, as plain words."""

    a: str
    v: str
    stranger: str  # a verifier to whom nothing is assigned
    officer: int
    report: int


@pytest.fixture
def names(session: Session) -> Names:
    """Verification of the base-year report (7,460 t-CO2) is requested."""
    with one_transaction(session):
        made = make.scheme(session)
        report = make.bring(session, made, S.VERIFICATION_REQUESTED)
        stranger = registration.verifier(session).users[0]
        found = Names(made.a.login_id, made.v.login_id, stranger.login_id, made.officer.id, report.id)
    return found


def state(session: Session, names: Names) -> ReportState:
    found = session.get_one(EmissionsReport, names.report).state
    session.rollback()
    return found


def hand_in(
    reader: Visitor, names: Names, file: bytes = make.PDF, name: str = "検証報告書.pdf", **typed: str
) -> TestResponse:
    page = reader.get(f"/verification/{names.report}")
    address = f"/verification/{names.report}/result"
    checks = {answer_field(item.code): "conforms" for item in ITEMS}
    given = {"opinion": "unqualified", "verified": "7,460", "do": "approve", **checks, **typed}
    return reader.client.post(
        address, data={**values(page, address), **given, "file": (io.BytesIO(file), name)}
    )


def test_the_desk_shows_what_is_assigned_with_its_figures(app: Flask, names: Names) -> None:
    reader = Visitor(app, names.v)
    text = words(reader.get("/verification"))
    assert "検証を待っている報告書が1件あります" in text
    assert "目標保有者の番 1件" in text
    opened = words(reader.get(f"/verification/{names.report}"))
    assert "受電" in opened
    assert "3か年の平均（1 t未満切捨て）7,460" in opened
    assert "次はあなたの番です" in opened
    for word in ("JAA", "償却", "排出枠", "口座", "リザーブ"):
        assert word not in opened


def test_a_report_of_another_verifier_does_not_exist(app: Flask, session: Session, names: Names) -> None:
    file = session.get_one(EmissionsReport, names.report).current_file_id
    session.rollback()
    own, stranger = Visitor(app, names.v), Visitor(app, names.stranger)
    assert own.get(f"/verification/files/report/{file}").status_code == 200
    assert "検証を待っている報告書はありません" in words(stranger.get("/verification"))
    for address in ("", "/return", "/decline"):
        assert stranger.get(f"/verification/{names.report}{address}").status_code == 404
    assert stranger.get(f"/verification/files/report/{file}").status_code == 404
    assert Visitor(app, names.a).get("/verification").status_code == 404


def test_an_assignment_that_ended_closes_the_door_at_once(app: Flask, session: Session, names: Names) -> None:
    reader = Visitor(app, names.v)
    with one_transaction(session):
        from portal.models import User, Verifier
        from portal.services import verification

        report = session.get_one(EmissionsReport, names.report)
        by = report.assignments[-1].verifier.users[0]
        verification.return_to_holder(session, report.id, "交代のため", actor=by)
        officer = session.get_one(User, names.officer)
        other = session.scalars(select(Verifier).where(Verifier.id != by.verifier_id)).one()
        verifiers.assign(session, report.id, other.id, actor=officer)
    assert reader.get(f"/verification/{names.report}").status_code == 404


def test_one_form_registers_the_result_and_requests_approval(
    app: Flask, session: Session, names: Names
) -> None:
    reader = Visitor(app, names.v)
    answer = hand_in(reader, names, verified="７，４６０")
    assert answer.status_code == 302
    assert state(session, names) is S.APPROVAL_REQUESTED
    holder = Visitor(app, names.a)
    assert "検証機関が検証報告書を登録しました" in words(holder.get("/reports"))
    row = session.scalars(select(VerificationReport.id)).one()
    session.rollback()
    assert holder.get(f"/reports/files/verification/{row}").data == make.PDF


def test_everything_wrong_with_the_result_is_said_at_once_and_what_was_typed_stays(
    app: Flask, session: Session, names: Names
) -> None:
    reader = Visitor(app, names.v)
    answer = hand_in(reader, names, file=b"MZ", name="a.exe", verified="7,461")
    assert answer.status_code == 422
    text = words(answer)
    assert "7,461 t-CO2が、算定報告書の7,460 t-CO2と一致しません" in text
    assert "この種類のファイルは登録できません" in text
    assert 'value="7,461"' in answer.text
    assert "checked" in answer.text
    assert session.scalars(select(VerificationReport)).all() == []
    session.rollback()
    assert state(session, names) is S.VERIFICATION_REQUESTED


def test_an_adverse_opinion_is_registered_but_does_not_go_on(
    app: Flask, session: Session, names: Names
) -> None:
    reader = Visitor(app, names.v)
    refused = hand_in(reader, names, opinion="adverse", findings="7月分の検針票がありません")
    assert refused.status_code == 422
    assert "不適正と意見不表明では承認を依頼できません" in words(refused)
    assert session.scalars(select(VerificationReport)).all() == []
    session.rollback()
    told = hand_in(reader, names, opinion="adverse", do="register")
    assert "この意見には、指摘事項の記入が必要です。" in words(told)
    told = hand_in(reader, names, opinion="adverse", findings="7月分の検針票がありません", do="register")
    assert told.status_code == 302
    assert state(session, names) is S.VERIFICATION_REQUESTED
    page = reader.get(f"/verification/{names.report}")
    assert "この検証報告書で承認を依頼する" not in page.text
    assert "検証報告書を登録しました" in words(page)
    assert "7月分の検針票がありません" in words(page)


def test_a_return_needs_its_reason(app: Flask, session: Session, names: Names) -> None:
    reader = Visitor(app, names.v)
    address = f"/verification/{names.report}/return"
    page = reader.get(address)
    assert reader.send(page, address, reason="").status_code == 422
    assert reader.send(page, address, reason="7月分を確かめてください").status_code == 302
    assert state(session, names) is S.NOT_SUBMITTED


def test_a_send_back_request_is_declined_with_a_reason_or_granted(
    app: Flask, session: Session, names: Names
) -> None:
    def ask() -> None:
        with one_transaction(session):
            report = session.get_one(EmissionsReport, names.report)
            reports.request_send_back(session, report.id, "差し替えたい", actor=report.holder.users[0])

    ask()
    reader = Visitor(app, names.v)
    page = reader.get(f"/verification/{names.report}")
    assert "差し替えたい" in words(page)
    assert "検証結果の登録" not in words(page), "the request is answered first"
    decline = f"/verification/{names.report}/decline"
    assert reader.send(reader.get(decline), decline, reason="検証が終わるため").status_code == 302
    assert state(session, names) is S.VERIFICATION_REQUESTED
    assert "検証が終わるため" in words(Visitor(app, names.a).get("/reports/base"))
    ask()
    grant = f"/verification/{names.report}/send-back"
    assert f'action="{grant}"' not in reader.get(f"/verification/{names.report}").text
    page = reader.get(grant)
    assert "差し替えたい" in words(page) and state(session, names) is S.VERIFICATION_REQUESTED
    assert reader.send(page, grant).status_code == 302
    assert state(session, names) is S.NOT_SUBMITTED
    # the holder's own words are no reason of the verifier
    told = words(Visitor(app, names.a).get("/reports/base"))
    assert "差戻依頼に応じて" in told and "依頼の理由" in told and "差戻しの理由" not in told
    assert "検証機関が差戻依頼に応じて差し戻しました" in told


def test_a_word_with_a_granted_request_reaches_the_holder_as_such(
    app: Flask, session: Session, names: Names
) -> None:
    with one_transaction(session):
        report = session.get_one(EmissionsReport, names.report)
        reports.request_send_back(session, report.id, "差し替えたい", actor=report.holder.users[0])
    reader, grant = Visitor(app, names.v), f"/verification/{names.report}/send-back"
    assert reader.send(reader.get(grant), grant, reason="単位も直してください").status_code == 302
    told = words(Visitor(app, names.a).get("/reports/base"))
    assert "検証機関からの連絡" in told and "単位も直してください" in told and "依頼の理由" not in told


def test_the_secretariats_question_is_answered_with_text_and_file(
    app: Flask, session: Session, names: Names
) -> None:
    reader = Visitor(app, names.v)
    hand_in(reader, names)
    with one_transaction(session):
        from portal.models import User

        officer = session.get_one(User, names.officer)
        reviews.start_review(session, names.report, actor=officer)
        reviews.send_review_document(session, names.report, "根拠を示してください", actor=officer)
    page = reader.get(f"/verification/{names.report}")
    assert "根拠を示してください" in words(page)
    address = f"/verification/{names.report}/answer"
    assert reader.send(page, address, body="").status_code == 422
    sent = {**values(page, address), "body": "検針票です", "file": (io.BytesIO(make.PDF), "検針票.pdf")}
    assert reader.client.post(address, data=sent).status_code == 302
    holder = words(Visitor(app, names.a).get("/reports/base"))
    assert "検針票です" in holder
    assert "根拠を示してください" in holder


def test_a_verification_report_that_stayed_can_go_on_as_it_is(
    app: Flask, session: Session, names: Names
) -> None:
    reader = Visitor(app, names.v)
    hand_in(reader, names)
    with one_transaction(session):
        from portal.models import User

        officer = session.get_one(User, names.officer)
        reviews.return_to_verifier(session, names.report, "意見の根拠を確かめてください", actor=officer)
    page = reader.get(f"/verification/{names.report}")
    assert "事務局から差し戻されています。" in words(page)
    assert "意見の根拠を確かめてください" in words(page)
    assert reader.send(page, f"/verification/{names.report}/approval-request").status_code == 302
    assert state(session, names) is S.APPROVAL_REQUESTED


@contextmanager
def counted() -> Iterator[list[str]]:
    seen: list[str] = []
    engine = session_factory.kw["bind"]

    def note(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


def test_more_reports_do_not_mean_more_queries(app: Flask, session: Session, names: Names) -> None:
    reader = Visitor(app, names.v)
    reader.get("/verification")
    with counted() as few:
        reader.get("/verification")
    with one_transaction(session):
        from portal.models import User

        first = session.get_one(EmissionsReport, names.report)
        officer = session.get_one(User, names.officer)
        verifier = first.assignments[-1].verifier
        for _ in range(3):
            holder = registration.holder(session)
            assign_holder(session, holder.id, verifier.id, actor=officer)
            own = next(r for r in holder.reports if r.period is Period.BASE)
            make.register(session, own, actor=holder.users[0])
            reports.request_verification(session, own.id, actor=holder.users[0])
    with counted() as many:
        page = reader.get("/verification")
    assert "検証を待っている報告書が4件あります" in words(page)
    assert len(many) == len(few)
