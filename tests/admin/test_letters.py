"""The post room's screens: printing together in one's own browser, posting together, what came back."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime

import pytest
from flask import Flask
from pypdf import PdfReader
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from portal.extensions import make_session
from portal.models import Contact, Letter, LetterBatch, LetterState
from portal.services import jobs, letter_addresses, letters
from portal.services.transaction import one_transaction
from tests.admin.desk import TOKEN, Clerk, office
from tests.factories import registration as make

START = "/admin/letter_batch/start/"


@pytest.fixture(autouse=True)
def in_2013(at: Callable[[str], datetime]) -> None:
    at("2013-10-08 09:00")


@pytest.fixture
def waiting(session: Session) -> list[int]:
    """Three letters that wait, and people at the desk."""
    office(session)
    with one_transaction(session):
        codes = ("980-0001", "060-0001", "100-0005")
        return [
            make.accepted(session, make.trader_data(contact_postal_code=code)).letter.id for code in codes
        ]


@pytest.fixture
def clerk(app: Flask, session: Session, waiting: list[int]) -> Clerk:
    return Clerk(app, session, "officer")


def worker(session: Session) -> str | None:
    session.rollback()
    return jobs.run_one(lambda: make_session(session.get_bind()))  # type: ignore[arg-type]


def token(clerk: Clerk) -> dict[str, str]:
    """What a button without a form of its own sends."""
    found = TOKEN.search(clerk.get("/admin/").text)
    assert found is not None
    return {"csrf_token": found[1]}


def pages(data: bytes) -> list[str]:
    return [page.extract_text() for page in PdfReader(io.BytesIO(data)).pages]


def test_from_the_list_to_the_post_office(clerk: Clerk, session: Session, waiting: list[int]) -> None:
    assert "印刷待ちをまとめて印刷する（3通）" in clerk.get("/admin/letter/").text
    asked = clerk.get(START).text
    assert "3通を印刷する" in asked and "ログイン3件分" in asked
    begun = clerk.send(START)
    batch = session.scalars(select(LetterBatch)).one()
    page = f"/admin/letter_batch/details/?id={batch.id}"
    file = token(clerk)
    assert "PDFを作っています" in begun.text
    assert clerk.get(page).headers["Refresh"] == "3"
    worker(session)
    assert "PDFをダウンロードする" in clerk.get(page).text
    assert "Refresh" not in clerk.get(page).headers
    pdf = clerk.post(f"/admin/letter_batch/file/?id={batch.id}", file)
    assert pdf.mimetype == "application/pdf"
    assert [re.search(r"〒(\d{3}-\d{4})", one)[1] for one in pages(pdf.data)] == [  # type: ignore[index]
        "060-0001",
        "100-0005",
        "980-0001",
    ]
    gone = clerk.send(f"/admin/letter_batch/destroy/?id={batch.id}")
    assert "PDFを消去しました" in gone.text and "PDFをダウンロードする" not in gone.text
    assert "消去されました" in clerk.post(f"/admin/letter_batch/file/?id={batch.id}", file, follow=True).text
    posting = f"/admin/letter/post-together/?batch={batch.id}"
    posted = clerk.send(posting, {"posted_on": "2013-10-08"})
    assert "3通の発送を記録しました。" in posted.text
    session.rollback()
    assert set(session.scalars(select(Letter.state))) == {LetterState.POSTED}
    assert "発送を記録できる通知書がありません" in clerk.get(posting).text


def test_another_browser_and_another_clerk_do_not_open_it(app: Flask, clerk: Clerk, session: Session) -> None:
    clerk.send(START)
    worker(session)
    batch = session.scalars(select(LetterBatch)).one()
    for login_id in ("officer", "approver"):
        other = Clerk(app, session, login_id)
        page = other.get(f"/admin/letter_batch/details/?id={batch.id}").text
        assert "印刷を始めたブラウザーでだけ開けます" in page
        assert "PDFをダウンロードする" not in page
        assert ("印刷できたので消去する" in page) is (login_id == "officer")
        assert "もう一度まとめて印刷する" in page and "3通の新しいPDF" in page
        answer = other.post(f"/admin/letter_batch/file/?id={batch.id}", token(other), follow=True)
        assert answer.mimetype == "text/html"
        assert "印刷を始めたブラウザーでだけ開けます" in answer.text


def test_letters_of_a_pdf_that_was_never_downloaded_are_not_recorded_as_posted(
    app: Flask, clerk: Clerk, session: Session
) -> None:
    clerk.send(START)
    worker(session)
    batch = session.scalars(select(LetterBatch)).one()
    page, posting = (
        f"/admin/letter_batch/details/?id={batch.id}",
        f"/admin/letter/post-together/?batch={batch.id}",
    )
    file, chosen = f"/admin/letter_batch/file/?id={batch.id}", list(batch.letter_ids)
    session.rollback()
    shown = clerk.get(page).text
    assert "発送をまとめて記録する" not in shown
    assert "まだ一度もダウンロードされていません" in shown
    assert "まだ一度もダウンロードされていません" in clerk.get(posting).text
    alone = f"/admin/letter/post/?id={chosen[0]}"
    assert "まだ一度もダウンロードされていません" in clerk.send(alone, {"posted_on": "2013-10-08"}).text
    # the badge says what is true in this browser
    assert "このブラウザーでは開けません" in Clerk(app, session, "officer").get(page).text
    assert "ダウンロードできます</span>" in shown
    clerk.post(file, token(clerk))
    assert "発送をまとめて記録する" in clerk.get(page).text
    assert "3通の発送を記録しました。" in clerk.send(posting, {"posted_on": "2013-10-08"}).text


def test_a_second_press_leads_to_the_same_printing(clerk: Clerk, session: Session) -> None:
    values = clerk.form(START)
    first, second = clerk.post(START, values), clerk.post(START, values)
    assert first.location == second.location
    assert "まだ残っています" in clerk.get(START).text
    worker(session)
    batch = session.scalars(select(LetterBatch)).one()
    # the key that counts is the one of the page that asked, whichever answer the browser kept
    assert clerk.post(f"/admin/letter_batch/file/?id={batch.id}", token(clerk)).data[:4] == b"%PDF"


def test_a_choice_names_what_is_not_printed_with_it(
    clerk: Clerk, session: Session, waiting: list[int]
) -> None:
    clerk.send(f"/admin/letter/print/?id={waiting[0]}")
    chosen = clerk.post(
        "/admin/letter/action/",
        {
            "csrf_token": clerk.form("/admin/letter/?page=0")["csrf_token"],
            "action": "print_together",
            "rowid": [str(one) for one in waiting],
        },
    )
    page = clerk.get(chosen.location).text
    assert "2通を印刷する" in page
    assert "通知第0001号" in page
    nothing = clerk.get(f"{START}?id={waiting[0]}").text
    assert "印刷を待つ通知書はありません" in nothing


def test_why_nothing_was_printed_is_said_with_the_letter_s_number(clerk: Clerk, session: Session) -> None:
    with one_transaction(session):
        session.execute(update(Contact).where(Contact.postal_code == "100-0005").values(name="𠮷田"))
    clerk.send(START)
    worker(session)
    batch = session.scalars(select(LetterBatch)).one()
    page = clerk.get(f"/admin/letter_batch/details/?id={batch.id}").text
    assert "どの通知書も、印刷していません" in page
    assert "𠮷" in page and "通知第0003号" in page


def test_a_letter_printed_again_meanwhile_is_not_posted_with_the_others(
    clerk: Clerk, session: Session, waiting: list[int]
) -> None:
    with one_transaction(session):
        officer = make.office(session)
        for one in waiting:
            letters.print_letter(session, one, actor=officer)
    url = "/admin/letter/post-together/?" + "&".join(f"id={one}" for one in waiting)
    values = clerk.form(url)
    with one_transaction(session):
        letters.print_letter(session, waiting[1], actor=session.merge(officer))
    late = clerk.post(url, {**values, "posted_on": "2013-10-08"})
    assert late.status_code == 422 and "変更" in late.text
    session.rollback()
    assert set(session.scalars(select(Letter.state))) == {LetterState.PRINTED}


def test_what_came_back_says_what_to_do_and_where_it_would_go(
    clerk: Clerk, session: Session, waiting: list[int]
) -> None:
    clerk.send(f"/admin/letter/print/?id={waiting[0]}")
    clerk.send(f"/admin/letter/post/?id={waiting[0]}", {"posted_on": "2013-10-08"})
    clerk.send(f"/admin/letter/return/?id={waiting[0]}", {"returned_on": "2013-10-08"})
    assert "通知第0001号" in clerk.get("/admin/letter/returned/").text
    assert "届かずに戻ってきた通知書" in clerk.get("/admin/").text
    page = clerk.get(f"/admin/letter/details/?id={waiting[0]}").text
    assert "届かずに戻ってきました" in page and "新しい送り先が登録" not in page
    with one_transaction(session):
        session.execute(
            update(Contact).where(Contact.postal_code == "980-0001").values(postal_code="060-9999")
        )
    page = clerk.get(f"/admin/letter/details/?id={waiting[0]}").text
    assert "新しい送り先が登録されています" in page and "〒060-9999" in page
    assert "〒060-9999" in clerk.get(f"/admin/letter/print/?id={waiting[0]}").text


def test_the_list_goes_in_address_order_and_names_days_of_waiting(
    clerk: Clerk, at: Callable[[str], datetime]
) -> None:
    at("2013-10-14 09:00")
    clerk = Clerk(clerk.client.application, clerk.session, "officer")
    found = clerk.get("/admin/letter/?page=0&sort=1").text
    assert re.findall(r"〒(\d{3}-\d{4})", found) == ["060-0001", "100-0005", "980-0001"]
    assert "6日待ち" in found
    exported = clerk.get("/admin/letter/export/csv/?sort=1").data.decode("utf-8-sig").splitlines()
    assert len(exported) == 4
    assert "〒060-0001" in exported[1] and ",6," in exported[1].replace('"', "")


def test_a_viewer_reads_but_prints_and_posts_nothing(
    app: Flask, session: Session, clerk: Clerk, waiting: list[int]
) -> None:
    viewer = Clerk(app, session, "viewer")
    page = viewer.get("/admin/letter/").text
    assert "まとめて印刷する" not in page and "発送を記録する" not in page
    assert viewer.get("/admin/letter_batch/").status_code == 200
    for url in (START, f"/admin/letter/post-together/?id={waiting[0]}"):
        assert viewer.get(url).status_code == 403


def test_a_waiting_letter_is_voided_on_its_page_and_is_then_offered_nothing(
    clerk: Clerk, session: Session, waiting: list[int]
) -> None:
    address = f"/admin/letter/void/?id={waiting[0]}"
    assert address.replace("&", "&amp;") in clerk.get(f"/admin/letter/details/?id={waiting[0]}").text
    assert clerk.send(address, {"reason": ""}, follow=False).status_code == 422
    assert clerk.send(address, {"reason": "電話で済んだ"}, follow=False).status_code == 302
    session.expire_all()
    assert session.get_one(Letter, waiting[0]).state is LetterState.VOID
    shown = clerk.get(f"/admin/letter/details/?id={waiting[0]}").text
    assert "取消済" in shown and "参加者の画面の「パスワードを再発行する」" in shown
    assert "/admin/letter/print/" not in shown
    assert "この操作は、いまはできません。" in clerk.get(f"/admin/letter/print/?id={waiting[0]}").text


def test_who_cannot_open_the_pdf_any_more_prints_anew(app: Flask, clerk: Clerk, session: Session) -> None:
    clerk.send(START)
    worker(session)
    lost = session.scalars(select(LetterBatch.id)).one()
    elsewhere = Clerk(app, session, "officer")
    again = f"{START}?again={lost}"
    assert "開けなくなったPDF" in elsewhere.get(again).text
    values = elsewhere.form(again)
    for _ in range(2):
        begun = elsewhere.post(again, values, follow=True)
        assert "PDFを作っています" in begun.text
    worker(session)
    new = session.scalars(select(LetterBatch.id).where(LetterBatch.id != lost)).one()
    assert "PDFは消去しました" in clerk.get(f"/admin/letter_batch/details/?id={lost}").text
    pdf = elsewhere.post(f"/admin/letter_batch/file/?id={new}", token(elsewhere))
    assert len(pages(pdf.data)) == 3


def test_the_address_of_what_came_back_is_corrected_on_its_page(
    clerk: Clerk, session: Session, waiting: list[int]
) -> None:
    at = f"?id={waiting[0]}"
    url = f"/admin/letter/address/{at}"
    assert "この操作は、いまはできません。" in clerk.get(url).text
    clerk.send(f"/admin/letter/print/{at}")
    clerk.send(f"/admin/letter/post/{at}", {"posted_on": "2013-10-08"})
    clerk.send(f"/admin/letter/return/{at}", {"returned_on": "2013-10-08"})
    assert url.replace("&", "&amp;") in clerk.get(f"/admin/letter/details/{at}").text
    row = session.get_one(Letter, waiting[0])
    now = letter_addresses.addressee_of(session, row).data
    typed = {name: value or "" for name, value in asdict(now).items() if name != "mail_b"}
    asked = clerk.get(url).text
    assert "980-0001" in asked and "いまの登録" in asked and 'name="mail_b"' not in asked
    wrong = clerk.send(url, {**typed, "postal_code": "12", "address": "𠮷野町1"})
    assert wrong.status_code == 422 and "𠮷野町1" in wrong.text
    for field in ("postal_code", "address", "learnt_by", "reason"):
        assert f'id="{field}-error"' in wrong.text
    right = {**typed, "postal_code": "060-9999", "learnt_by": "telephone", "reason": "電話で確かめた"}
    done = clerk.send(url, right).text
    assert "送り先を直しました" in done and "〒060-9999" in done and "電話で確かめた" in done
    assert "〒060-9999" in clerk.get(f"/admin/letter/print/{at}").text
    trader = letter_addresses.addressee_of(session, session.get_one(Letter, waiting[0])).target
    history = clerk.get(f"/admin/trader/history/?id={trader.id}").text
    assert "届かなかった通知書の送り先の訂正" in history
