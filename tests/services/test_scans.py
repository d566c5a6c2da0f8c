"""Scans of the paper: what is taken, what is refused at once, and that nothing is ever gone (domain §3)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.errors import NotAllowed, NotFound, PortalError, Refusal
from portal.models import ApplicationScan, DocumentContent, Event, ScanKind, User
from portal.permissions import Role
from portal.services import documents, registration, scans
from tests.factories import registration as make

PDF, PNG, JPEG = b"%PDF-1.7 x", b"\x89PNG\r\n\x1a\n x", b"\xff\xd8\xff\xe0 x"


@pytest.fixture(autouse=True)
def in_2013(at: Callable[[str], datetime]) -> None:
    at("2013-10-08 09:00")


@pytest.fixture
def officer(session: Session) -> User:
    return make.office(session)


@pytest.fixture
def row_id(session: Session, officer: User) -> int:
    return registration.record_application(session, make.trader_data(), actor=officer).id


def refused(work: Callable[[], object]) -> list[tuple[str | None, Refusal]]:
    with pytest.raises(PortalError) as caught:
        work()
    return [(problem.field, problem.refusal) for problem in caught.value.problems]


def test_several_scans_are_attached_at_once_and_the_second_press_adds_none(
    session: Session, officer: User, row_id: int
) -> None:
    files = [("申請書.pdf", PDF), ("C:\\scan\\裏面.PNG", PNG), ("photo.jpeg", JPEG)]
    made = scans.attach(session, row_id, ScanKind.APPLICATION, files, actor=officer, key="k")
    again = scans.attach(session, row_id, ScanKind.APPLICATION, files, actor=officer, key="k")
    assert [one.id for one in made] == [one.id for one in again]
    assert [one.document.name for one in scans.scans_of(session, row_id)] == [
        "申請書.pdf",
        "裏面.PNG",
        "photo.jpeg",
    ]
    events = session.scalars(select(Event).where(Event.tag == "application_scan_attached")).all()
    assert [event.facts["kind"] for event in events] == ["application"] * 3


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("program.pdf", b"MZ\x90\x00 a program"),
        ("page.pdf", b"<html><script>alert(1)</script>"),
        ("drawing.png", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        ("form.xlsx", b"PK\x03\x04 no zip at all"),
        ("empty.pdf", b""),
        ("late.pdf", b" " * 2000 + PDF),
        ("photo.gif", b"GIF89a"),
    ],
)
def test_what_is_no_scan_is_refused_by_its_bytes(
    session: Session, officer: User, row_id: int, name: str, data: bytes
) -> None:
    attach = lambda: scans.attach(  # noqa: E731
        session, row_id, ScanKind.CONSENT, [("good.pdf", PDF), (name, data)], actor=officer
    )
    assert refused(attach) == [("files", Refusal.SCAN_KIND)]
    assert scans.scans_of(session, row_id) == []


@pytest.mark.parametrize(
    ("name", "data", "kept"),
    [
        ("scan.png", PDF, "scan.pdf"),
        ("SCAN0001", JPEG, "SCAN0001.jpg"),
        ("書類.2015.10", PNG, "書類.2015.10.png"),
        ("a.pdf.exe", PDF, "a.pdf.exe.pdf"),
        ("..\\..\\x.pdf", PDF, "x.pdf"),
        ("長" * 300, PDF, "長" * 196 + ".pdf"),
    ],
)
def test_the_kept_name_says_what_the_bytes_are(name: str, data: bytes, kept: str) -> None:
    media_type = documents.sniff(data)
    assert media_type is not None
    assert documents.named_as(name, media_type) == kept


def test_too_large_and_too_many_and_no_kind_are_said_together(
    session: Session, officer: User, row_id: int
) -> None:
    large = PDF + bytes(1024 * 1024)
    files = [("large.pdf", large), *[(f"{n}.pdf", PDF) for n in range(scans.MOST)]]
    attach = lambda: scans.attach(session, row_id, None, files, actor=officer, limit_mb=1)  # noqa: E731
    assert refused(attach) == [
        ("kind", Refusal.CHOICE_UNKNOWN),
        ("files", Refusal.SCAN_LIMIT),
        ("files", Refusal.SCAN_TOO_LARGE),
    ]
    form = lambda: scans.attach(session, row_id, ScanKind.FORM, [("a.pdf", PDF)], actor=officer)  # noqa: E731
    assert refused(form) == [("kind", Refusal.CHOICE_UNKNOWN)]
    nothing = lambda: scans.attach(session, row_id, ScanKind.OTHER, [], actor=officer)  # noqa: E731
    assert refused(nothing) == [("files", Refusal.FILE_NEEDED)]


def test_twenty_are_enough_and_one_taken_off_makes_room(session: Session, officer: User, row_id: int) -> None:
    files = [(f"{n}.pdf", PDF) for n in range(scans.MOST)]
    made = scans.attach(session, row_id, ScanKind.OTHER, files, actor=officer)
    one_more = lambda: scans.attach(session, row_id, ScanKind.OTHER, files[:1], actor=officer)  # noqa: E731
    assert refused(one_more) == [("files", Refusal.SCAN_LIMIT)]
    scans.take_off(session, made[3].id, "二重に添付しました。", actor=officer)
    assert len(one_more()) == 1


def test_a_scan_taken_off_stays_and_can_be_read(session: Session, officer: User, row_id: int) -> None:
    (scan,) = scans.attach(session, row_id, ScanKind.OTHER, [("a.pdf", PDF)], actor=officer)
    off = lambda why, key: lambda: scans.take_off(session, scan.id, why, actor=officer, key=key)  # noqa: E731
    assert refused(off(" ", "k")) == [("reason", Refusal.REASON_NEEDED)]
    off("別の会社の書類", "k")()
    off("別の会社の書類", "k")()  # pressed twice
    assert refused(off("もう一度", "k2")) == [(None, Refusal.WRONG_STATE)]
    session.expire_all()
    assert scan.removed_at is not None and scan.removed_by_id == officer.id
    assert session.get(DocumentContent, scan.document.sha256) is not None
    viewer = make.office(session, Role.VIEWER)
    assert scans.open_scan(session, scan.id, actor=viewer) == ("a.pdf", documents.PDF, PDF)
    (read,) = session.scalars(select(Event).where(Event.tag == "document_downloaded")).all()
    assert (read.actor_id, read.facts["application"]) == (viewer.id, scan.application.number)
    (gone,) = session.scalars(select(Event).where(Event.tag == "application_scan_removed")).all()
    assert gone.reason == "別の会社の書類"


def test_only_the_office_reads_and_only_officers_attach(session: Session, officer: User, row_id: int) -> None:
    (scan,) = scans.attach(session, row_id, ScanKind.OTHER, [("a.pdf", PDF)], actor=officer)
    holder = make.holder(session)
    for actor in (*holder.users, make.office(session, Role.VIEWER)):
        with pytest.raises(NotAllowed):
            scans.attach(session, row_id, ScanKind.OTHER, [("b.pdf", PDF)], actor=actor)
        with pytest.raises(NotAllowed):
            scans.take_off(session, scan.id, "理由", actor=actor)
    for login in holder.users:
        with pytest.raises(NotAllowed):
            scans.open_scan(session, scan.id, actor=login)
    with pytest.raises(NotFound):
        scans.open_scan(session, scan.id + 1, actor=officer)
    assert len(session.scalars(select(ApplicationScan)).all()) == 1
