"""What the office reads after the deadline: the record beside the present, late retirements, any past day."""

from __future__ import annotations

import csv
import io
import re
from html import unescape

import pytest
from flask import Flask
from openpyxl import load_workbook
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from portal.models import Event, LedgerTransaction, MailMessage, MovementKind, Period, ReportState
from portal.services import boards, issuance, phases
from portal.services.transaction import one_transaction
from tests.admin.desk import Clerk, office
from tests.factories import allowances as trade
from tests.factories import registration, reports
from tests.factories import settlement as make

RETIRE = MovementKind.RETIRE


def words(page: TestResponse) -> str:
    """The words of the page itself, cell by cell."""
    main = page.text.split("<main", 1)[-1].split("</main>")[0]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", main)).split())


@pytest.fixture
def missed(session: Session) -> trade.Market:
    """7,400 t-CO2; 6,000 retired in time, the record frozen, then 400 retired late and 5 transferred."""
    office(session)
    with one_transaction(session):
        made = trade.market(session)
        reports.bring(session, made.scheme, ReportState.APPROVED, Period.TARGET, 7_400)
        trade.at("2015-11-20 10:00")
        trade.move(session, made.a, RETIRE, 6_000)
    trade.at("2015-12-01 03:00")
    make.freeze(session)
    trade.at("2015-12-02 10:00")
    with one_transaction(session):
        trade.move(session, made.a, RETIRE, 400)
    trade.at("2015-12-04 10:00")
    return made


def undo_the_first(session: Session, market: trade.Market) -> None:
    """The retirement in time was wrong and is posted back: another record is frozen."""
    wrong = session.scalars(select(LedgerTransaction).where(LedgerTransaction.kind == RETIRE)).first()
    assert wrong is not None
    made = issuance.propose_correction(session, wrong.id, "誤り", key="undo", actor=market.officer)
    issuance.confirm(session, made.id, version=made.version, actor=market.approver)


def lines(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))


def test_the_office_reads_the_record_of_the_deadline_beside_the_present(
    app: Flask, session: Session, missed: trade.Market
) -> None:
    viewer = Clerk(app, session, "viewer")
    pages = (
        f"/admin/holder/details/?id={missed.holder.id}",
        f"/admin/account/details/?id={missed.holder.account.id}",
    )
    for page in pages:
        said = words(viewer.get(page))
        assert "期限の時点 2015年12月1日（火）3:00確定 期限超過・未遵守 7,400 6,000 1,400" in said, page
        assert "いま 期限超過・未遵守 7,400 6,400 1,000" in said, page
    board = words(viewer.get("/admin/outlook/?phase=2"))
    assert "7,400 6,000 1,400 6,400 1,000 2,100 期限超過・未遵守" in board
    (line,) = lines(viewer.get("/admin/outlook/export/csv/?phase=2").data)
    assert (line["償却済量（t-CO2）"], line["償却済量（期限の時点、t-CO2）"]) == ("6400", "6000")
    assert (line["あと必要（t-CO2）"], line["不足（期限の時点、t-CO2）"]) == ("1000", "1400")
    assert (line["期限の記録の番号"], line["状況"]) == ("1", "期限超過・未遵守")
    with one_transaction(session):
        undo_the_first(session, missed)
    for page in pages:
        said = words(viewer.get(page))
        assert "訂正後（第2号）" in said and "未遵守 7,400 0 7,400" in said, page
    assert "第2号の記録" in viewer.get("/admin/outlook/?phase=2").text
    (line,) = lines(viewer.get("/admin/outlook/export/csv/?phase=2").data)
    assert (line["償却済量（期限の時点、t-CO2）"], line["期限の記録の番号"]) == ("0", "2")


def test_before_the_night_after_the_deadline_there_is_no_record_to_read(
    app: Flask, session: Session, missed: trade.Market
) -> None:
    trade.at("2015-11-29 10:00")
    with one_transaction(session):
        other = registration.holder(session)
    viewer = Clerk(app, session, "viewer")
    said = words(viewer.get(f"/admin/holder/details/?id={other.id}"))
    assert "目標の遵守状況 未確定 償却期限 2015年11月30日（月）" in said and "期限の時点" not in said
    assert "期限の記録の番号" not in viewer.get("/admin/outlook/export/csv/?phase=2").text


def test_a_correction_says_what_it_does_to_the_record(
    app: Flask, session: Session, missed: trade.Market
) -> None:
    in_time, late = session.scalars(
        select(LedgerTransaction.id).where(LedgerTransaction.kind == RETIRE).order_by(LedgerTransaction.id)
    ).all()
    officer = Clerk(app, session, "officer")
    told = "償却期限の記録がもう1つ加わり"
    assert told in officer.get(f"/admin/ledger/correct/?id={in_time}").text
    assert told not in officer.get(f"/admin/ledger/correct/?id={late}").text
    with one_transaction(session):
        made = issuance.propose_correction(session, in_time, "誤り", key="undo", actor=missed.officer)
    said = Clerk(app, session, "approver").get(f"/admin/movement/confirm/?id={made.id}").text
    assert told in said and "訂正は、あとから訂正できません。" in said


def test_a_late_retirement_is_marked_wherever_the_office_reads_it(
    app: Flask, session: Session, missed: trade.Market
) -> None:
    viewer, mark = Clerk(app, session, "viewer"), "償却（期限後）"
    account = missed.holder.account
    for page in (
        "/admin/ledger/",
        "/admin/ledger/?flt0_0=retire",
        "/admin/movement/?page=0",
        f"/admin/account/details/?id={account.id}",
        f"/admin/account/statement/?id={account.id}&from=2015-11-01",
    ):
        assert viewer.get(page).text.count(mark) == 1, page
    for file in ("ledger", "movement"):
        kinds = [one["種類"] for one in lines(viewer.get(f"/admin/{file}/export/csv/?flt0_0=").data)]
        assert kinds.count(mark) == 1 and "償却" in kinds, file


def test_the_office_sees_an_account_as_of_any_day_and_its_narrowed_history(
    app: Flask, session: Session, missed: trade.Market
) -> None:
    viewer, url = Clerk(app, session, "viewer"), f"/admin/account/details/?id={missed.holder.account.id}"
    said = words(viewer.get(f"{url}&asof=2014-12-31"))
    assert "2014年12月31日（水）の終わりの残高" in said and "第2期 JAA 8,500 1,500" in said
    assert "コミットメントリザーブ量 7,000 JAA" in said and "−6,000" not in said
    assert "2,100" in words(viewer.get(url)) and "今日に戻す" not in viewer.get(url).text
    narrowed = words(viewer.get(f"{url}&kind=issue"))
    assert "+8,500" in narrowed and "−400" not in narrowed
    assert "条件に合うものはありません" in viewer.get(f"{url}&other=AST-101").text
    # what cannot be read narrows nothing
    assert "−400" in words(viewer.get(f"{url}&asof=abc&kind=xx&unit=a&from=2015-99-99"))


def test_the_office_saves_the_statement_of_an_account(
    app: Flask, session: Session, missed: trade.Market
) -> None:
    viewer, account = Clerk(app, session, "viewer"), missed.holder.account
    span = f"id={account.id}&from=2015-11-01&to=2015-12-04"
    page = words(viewer.get(f"/admin/account/statement/?{span}"))
    assert "第2期 JAA 8,500 0 6,400 2,100 2" in page
    rows = lines(viewer.get(f"/admin/account/statement/csv/?{span}").data)
    assert [one["残高"] for one in rows] == ["8500", "2500", "2100", "2100"]
    book = load_workbook(io.BytesIO(viewer.get(f"/admin/account/statement/xlsx/?{span}").data))
    assert book.active is not None and book.active.cell(3, 8).value == 2_500
    assert viewer.get(f"/admin/account/statement/pdf/?{span}").data.startswith(b"%PDF")
    session.rollback()
    made = session.scalars(select(Event).where(Event.tag == "statement_made")).one()
    assert made.subject_id == account.id
    reversed_span = viewer.get(f"/admin/account/statement/?id={account.id}&from=2015-12-01&to=2015-11-01")
    assert reversed_span.status_code == 422
    assert viewer.get(f"/admin/account/statement/doc/?{span}").status_code == 404
    assert viewer.get("/admin/account/statement/?id=999").status_code == 404


def test_the_outlook_is_ordered_and_its_file_holds_what_it_shows(
    app: Flask, session: Session, missed: trade.Market
) -> None:
    with one_transaction(session):
        other = registration.holder(session)
    viewer = Clerk(app, session, "viewer")
    codes = [missed.holder.account.code, other.account.code]

    def shown(query: str) -> list[str]:
        page = viewer.get(f"/admin/outlook/?phase=2&{query}").text
        file = viewer.get(f"/admin/outlook/export/csv/?phase=2&{query}").data
        found = sorted(codes, key=page.find)
        assert [one["口座番号"] for one in lines(file)] == found, query
        return found

    assert shown("sort=held&desc=1") == codes
    assert shown("sort=held") == codes[::-1]
    assert shown("sort=nothing") == shown("")
    (line,) = lines(viewer.get(f"/admin/outlook/export/csv/?phase=2&search={codes[1]}").data)
    assert line["口座番号"] == codes[1]


def test_the_home_shows_the_phase_in_which_something_goes_on(session: Session, missed: trade.Market) -> None:
    """Until the banking window is over it is the phase whose deadline has passed; empty phases never."""

    def present(wall: str) -> int:
        trade.at(wall)
        found = boards.present_phase(session, boards.phases(session))
        assert found is not None
        return found.number

    assert [present(one) for one in ("2015-12-01 10:00", "2016-01-31 10:00")] == [2, 2]
    with one_transaction(session):
        third = registration.opened(
            session, 3, *phases.calendar_of(2014), by=(missed.officer, missed.approver)
        )
        registration.holder(session, phase_id=third.id)
    assert [present(one) for one in ("2016-01-31 10:00", "2016-02-01 10:00")] == [2, 3]


def test_the_mail_of_a_missed_target_says_what_may_still_be_done(
    session: Session, missed: trade.Market
) -> None:
    session.rollback()
    mail = session.scalars(select(MailMessage).where(MailMessage.kind == "compliance_frozen")).one()
    assert "いまからでも償却できます。" in mail.body and "事務局からご連絡します。" in mail.body
    assert "必要ありません" not in mail.body and "算定報告書の手続き" not in mail.body


def test_the_mail_of_a_missing_report_says_that_it_can_still_be_handed_in(
    session: Session, missed: trade.Market
) -> None:
    trade.at("2015-11-30 10:00")
    with one_transaction(session):
        registration.holder(session)
    trade.at("2015-12-05 03:00")
    with one_transaction(session):
        make.night(session)
    newest = (
        select(MailMessage).where(MailMessage.kind == "compliance_frozen").order_by(MailMessage.id.desc())
    )
    mail = session.scalars(newest).first()
    assert mail is not None and "算定報告書の手続きは、期限のあとでもできます。" in mail.body
    assert "償却できます" not in mail.body
