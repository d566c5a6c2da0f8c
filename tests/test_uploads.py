"""Every way in for files, with a scanner that knows EICAR: infected ones change nothing, and are told."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal import create_app
from portal.errors import PortalError, Refusal
from portal.extensions import db_session, session_factory
from portal.models import Document, EmissionsReport, Event, ReportState
from portal.services import report_files, reviews
from portal.services.audit import EventTag
from portal.services.transaction import one_transaction
from portal.settings import Settings
from tests.admin.desk import Clerk, office
from tests.factories import reports as make
from tests.participant.visitor import Visitor, values, words
from tests.scanners import EICAR, SIGNATURE, Stub, clamd

INFECTED = make.PDF + EICAR


@pytest.fixture
def stub() -> Iterator[Stub]:
    with clamd() as running:
        yield running


@pytest.fixture
def app(settings: Settings, stub: Stub) -> Iterator[Flask]:
    """The whole application, its uploads searched by the stub."""
    yield create_app(replace(settings, clamd=stub.address, clamd_seconds=2))
    db_session.remove()
    session_factory.kw["bind"].dispose()
    session_factory.configure(bind=None)


def at_page(url: str, action: str = "") -> Callable[[Visitor, bytes], str]:
    """Send a file by the form on a participant's page."""

    def send(reader: Visitor, data: bytes) -> str:
        page = reader.get(url)
        typed = {**values(page, action), "opinion": "unqualified", "verified": "7460", "body": "回答"}
        answer = reader.client.post(action or url, data={**typed, "file": (io.BytesIO(data), "図.pdf")})
        assert answer.status_code == 422, answer.status
        return words(answer)

    return send


def at_desk(url: str, field: str = "file") -> Callable[[Clerk, bytes], str]:
    """Send a file by the form on a page of the office."""

    def send(clerk: Clerk, data: bytes) -> str:
        typed = {
            "kind": "application",
            "body": "質問",
            "confirmed": "1",
            "site_name": "第二工場",
            "received_on": "2013-11-01",
        }
        answer = clerk.post(url, {**clerk.form(url), **typed, field: (io.BytesIO(data), "図.pdf")})
        assert answer.status_code == 422, answer.status
        return words(answer)

    return send


@dataclass
class World:
    """Logins and rows, made before the scanner is there: factories go past the gate."""

    a: str
    verifying: str
    answering: str
    verified: int
    asked: int
    holder: int
    application: int


@pytest.fixture
def world(session: Session) -> World:
    office(session)
    with one_transaction(session):
        held, reviewed, free = (make.scheme(session) for _ in range(3))
        report = make.bring(session, held, ReportState.VERIFICATION_REQUESTED)
        asked = make.bring(session, reviewed, ReportState.UNDER_REVIEW)
        reviews.send_review_document(session, asked.id, "期間は？", actor=reviewed.officer)
        made = World(
            free.a.login_id,
            held.v.login_id,
            reviewed.v.login_id,
            report.id,
            asked.id,
            held.holder.id,
            held.holder.application_id,
        )
    return made


def test_no_way_in_takes_an_infected_file(world: World, app: Flask, session: Session, stub: Stub) -> None:
    officer = Clerk(app, session, "officer")
    before = session.scalar(select(func.count()).select_from(Document))
    session.rollback()  # what the test reads must not stand in the writers' queue
    ways: list[tuple[object, Callable[..., str]]] = [
        (Visitor(app, world.a), at_page("/reports/base/upload")),
        (Visitor(app, world.a), at_page("/reports/base/attachments")),
        (
            Visitor(app, world.verifying),
            at_page(f"/verification/{world.verified}", f"/verification/{world.verified}/result"),
        ),
        (
            Visitor(app, world.answering),
            at_page(f"/verification/{world.asked}", f"/verification/{world.asked}/answer"),
        ),
        (officer, at_desk(f"/admin/report/review-document/?id={world.asked}")),
        (officer, at_desk(f"/admin/application/attach/?id={world.application}", "files")),
        (officer, at_desk("/admin/application-excel/")),
        (officer, at_desk("/admin/import/upload/?kind=applications")),
        (officer, at_desk(f"/admin/holder/paper/?id={world.holder}", "scan")),
    ]
    session.rollback()
    for who, send in ways:
        assert SIGNATURE in send(who, INFECTED), send
    session.rollback()
    found = list(session.scalars(select(Event).where(Event.tag == EventTag.FILE_INFECTED.value)))
    assert len(found) == len(ways)
    assert {(one.facts["signature"], one.facts["filename"]) for one in found} == {(SIGNATURE, "図.pdf")}
    assert session.scalar(select(func.count()).select_from(Document)) == before
    # and with the scanner away no file comes in either, whatever it is
    stub.mood = "hang_up"
    session.rollback()
    for who, send in ways:
        assert "ウイルスの検査ができない" in send(who, make.PDF), send
    session.rollback()
    assert session.scalar(select(func.count()).select_from(Document)) == before


def test_a_clean_file_comes_in_and_was_seen_whole(app: Flask, session: Session, stub: Stub) -> None:
    with one_transaction(session):
        login = make.scheme(session).a.login_id
    reader = Visitor(app, login)
    page = reader.get("/reports/base/attachments")
    sent = {**values(page), "file": (io.BytesIO(make.PDF), "境界図.pdf")}
    assert reader.client.post("/reports/base/attachments", data=sent).status_code == 302
    assert stub.seen == [make.PDF]
    assert session.scalars(select(Document.name).order_by(Document.id.desc())).first() == "境界図.pdf"


def test_a_service_refuses_what_never_passed_the_gate(app: Flask, session: Session) -> None:
    with one_transaction(session):
        made = make.scheme(session)
        report: EmissionsReport = made.report()
    with pytest.raises(PortalError) as refused:
        report_files.attach_file(session, report.id, "図.pdf", make.PDF + b"%", actor=made.a)
    assert refused.value.refusal is Refusal.SCANNER_AWAY


def test_the_health_page_tells_of_a_scanner_that_is_away(app: Flask, stub: Stub) -> None:
    client = app.test_client()
    assert client.get("/health").text == "ok"
    stub.mood = "hang_up"
    answer = client.get("/health")
    assert (answer.status_code, answer.text) == (200, "ok; virus scanner away")


def test_every_page_that_takes_a_file_sends_it_through_the_gate() -> None:
    rooms = [
        *Path("portal/admin").glob("*.py"),
        *Path("portal/participant").glob("*.py"),
        *Path("portal").glob("web*.py"),
    ]
    takes = [
        room for room in rooms if re.search(r"= (?:Multiple)?FileField\(", room.read_text(encoding="utf-8"))
    ]
    gate = re.compile(r"\badmit\(|files=\[|files=sent|file=file")
    other = {"paper_forms.py", "verification_forms.py"}  # forms only; paper_changes, verification send it
    assert len(takes) >= 7
    assert [
        str(room)
        for room in takes
        if room.name not in other and not gate.search(room.read_text(encoding="utf-8"))
    ] == []
