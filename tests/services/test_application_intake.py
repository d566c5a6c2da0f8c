"""Application forms as Excel: judged like typing, each refusal at its cell, recorded with the file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.errors import NotAllowed, NotFound, Refusal, Refused
from portal.extensions import make_session
from portal.models import (
    ApplicationScan,
    Document,
    DocumentContent,
    Event,
    Job,
    ParticipantKind,
    RegistrationApplication,
    ScanKind,
    User,
)
from portal.permissions import Role
from portal.services import application_form_desk, application_intake, documents, jobs
from portal.services.application_intake import KIND, MOST, Upload
from portal.services.application_judge import judge
from portal.services.audit import EventTag
from portal.services.registration_data import form_problems
from portal.services.spreadsheets.application_form import read_application
from portal.services.spreadsheets.layouts import application as form
from portal.services.transaction import one_transaction
from tests.factories import registration as make
from tests.services.spreadsheets.application_samples import KINDS, VALUES, cell, filled


@pytest.fixture(autouse=True)
def in_2013(at: Callable[[str], datetime]) -> None:
    at("2013-10-08 09:00")


@pytest.fixture
def officer(session: Session) -> User:
    with one_transaction(session):
        make.phase(session)
        return make.office(session)


def upload(session: Session, data: bytes, name: str = "申請書.xlsx") -> Upload:
    """What the office makes of a file, without the child process."""
    reading = read_application(data)
    return Upload(name, data, reading, judge(session, reading) if reading.kind else None)


def kept(session: Session, data: bytes, officer: User, name: str = "申請書.xlsx") -> int:
    with one_transaction(session):
        made = application_intake.keep_upload(session, upload(session, data, name), actor=officer)
    assert made.form_id is not None
    return made.form_id


def counted(session: Session) -> dict[str, int]:
    tables = (RegistrationApplication, ApplicationScan, Document, DocumentContent, Event, Job)
    return {t.__tablename__: session.scalar(select(func.count()).select_from(t)) or 0 for t in tables}


@pytest.mark.parametrize("kind", KINDS)
def test_a_good_form_of_each_kind_is_recorded_as_it_says_with_its_file(
    kind: str, session: Session, officer: User
) -> None:
    data = filled(kind)  # type: ignore[arg-type]
    form_id = kept(session, data, officer)
    opened = application_intake.open_form(session, form_id, actor=officer)
    assert opened.judged.ok and form_problems(opened.judged.data) == []
    with one_transaction(session):
        row, attached = application_intake.record_form(
            session, form_id, opened.judged.data, actor=officer, key="k1"
        )
    assert attached and row.kind is ParticipantKind(kind)
    for name, value in VALUES[kind].items():  # type: ignore[index]
        if not name.startswith("joint_companies"):
            assert str(getattr(row, name)) == value
    if kind == "holder":
        assert row.phase is not None and row.phase.number == 2
        assert [(j.name, j.name_kana) for j in row.joint_companies] == [
            ("株式会社みほん不動産", "かぶしきがいしゃみほんふどうさん"),
            ("みほん化学株式会社", "みほんかがくかぶしきがいしゃ"),
        ]
    (scan,) = session.scalars(select(ApplicationScan)).all()
    assert scan.kind is ScanKind.FORM and scan.application_id == row.id
    assert documents.read(session, scan.document) == data
    with pytest.raises(NotFound):  # it waits no longer
        application_intake.open_form(session, form_id, actor=officer)


def test_a_second_press_records_nothing_more(session: Session, officer: User) -> None:
    form_id = kept(session, filled(), officer)
    data = application_intake.open_form(session, form_id, actor=officer).judged.data

    def press() -> tuple[int, bool]:
        with one_transaction(session):
            row, attached = application_intake.record_form(session, form_id, data, actor=officer, key="k1")
            return row.id, attached

    first = press()
    before = counted(session)
    assert press() == first and counted(session) == before


WRONG: dict[str, tuple[Any, str, str, str]] = {
    "company_name": (None, "item_blank", "空欄", "代表事業者法人名"),
    "company_kana": ("ミホンいんさつ", "kana_wrong", "ミホンいんさつ", "ひらがな"),
    "contact_company": (
        "みほん運輸株式会社",
        "contact_elsewhere",
        "みほん運輸株式会社",
        "代表事業者または共同事業者の法人名",
    ),
    "contact_postal_code": ("123456", "postal_wrong", "123456", "123-4567"),
    "contact_telephone": (312345678, "phone_wrong", "312345678", "03-1234-5678"),
    "contact_fax": ("なし", "phone_wrong", "なし", "03-1234-5678"),
    "contact_name": ("𠮷田 太郎", "glyph_missing", "𠮷田 太郎", "印刷できる文字"),
    "mail_a": ("taro＠", "mail_wrong", "taro＠", "name@example.jp"),
    "mail_b": ("b@mihon", "mail_wrong", "b@mihon", "name@example.jp"),
    "site_address": ("あ" * 201, "text_too_long", "あ" * 59 + "…", "200字以内"),
    "site_kind": (None, "choice_blank", "空欄", "工場・事業場"),
    "joint_companies-1-kana": (None, "joint_incomplete", "空欄", "法人名（ひらがな）"),
    "joint_companies-7-name": ("みほん港運", "", "", ""),
    "joint_companies-7-kana": ("ミホン", "kana_wrong", "ミホン", "ひらがな"),
}


def test_every_wrong_value_is_named_at_its_cell_all_at_once(session: Session, officer: User) -> None:
    found = upload(session, filled(**{name: one[0] for name, one in WRONG.items()}))
    assert {(p.cell, p.code, p.found, p.expected) for p in found.problems} == {
        (cell(name), code, said, expected) for name, (_v, code, said, expected) in WRONG.items() if code
    }
    assert found.judged is not None
    at = {name: problem.code for name, problem in found.judged.at_field}
    # the page for typing leaves no gap between the joint companies
    assert at["joint_companies-2-kana"] == "kana_wrong" and at["site_kind"] == "choice_blank"
    assert len(at) == len(found.problems)
    glyph = next(p for p in found.problems if p.code == "glyph_missing")
    assert "「𠮷」" in glyph.message("ja") and "“𠮷”" in glyph.message("en")


def test_full_width_codes_are_read_and_the_clerk_is_told(session: Session, officer: User) -> None:
    found = upload(
        session,
        filled(
            contact_postal_code="〒１２３－４５６７",
            contact_telephone="０３ー００００ー０００９",
            mail_a="ｔａｒｏ@ｍｉｈｏｎ.example",
        ),
    )
    assert found.problems == () and found.judged is not None
    data = found.judged.data
    assert (data.contact_postal_code, data.contact_telephone, data.mail_a) == (
        "123-4567",
        "03-0000-0009",
        "taro@mihon.example",
    )
    assert {note.cell for note in found.judged.notes} == {
        cell(name) for name in ("contact_postal_code", "contact_telephone", "mail_a")
    }


def test_a_phase_that_is_not_there_is_named_at_the_phase(session: Session) -> None:
    with one_transaction(session):
        make.office(session)
    found = upload(session, filled())
    (problem,) = found.problems
    assert (problem.cell, problem.code, problem.found) == (
        form.HEAD_CELLS["form_phase"],
        "phase_unknown",
        "第2期",
    )


def test_a_trader_without_the_contacts_company_belongs_to_itself(session: Session, officer: User) -> None:
    found = upload(session, filled("trader", contact_company=None))
    assert found.problems == () and found.judged is not None
    assert found.judged.data.contact_company == "みほん印刷株式会社"


def test_a_refusal_leaves_an_event_and_nothing_else_of_the_record(session: Session, officer: User) -> None:
    before = counted(session)
    with one_transaction(session):
        made = application_intake.keep_upload(
            session, upload(session, b"a,b\n1,2\n", "表.csv"), actor=officer
        )
    assert (made.form_id, made.copy_id) == (None, None)
    assert counted(session) == {**before, "event": before["event"] + 1}
    event = session.scalars(select(Event).order_by(Event.id.desc()).limit(1)).one()
    assert event.tag == EventTag.APPLICATION_FORM_REFUSED and event.facts["codes"] == ["not_xlsx"]


def test_an_uploaded_form_is_its_clerks_only_and_gone_after_a_day(
    session: Session, officer: User, at: Callable[[str], datetime]
) -> None:
    with one_transaction(session):
        other = make.office(session)
    form_id = kept(session, filled(), officer)
    data = application_intake.open_form(session, form_id, actor=officer).judged.data
    with pytest.raises(NotFound):
        application_intake.open_form(session, form_id, actor=other)
    session.rollback()
    at("2013-10-09 09:01")
    work = _work(session, form_id)
    application_intake.forget(work)
    session.expire_all()
    job = session.get_one(Job, form_id)
    assert "facts" not in job.payload and session.scalars(select(Document)).all() == []
    # what the clerk typed meanwhile is recorded all the same
    with one_transaction(session):
        _row, attached = application_intake.record_form(session, form_id, data, actor=officer)
    assert not attached and session.scalars(select(ApplicationScan)).all() == []


def _work(session: Session, form_id: int) -> jobs.Work:
    payload = dict(session.get_one(Job, form_id).payload)
    bind: Any = session.get_bind()
    session.rollback()
    return jobs.Work(form_id, payload, lambda: make_session(bind), 1)


def test_the_same_file_again_is_the_same_form_and_old_ones_make_room(session: Session, officer: User) -> None:
    read = upload(session, filled())

    def keep(content: bytes) -> int | None:
        another = replace(read, data=content)
        return application_intake.keep_upload(session, another, actor=officer).form_id

    with one_transaction(session):
        first = keep(b"first")
        assert keep(b"first") == first is not None
        others = [keep(b"%d" % number) for number in range(MOST)]
    assert len(set(others)) == MOST
    waiting = session.scalar(select(func.count()).select_from(Job).where(Job.kind == KIND))
    assert waiting == MOST
    with pytest.raises(NotFound):
        application_intake.open_form(session, first, actor=officer)


def test_only_who_records_applications_reads_them(session: Session, officer: User) -> None:
    with one_transaction(session):
        viewer = make.office(session, Role.VIEWER)
    with pytest.raises(NotAllowed):
        application_intake.read_upload(session, "x.xlsx", filled(), actor=viewer, limit_mb=10)
    session.rollback()
    for name, data, refusal in (
        ("x.xlsx", b"", Refusal.FILE_EMPTY),
        ("x.xlsx", b"x" * (1024 * 1024 + 1), Refusal.FILE_TOO_LARGE),
        ("x.csv", filled(), Refusal.FORM_NOT_XLSX),
    ):
        with pytest.raises(Refused) as refused:
            application_intake.read_upload(session, name, data, actor=officer, limit_mb=1)
        assert refused.value.refusal is refusal
        session.rollback()


def test_what_typing_refuses_is_refused_here_too_and_the_form_still_waits(
    session: Session, officer: User
) -> None:
    form_id = kept(session, filled(), officer)
    data = application_intake.open_form(session, form_id, actor=officer).judged.data
    before = counted(session)
    with pytest.raises(Refused), one_transaction(session):
        application_intake.record_form(session, form_id, replace(data, company_name=""), actor=officer)
    assert counted(session) == before
    assert application_intake.open_form(session, form_id, actor=officer).id == form_id


def test_blanks_are_of_the_phase_that_is_asked_or_the_newest(session: Session, officer: User) -> None:
    with one_transaction(session):
        make.phase(session, 3)
    name, _data = application_form_desk.blank(session, ParticipantKind.HOLDER)
    assert name == "ASSETシステム登録申請書_第3期_目標保有者用.xlsx"
    name, data = application_form_desk.blank(session, ParticipantKind.HOLDER, 2, locale="en")
    assert name == "registration_application_holder_phase2.xlsx"
    assert read_application(data).phase == 2
    with pytest.raises(NotFound):
        application_form_desk.blank(session, ParticipantKind.HOLDER, 9)
