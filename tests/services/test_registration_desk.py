"""Phases, factors, targets, verifiers, contact changes, directory, documents: the office's other desks."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.errors import NotAllowed, NotFound, PortalError, Refusal
from portal.models import (
    DecisionState,
    DocumentContent,
    EmissionsReport,
    MailMessage,
    Period,
    TargetState,
    UnitType,
    VerifierAssignment,
)
from portal.permissions import Role
from portal.services import access, contacts, documents, factors, phases, targets, verifiers, workflow
from portal.services.demo.assigning import assign_holder
from portal.services.numbers import search_key
from portal.services.transitions import REPORT
from tests.factories import registration as make


@pytest.fixture(autouse=True)
def in_2013(at: Callable[[str], datetime]) -> None:
    at("2013-10-08 09:00")


def refusal(work: Callable[[], object]) -> Refusal:
    with pytest.raises(PortalError) as caught:
        work()
    return caught.value.refusal


def mailed(session: Session, kind: str) -> set[str]:
    return set(session.scalars(select(MailMessage.recipient).where(MailMessage.kind == kind)))


# phases and factors


def test_a_phase_brings_its_units_and_its_factors(session: Session) -> None:
    phase = make.phase(session)
    assert phases.unit_class_for(session, phase).unit_type is UnitType.JAA
    assert phases.jver_class(session).id == phases.jver_class(session).id
    assert phases.rule_in_force(session, phase).retirement_deadline == date(2015, 11, 30)
    tables = factors.factors_for(session, range(2010, 2017))
    assert set(tables) == set(range(2010, 2017))
    by_code = {factor.code: factor for factor in tables[2013]}
    assert len(by_code) == 12
    assert by_code["city_gas"].calorific == Decimal("45.0")
    assert by_code["electricity"].factor == Decimal("0.000550")
    with pytest.raises(NotFound):
        factors.factors_for(session, [2030])


# reduction targets


def test_a_target_needs_two_people(session: Session) -> None:
    holder = make.holder(session)
    one, other = make.office(session, Role.APPROVER), make.office(session, Role.APPROVER)
    target = targets.propose_target(session, holder.id, "１，５００", actor=one)
    assert target.quantity == 1500
    assert mailed(session, "target_to_confirm") >= {other.email}
    assert one.email not in mailed(session, "target_to_confirm")
    assert refusal(lambda: targets.confirm_target(session, target.id, actor=one)) is Refusal.SAME_PERSON
    with pytest.raises(NotAllowed):
        targets.confirm_target(session, target.id, actor=make.office(session))
    one.active = False
    assert refusal(lambda: targets.confirm_target(session, target.id, actor=other)) is Refusal.PERSON_INACTIVE
    one.active = True
    targets.confirm_target(session, target.id, actor=other, version=target.version)
    assert (target.state, target.confirmed_by_id) == (TargetState.CONFIRMED, other.id)
    assert mailed(session, "target_confirmed") == {holder.users[0].email}
    assert refusal(lambda: targets.withdraw_target(session, target.id, actor=one)) is Refusal.WRONG_STATE


def test_a_withdrawn_target_makes_room(session: Session) -> None:
    holder, officer = make.holder(session), make.office(session)
    first = targets.propose_target(session, holder.id, 100, actor=officer, key="t1")
    assert targets.propose_target(session, holder.id, 100, actor=officer, key="t1").id == first.id
    targets.withdraw_target(session, first.id, actor=officer)
    assert targets.propose_target(session, holder.id, 200, actor=officer).quantity == 200
    for text, expected in (
        ("0", Refusal.QUANTITY_POSITIVE),
        ("1.5", Refusal.QUANTITY_SHAPE),
        ("", Refusal.REQUIRED),
    ):
        assert (
            refusal(lambda text=text: targets.propose_target(session, holder.id, text, actor=officer))
            is expected
        )


# verifiers


def report_of(session: Session, holder_id: int, period: Period) -> EmissionsReport:
    query = select(EmissionsReport).where(
        EmissionsReport.holder_id == holder_id, EmissionsReport.period == period
    )
    return session.scalars(query).one()


def test_a_new_assignment_takes_the_report_from_the_old_verifier_at_once(session: Session) -> None:
    holder, officer = make.holder(session), make.office(session)
    one, other = make.verifier(session), make.verifier(session)
    assert len(assign_holder(session, holder.id, one.id, actor=officer)) == 2
    report = report_of(session, holder.id, Period.BASE)
    assert access.get_visible(session, EmissionsReport, report.id, one.users[0]) is report
    same = verifiers.assign(session, report.id, one.id, actor=officer)
    assert session.scalar(select(func.count()).select_from(VerifierAssignment)) == 2
    verifiers.assign(session, report.id, other.id, actor=officer)
    assert same.ended_at is not None
    with pytest.raises(NotFound):
        access.get_visible(session, EmissionsReport, report.id, one.users[0])
    load = {row.verifier.id: (row.assigned, row.waiting, row.done) for row in verifiers.load(session)}
    assert load == {one.id: (1, 0, 0), other.id: (1, 0, 0)}
    assert mailed(session, "verifier_assigned") >= {one.users[0].email, other.users[0].email}


def test_no_change_of_verifier_while_the_report_is_under_approval(session: Session) -> None:
    holder, officer = make.holder(session), make.office(session)
    one, other = make.verifier(session), make.verifier(session)
    assign_holder(session, holder.id, one.id, actor=officer)
    report = report_of(session, holder.id, Period.BASE)
    workflow.advance(session, REPORT, report, "request_verification", actor=holder.users[0])
    assign = lambda r: lambda: verifiers.assign(session, r.id, other.id, actor=officer)  # noqa: E731
    assert refusal(assign(report)) is Refusal.REASON_NEEDED
    workflow.advance(session, REPORT, report, "request_approval", actor=one.users[0])
    assert refusal(assign(report)) is Refusal.VERIFIER_BUSY
    assert refusal(assign(report_of(session, holder.id, Period.ADJUSTMENT))) is Refusal.NO_VERIFICATION_HERE
    (target_year,) = assign_holder(session, holder.id, other.id, actor=officer)
    assert target_year.report.period is Period.TARGET


# contact changes and directory


def test_an_accepted_change_reaches_contact_logins_and_both_addresses(session: Session) -> None:
    holder, officer = make.holder(session), make.office(session)
    login_a, login_b = holder.users
    old = contacts.present(holder)
    new = replace(
        old,
        company=holder.joint_companies[0].organisation.name,
        name="新田 秋子",
        name_kana="にった あきこ",
        telephone="０３-0000-0009",
        mail="nitta@tsubame.example",
        mail_b="b@tsubame.example",
    )
    change = contacts.apply_for_change(session, new, actor=login_a, key="c1")
    assert contacts.apply_for_change(session, new, actor=login_a, key="c1").id == change.id
    assert contacts.changed_items(change) == ["company", "name", "name_kana", "telephone", "mail", "mail_b"]
    assert holder.contact.name == old.name
    assert refusal(lambda: contacts.apply_for_change(session, new, actor=login_a)) is Refusal.CHANGE_OPEN
    contacts.accept_change(session, change.id, actor=officer, version=change.version)
    assert (holder.contact.name, holder.contact.telephone) == ("新田 秋子", "03-0000-0009")
    assert holder.contact.organisation is holder.joint_companies[0].organisation
    assert (login_a.email, login_a.name, login_b.email) == (
        "nitta@tsubame.example",
        "新田 秋子",
        "b@tsubame.example",
    )
    assert search_key("nitta@tsubame.example") in holder.search_key
    assert mailed(session, "contact_changed_old_address") == {old.mail}
    assert refusal(lambda: contacts.accept_change(session, change.id, actor=officer)) is Refusal.WRONG_STATE


def test_a_declined_change_leaves_everything(session: Session) -> None:
    trader, officer = make.trader(session), make.office(session)
    old = contacts.present(trader)
    change = contacts.apply_for_change(session, replace(old, post="部長"), actor=trader.users[0])
    assert (
        refusal(lambda: contacts.decline_change(session, change.id, "", actor=officer))
        is Refusal.REASON_NEEDED
    )
    contacts.decline_change(session, change.id, "書類が必要です。", actor=officer)
    assert (change.state, contacts.present(trader)) == (DecisionState.DECLINED, old)


def test_wrong_contact_data_and_wrong_people_are_refused(session: Session) -> None:
    holder, other = make.holder(session), make.trader(session)
    old = contacts.present(holder)
    wrong = replace(old, company="よその会社", name_kana="ニッタ", postal_code="1", mail="x", name="")
    with pytest.raises(PortalError) as caught:
        contacts.apply_for_change(session, wrong, actor=holder.users[0])
    assert {p.field for p in caught.value.problems} == {"company", "name_kana", "postal_code", "mail", "name"}
    apply = lambda: contacts.apply_for_change(session, old, actor=holder.users[0])  # noqa: E731
    assert refusal(apply) is Refusal.NOTHING_CHANGED
    for actor in (holder.users[1], make.office(session)):
        with pytest.raises(NotAllowed):
            contacts.apply_for_change(session, replace(old, post="x"), actor=actor)
    change = contacts.apply_for_change(session, replace(old, post="x"), actor=holder.users[0])
    with pytest.raises(NotAllowed):
        contacts.accept_change(session, change.id, actor=other.users[0])


# documents


def office_file(part: str, extra: str = "") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as parts:
        for name in ("[Content_Types].xml", part, *([extra] if extra else [])):
            parts.writestr(name, "<x/>")
    return buffer.getvalue()


def test_the_same_bytes_lie_in_the_database_once(session: Session) -> None:
    one = documents.store(session, "C:\\temp\\..\\図面.pdf", b"%PDF-1", documents.PDF, actor=None)
    other = documents.store(session, "b.pdf", b"%PDF-1", documents.PDF, actor=None)
    assert (one.name, one.sha256) == ("図面.pdf", other.sha256)
    assert documents.read(session, other) == b"%PDF-1"
    assert session.scalar(select(func.count()).select_from(DocumentContent)) == 1


def test_a_file_is_what_its_bytes_say() -> None:
    xlsx, docx = office_file("xl/workbook.xml"), office_file("word/document.xml")
    macros = office_file("xl/workbook.xml", "xl/vbaProject.bin")
    cases = {
        b"%PDF-1.7": documents.PDF,
        b"\xff\xd8\xff\xe0": documents.JPEG,
        xlsx: documents.XLSX,
        docx: documents.DOCX,
    }
    assert {data: documents.sniff(data) for data in cases} == cases
    assert [documents.sniff(data) for data in (macros, b"PK\x03\x04broken", b"<html>", b"")] == [None] * 4
    kinds = [documents.PDF, documents.XLSX]

    def check(name: str, data: bytes) -> Refusal:
        return refusal(lambda: documents.check_upload(name, data, kinds=kinds, limit_mb=1))

    assert documents.check_upload("報告.XLSX", xlsx, kinds=kinds, limit_mb=1) == documents.XLSX
    assert check("a.pdf", xlsx) is Refusal.FILE_DISGUISED
    assert check("a.docx", docx) is Refusal.FILE_KIND
    assert check("a.pdf", b"") is Refusal.FILE_EMPTY
    assert check("", b"") is Refusal.FILE_NEEDED
    assert check("a.pdf", b"%PDF-" + bytes(1024 * 1024)) is Refusal.FILE_TOO_LARGE


@pytest.mark.parametrize(
    ("given", "safe"),
    [
        ("../../etc/passwd", "passwd"),
        ('a"b\r\nX: y.pdf', "a_bX_ y.pdf"),
        ("\u202efdp.exe", "fdp.exe"),
        (" .. ", "file"),
        ("長" * 300 + ".xlsx", "長" * 195 + ".xlsx"),
    ],
)
def test_names_of_files_are_harmless(given: str, safe: str) -> None:
    assert documents.safe_name(given) == safe
