"""A mail's subject says whose and which it is, and its link leads to that very page (domain §7)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.models import EmissionsReport, MailMessage, Period
from portal.permissions import Role
from portal.services import mail_links, targets, verifiers
from portal.services.mail import MailKind, notify
from portal.services.mail_kinds import KINDS, Reader
from portal.services.transaction import one_transaction
from tests.factories.readers import People, people

ONE_DATABASE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


@pytest.fixture
def scheme(session: Session, at: Callable[[str], datetime]) -> People:
    at("2015-05-11 09:00")
    with one_transaction(session):
        made = people(session)
        report = made.report(Period.TARGET)
        verifiers.assign(session, report.id, made.verifier.id, actor=made.officer)
        for message in session.scalars(select(MailMessage)):
            session.delete(message)
    return made


def sent(session: Session, kind: MailKind, **facts: Any) -> dict[str, MailMessage]:
    """The mails of ``kind`` by who reads them."""
    return {message.recipient.partition("@")[0]: message for message in notify(session, kind, **facts)}


def paths() -> set[str]:
    """Every address a mail may lead to, with numbers in it."""
    found = {*mail_links.OFFICE.values(), *mail_links.OFFICE_KINDS.values(), *mail_links.OWN_KINDS.values()}
    found |= {mail_links.RECEIPT, mail_links.OWN_REPORT, mail_links.VERIFIERS_REPORT}
    found |= {mail_links.OWN_BANKING, mail_links.START}
    return {path.format(id=1, report_id=1, period="target", code="T-000001") for path in found}


@ONE_DATABASE
def test_every_address_in_a_mail_is_a_page_of_the_portal(app: Flask) -> None:
    routes = app.url_map.bind("localhost")
    assert [path for path in sorted(paths()) if not routes.test(path.partition("?")[0], method="GET")] == []


def test_no_page_of_allowances_is_named_to_b_or_a_verifier() -> None:
    for kind, line in KINDS.items():
        for reader in {audience.reader for audience in line.audiences} & {Reader.HOLDER_B, Reader.VERIFIER}:
            assert "allowances" not in mail_links.page_of(kind, reader, None), kind


def test_a_report_is_named_first_and_each_reader_is_led_to_his_own_page_of_it(
    session: Session, scheme: People
) -> None:
    report = scheme.report(Period.TARGET)
    scheme.login(session, Role.HOLDER_A).locale = "en"
    got = sent(session, MailKind.APPROVAL_REQUESTED, report=report)
    name = f"{scheme.holder.representative.name}　{scheme.holder.site_name}"
    assert got["b"].subject == f"【ASSET】AST-1001 削減目標年度（2014年度）の承認依頼：{name}"
    assert got["a1"].subject == f"[ASSET] AST-1001 Approval requested (target year, FY2014) – {name}"
    pages = {
        "a1": "/reports/target",
        "b": "/reports/target",
        "v": f"/verification/{report.id}",
        "office01": f"/admin/report/details/?id={report.id}",
    }
    for reader, page in pages.items():
        assert f"\nhttp://127.0.0.1:8000{page}\n" in got[reader].body


def test_a_proposal_is_named_and_leads_to_where_it_is_confirmed(session: Session, scheme: People) -> None:
    with one_transaction(session):
        row = targets.propose_target(session, scheme.holder.id, 1500, actor=scheme.officer)
    (message,) = session.scalars(select(MailMessage).where(MailMessage.kind == "target_to_confirm"))
    assert message.subject.startswith("【ASSET】AST-1001 削減目標量の確認依頼（1,500 t-CO2）：")
    assert f"/admin/target/details/?id={row.id}\n" in message.body


def test_an_endless_name_leaves_the_subject_readable(session: Session, scheme: People) -> None:
    scheme.holder.representative.name = "長" * 150
    got = sent(session, MailKind.REVIEW_STARTED, report=scheme.report(Period.TARGET))
    assert got["b"].subject.startswith("【ASSET】AST-1001 削減目標年度（2014年度）の査読が始まりました：長")
    assert len(got["b"].subject) < 120 and got["b"].subject.endswith("…")


@pytest.mark.parametrize(("day", "late"), [("2015-09-30 09:00", False), ("2015-10-01 09:00", True)])
def test_a_return_after_the_day_it_was_due_says_that_late_is_accepted(
    session: Session, scheme: People, at: Callable[[str], datetime], day: str, late: bool
) -> None:
    at(day)
    report: EmissionsReport = scheme.report(Period.TARGET)
    got = sent(session, MailKind.REPORT_RETURNED, report=report, reason="単位が違う")
    for reader in ("a1", "b"):
        assert "2015年9月30日（水）" in got[reader].body
        assert ("期限は過ぎていますが、受け付けます" in got[reader].body) == late
    # the verifier has nothing to hand in
    assert "受け付けます" not in got["v"].body


def test_the_question_of_a_review_stands_in_the_mail(session: Session, scheme: People) -> None:
    got = sent(
        session,
        MailKind.REVIEW_DOCUMENT_SENT,
        report=scheme.report(Period.TARGET),
        actor=scheme.officer,
        question="7月の電気が\n前の年の2倍です。",
    )
    assert "査読書類の文面\n7月の電気が\n前の年の2倍です。" in got["v"].body


@pytest.mark.parametrize(("granted", "word"), [("asked", "依頼の理由"), ("said", "検証機関からの連絡")])
def test_a_granted_send_back_request_is_no_reason_of_the_verifier(
    session: Session, scheme: People, granted: str, word: str
) -> None:
    report = scheme.report(Period.TARGET)
    got = sent(session, MailKind.REPORT_RETURNED, report=report, reason="7月の値", granted=granted)
    assert "差戻依頼に応じて" in got["a1"].body and f"\n{word}\n7月の値" in got["a1"].body
    assert "理由を確かめて" not in got["a1"].body


def test_what_is_to_retire_is_told_otherwise_when_the_deadline_is_over(
    session: Session, scheme: People, at: Callable[[str], datetime]
) -> None:
    due = datetime(2015, 11, 30).date()

    def told() -> str:
        return sent(session, MailKind.RETIREMENT_SETTLED, holder=scheme.holder, due=due, quantity=120)[
            "a1"
        ].body

    at("2015-11-30 09:00")
    assert "期限までに償却してください" in told()
    at("2015-12-01 09:00")
    assert "期限までに償却してください" not in (late := told()) and "は過ぎています" in late
    assert "/allowances/retire\n" in late
