"""The main road, end to end, in real Chromium on both databases: from a paper application to 遵守.

The forms were typed into the portal's blank ones and saved by LibreOffice (tests/files/journey).
With ``PORTAL_TEST_PICTURES`` set to a folder the pictures of every step are kept there.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest
from openpyxl import load_workbook
from sqlalchemy.orm import Session

from portal.models import MailMessage
from portal.permissions import Role
from portal.services import ledger_proof
from portal.services.demo.papers import small_pdf
from portal.services.transaction import one_transaction
from tests.browsers import Pages
from tests.factories import registration as make
from tests.journeys import allowance_steps, steps
from tests.journeys.people import Camera, Person, office, passwords_of

VERIFIER = (
    "一般財団法人みらい検証機構",
    "いっぱんざいだんほうじんみらいけんしょうきこう",
    "検証 花子",
    "けんしょう はなこ",
)
TRADER = (
    "うみかぜ環境トレード株式会社",
    "うみかぜかんきょうとれーどかぶしきがいしゃ",
    "取引 二郎",
    "とりひき じろう",
)
FILES = Path(__file__).resolve().parent.parent / "files"


def _named(name: tuple[str, str, str, str], *, account: bool = True) -> dict[str, str]:
    """A company's name in its application, as the manual's pictures show it."""
    items = {"company_name": name[0], "company_kana": name[1], "contact_company": name[0]}
    items |= {"contact_name": name[2], "contact_kana": name[3]}
    return {**items, "account_name": name[0]} if account else items


@pytest.fixture
def camera(tmp_path: Path) -> Camera:
    folder = Path(os.environ.get("PORTAL_TEST_PICTURES") or tmp_path / "pictures")
    folder.mkdir(parents=True, exist_ok=True)
    return Camera(folder)


@pytest.fixture
def staff(session: Session, at: Callable[[str], datetime]) -> Iterator[dict[str, str]]:
    """The office, phase 2 with its dates, one verifier and one trader: what stands before the road begins."""
    at("2013-10-01 09:00")
    with one_transaction(session):
        officer = make.office(session, Role.OFFICER, "jimu.ichiko")
        approver = make.office(session, Role.APPROVER, "shonin.saburo")
        officer.name, approver.name = "事務 一子", "承認 三郎"
        make.phase(session)
        verifier = make.verifier(session, **_named(VERIFIER, account=False))
        names = {
            "officer": officer.login_id,
            "approver": approver.login_id,
            "verifier": verifier.users[0].login_id,
            "verifier_name": verifier.organisation.name,
        }
    session.close()
    yield names


def test_from_paper_application_to_compliance(
    live_server: str,
    pages: Pages,
    session: Session,
    staff: dict[str, str],
    camera: Camera,
    at: Callable[[str], datetime],
) -> None:
    def person() -> Person:
        return office(pages, live_server, camera)

    officer, approver, verifier, a, b = person(), person(), person(), person(), person()
    road = steps.Road(officer, approver, verifier, a, b, staff, at)

    letter = steps.register_by_paper(road)
    secrets = passwords_of(letter)
    assert set(secrets) == {"AST1001A", "AST1001B"}
    steps.prepare_holder(road)
    steps.first_login(road, secrets["AST1001A"])
    steps.first_login_of_b(road, secrets["AST1001B"])

    form = steps.hand_out_form(road)
    assert "表紙" in load_workbook(io.BytesIO(form)).sheetnames
    steps.refuse_wrong_files(road, FILES)
    steps.report_and_approve(road, "base", FILES / "journey" / "AST1001_base_libreoffice.xlsx", "10,000")
    allowance_steps.issue(road, "8,500")

    trader = person()
    with one_transaction(session):
        made = make.trader(session, **_named(TRADER))
        trader_login, trader_account = made.users[0].login_id, made.account.code
    session.close()
    allowance_steps.transfer(road, trader_account)
    allowance_steps.trader_sees(road, trader, trader_login)

    at("2015-05-11 10:00")
    steps.report_and_approve(road, "target", FILES / "journey" / "AST1001_target_libreoffice.xlsx", "7,400")
    allowance_steps.retire_all(road)
    allowance_steps.adjustment(road, FILES / "journey" / "AST1001_adjustment_libreoffice.xlsx")
    allowance_steps.b_sees_reports_only(road)

    report = ledger_proof.verify(session)
    assert report.ok and report.transactions == 3, report
    to_b = [m for m in session.query(MailMessage) if m.recipient == steps.MAIL_B]
    assert to_b, "B's address got the report mail"
    for mail in to_b:
        assert not mail.about_allowances
        assert not any(word in mail.body for word in ("JAA", "8,500", "7,000", "償却", "排出枠"))


def test_the_small_pdf_of_the_journey_is_a_pdf() -> None:
    from pypdf import PdfReader

    assert "hello" in PdfReader(io.BytesIO(small_pdf("hello"))).pages[0].extract_text()
