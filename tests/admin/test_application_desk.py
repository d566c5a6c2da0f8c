"""The desk's pages: who is in charge, scans, lookalikes side by side, and what no other role may press."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.models import (
    ApplicationScan,
    ApplicationState,
    Event,
    Letter,
    MailMessage,
    Phase,
    RegistrationApplication,
    ScanKind,
    User,
)
from portal.services import registration, scans
from portal.services.transaction import one_transaction
from tests.admin.desk import Clerk, office, typed
from tests.factories import registration as make

LIST = "/admin/application/"
PDF = b"%PDF-1.4 a scan"


@pytest.fixture(autouse=True)
def in_2013(at: Callable[[str], datetime]) -> None:
    at("2013-10-20 09:00")


@pytest.fixture
def clerk(app: Flask, session: Session) -> Clerk:
    office(session)
    return Clerk(app, session, "officer")


def login(session: Session, login_id: str) -> User:
    return session.scalars(select(User).where(User.login_id == login_id)).one()


def recorded(session: Session, **changes: object) -> RegistrationApplication:
    with one_transaction(session):
        data = make.holder_data(session, **changes)
        row = registration.record_application(session, data, actor=login(session, "officer"))
        session.flush()
    return row


def details(row_id: int) -> str:
    return f"{LIST}details/?id={row_id}"


def cells(page: str, number: str) -> list[str]:
    """The words in the cells of one row of the list."""
    row = next(one for one in page.split("<tr>") if f">{number}<" in one).split("</tr>")[0]
    return [" ".join(re.sub("<[^>]+>", " ", one).split()) for one in re.split("<t[hd]", row)[2:]]


def test_the_queue_shows_age_problems_and_who_has_it(clerk: Clerk, session: Session) -> None:
    old = recorded(session, received_on=date(2013, 10, 1), consent_received=False, seal_received=False)
    new = recorded(session, received_on=date(2013, 10, 18))
    clerk.send(f"{LIST}clerk/?id={new.id}", {"clerk": str(login(session, "second").id)})
    page = clerk.get(LIST).text
    assert [c.split("> ")[-1] for c in cells(page, old.number)][3:] == [
        "2013年10月1日（火） 19日経過（目安を9日超過）",
        "受付済",
        "2",
        "未定",
    ]
    assert [c.split("> ")[-1] for c in cells(page, new.number)][3:] == [
        "2013年10月18日（金） 2日経過",
        "受付済",
        "0",
        "事務 花子",
    ]
    by_age = clerk.get(f"{LIST}?sort=3&desc=1").text  # the youngest first
    assert by_age.index(new.number) < by_age.index(old.number)
    decided = clerk.send(f"{LIST}reject/?id={old.id}", {"reason": "対象外"})
    assert decided.status_code == 200
    everything = clerk.get(f"{LIST}?page=0").text
    assert [c.split("> ")[-1] for c in cells(everything, old.number)][3:] == [
        "2013年10月1日（火）",
        "却下",
        "—",
        "—",
    ]


def test_the_queue_is_narrowed_to_my_own_and_to_nobodys(clerk: Clerk, session: Session) -> None:
    mine, nobodys, theirs = (recorded(session) for _ in range(3))
    clerk.send(f"{LIST}clerk/?id={theirs.id}", {"clerk": str(login(session, "second").id)})
    taken = clerk.post(f"{LIST}take/?id={mine.id}", clerk.form(details(mine.id)), follow=True)
    assert "担当になりました。" in taken.text

    def shown(value: object) -> set[str]:
        page = clerk.get(f"{LIST}?flt3_3={value}").text
        return {row.number for row in (mine, nobodys, theirs) if f">{row.number}<" in page}

    assert shown("mine") == {mine.number}
    assert shown("nobody") == {nobodys.number}
    assert shown(login(session, "second").id) == {theirs.number}
    assert "条件に使えない値" in clerk.get(f"{LIST}?flt3_3=999999").text


def test_many_are_given_to_a_colleague_together(clerk: Clerk, session: Session) -> None:
    rows = [recorded(session) for _ in range(3)]
    ids = [str(row.id) for row in rows]
    page = clerk.post(f"{LIST}action/", {**clerk.form(LIST), "action": "clerk", "rowid": ids}, follow=True)
    assert all(row.number in page.text for row in rows)
    url = LIST + "clerk/?" + "&".join(f"id={one}" for one in ids)
    stale = clerk.form(url)
    assert clerk.send(url, {"clerk": ""}).status_code == 422
    assert clerk.send(url, {"clerk": str(login(session, "viewer").id)}).status_code == 422
    chosen = str(login(session, "approver").id)
    assert "3件の担当を決めました。" in clerk.send(url, {"clerk": chosen}).text
    session.expire_all()
    assert {row.clerk_id for row in rows} == {int(chosen)}
    # a page from before is told, and changes nothing; the same choice again is the first answer
    late = clerk.post(url, {**stale, "clerk": str(login(session, "second").id)})
    assert late.status_code == 422 and "最新の内容" in late.text
    session.expire_all()
    assert {row.clerk_id for row in rows} == {int(chosen)}
    assert clerk.post(url, {**stale, "clerk": chosen}).status_code == 302


def test_a_colleague_who_was_slower_is_told_who_has_it(clerk: Clerk, app: Flask, session: Session) -> None:
    row, other = recorded(session), Clerk(app, session, "second")
    mine, theirs = clerk.form(details(row.id)), other.form(details(row.id))
    clerk.post(f"{LIST}take/?id={row.id}", mine)
    told = other.post(f"{LIST}take/?id={row.id}", theirs, follow=True)
    assert "事務 花子 さんが担当しています。" in told.text and "担当になりました" not in told.text
    # deciding stays possible, with a word before
    asked = other.get(f"{LIST}reject/?id={row.id}").text
    assert "事務 花子 さんが担当しています。" in asked
    assert "担当しています" not in clerk.get(f"{LIST}reject/?id={row.id}").text
    assert "却下しました" in other.send(f"{LIST}reject/?id={row.id}", {"reason": "対象外です。"}).text


def test_whole_numbers_are_looked_up_and_parts_are_searched(clerk: Clerk, session: Session) -> None:
    rows = [recorded(session) for _ in range(3)]

    def found(words: str) -> list[str]:
        page = clerk.get(f"{LIST}?search={words}").text
        return [row.number for row in rows if f">{row.number}<" in page]

    for words in ("R2-0002", "r2-2", "Ｒ２－０００２", "r20002", "2-0002"):
        assert found(words) == ["R2-0002"], words
    assert found("R2-00") == [row.number for row in rows]
    assert found("100%") == [] and found("_") == []


def test_the_file_holds_site_age_problems_and_clerk(clerk: Clerk, session: Session) -> None:
    row = recorded(session, received_on=date(2013, 10, 1), consent_received=False)
    clerk.post(f"{LIST}take/?id={row.id}", clerk.form(details(row.id)))
    lines = clerk.get(f"{LIST}export/csv/").data.decode("utf-8-sig").splitlines()
    assert lines[0] == "受付番号,申請者・事業所,事業所名,区分,期,受付日,経過日数,状態,不備,担当"
    names = f"{row.number},{row.company_name},{row.site_name},目標保有者,第2期"
    assert lines[1] == f"{names},2013-10-01,19,受付済,1,事務 花子"


# ---- scans


def test_scans_are_attached_read_and_taken_off(clerk: Clerk, app: Flask, session: Session) -> None:
    row = recorded(session)
    url = f"{LIST}attach/?id={row.id}"

    def files(*some: tuple[bytes, str]) -> list[tuple[Any, str]]:
        return [(io.BytesIO(data), name) for data, name in some]

    wrong = clerk.post(url, {**clerk.form(url), "kind": "consent", "files": files((b"MZ", "同意書.pdf"))})
    assert wrong.status_code == 422 and "「同意書.pdf」は添付できません" in wrong.text
    sent = {"kind": "consent", "files": files((PDF, "同意書.pdf"), (b"\x89PNG\r\n\x1a\n", "裏.png"))}
    done = clerk.post(url, {**clerk.form(url), **sent}, follow=True)
    assert "2件の画像を添付しました。" in done.text and "同意書.pdf" in done.text
    first = session.scalars(select(ApplicationScan.id).order_by(ApplicationScan.id)).first()
    viewer = Clerk(app, session, "viewer")
    page = viewer.get(details(row.id)).text
    assert f"{LIST}scan/{first}/" in page and "/attach/" not in page and "/detach/" not in page
    read = viewer.get(f"{LIST}scan/{first}/")
    assert read.data == PDF and read.mimetype == "application/pdf"
    assert read.headers["Content-Disposition"].startswith("attachment;")
    assert read.headers["X-Content-Type-Options"] == "nosniff"
    session.rollback()
    assert session.scalar(select(func.count()).where(Event.tag == "document_downloaded")) == 1
    off = clerk.send(f"{LIST}detach/{first}/", {"reason": "別の会社の書類"})
    assert "画像を外しました。" in off.text and "外されました" in off.text
    assert clerk.get(f"{LIST}scan/{first}/").data == PDF


def test_files_that_are_large_together_pass_and_a_too_large_request_does_not(
    clerk: Clerk, app: Flask, session: Session
) -> None:
    row = recorded(session)
    url, some = f"{LIST}attach/?id={row.id}", PDF + bytes(12 * 1024 * 1024)
    form = clerk.form(url)
    two = [(io.BytesIO(some), "a.pdf"), (io.BytesIO(some + b" "), "b.pdf")]
    both = clerk.post(url, {**form, "kind": "other", "files": two})
    assert both.status_code == 302 and "2件の画像" in clerk.get(details(row.id)).text
    # nobody who may not attach is given the room
    stranger = app.test_client().post(url, data={"files": [(io.BytesIO(some * 2), "a.pdf")]})
    assert stranger.status_code == 413
    for answer in (both, stranger):
        answer.request.environ["wsgi.input"].close()  # the test client keeps large bodies in a file


# ---- lookalikes


def test_a_lookalike_is_named_when_recorded_compared_and_confirmed(clerk: Clerk, session: Session) -> None:
    with one_transaction(session):
        holder = make.holder(session, company_name="高橋工業株式会社", contact_company="高橋工業株式会社")
        code, first_id = holder.account.code, holder.application_id
    data = make.holder_data(session, company_name="㈱髙橋工業", contact_company="㈱髙橋工業")
    session.rollback()
    page = clerk.send(f"{LIST}new/?kind=holder", typed(data)).text
    assert "似た登録が1件あります。「重複のおそれ」を確かめてください。" in page
    assert "似た登録が1件あります" in page and f"{code}　第2期　受理済" in page
    row = session.scalars(select(RegistrationApplication).order_by(RegistrationApplication.id.desc())).first()
    assert row is not None
    row_id = row.id
    beside = clerk.get(f"{LIST}compare/?id={row_id}&other={first_id}").text
    assert "㈱髙橋工業" in beside and "高橋工業株式会社" in beside and "書き方だけ違う" in beside
    assert f"id={first_id}" in beside and code in beside
    url = f"{LIST}accept/?id={row_id}"
    refused = clerk.send(url)
    assert refused.status_code == 422 and 'id="distinct-error"' in refused.text
    assert session.scalar(select(func.count()).select_from(Letter)) == 1
    assert "受理しました" in clerk.send(url, {"distinct": "y"}).text
    session.rollback()
    accepted = select(Event).where(Event.tag == "application_accepted", Event.subject_id == row_id)
    event = session.scalars(accepted).one()
    assert event.facts["distinct_from"] == [code]
    assert "重複でないと確かめた相手" in clerk.get(f"/admin/event/details/?id={event.id}").text


def test_a_tick_does_not_stand_for_a_lookalike_that_came_later(clerk: Clerk, session: Session) -> None:
    row = recorded(session)
    url = f"{LIST}accept/?id={row.id}"
    assert 'name="distinct"' not in clerk.get(url).text
    shown = clerk.form(url)
    recorded(session, mail_a=row.mail_a)
    late = clerk.post(url, {**shown, "distinct": "y"})
    assert late.status_code == 422 and 'name="distinct"' in late.text
    assert not re.search(r'name="distinct"[^>]* checked', late.text)


def test_only_one_kind_is_compared(clerk: Clerk, session: Session) -> None:
    row = recorded(session)
    with one_transaction(session):
        trader = registration.record_application(session, make.trader_data(), actor=login(session, "officer"))
        session.flush()
        other = trader.id
    for wrong in (other, row.id, 999, "x"):
        assert clerk.get(f"{LIST}compare/?id={row.id}&other={wrong}").status_code == 404


# ---- mails and letters


def test_the_applicant_is_told_of_receipt_correction_and_decision(clerk: Clerk, session: Session) -> None:
    row, other = recorded(session), recorded(session)
    clerk.send(f"{LIST}correction/?id={row.id}", {"reason": "押印がありません。"})
    clerk.send(f"{LIST}reject/?id={row.id}", {"reason": "対象外です。"})
    clerk.send(f"{LIST}withdraw/?id={other.id}", {"reason": "申出のとおり"})
    session.rollback()

    def told(one: RegistrationApplication) -> list[str]:
        mails = session.scalars(
            select(MailMessage).where(MailMessage.recipient == one.mail_a).order_by(MailMessage.id)
        ).all()
        assert all(mail.recipient_name == one.contact_name and one.number in mail.body for mail in mails)
        return [mail.kind.removeprefix("application_") for mail in mails]

    assert told(row) == ["received", "correction_asked", "rejected"]
    assert told(other) == ["received", "withdrawn"]


@pytest.mark.parametrize("act", ["correction", "reject"])
def test_a_reason_no_letter_can_print_is_named_at_its_field(clerk: Clerk, session: Session, act: str) -> None:
    row = recorded(session)
    answer = clerk.send(f"{LIST}{act}/?id={row.id}", {"reason": "押印が😀ありません。"})
    assert answer.status_code == 422 and 'id="reason-error"' in answer.text
    assert "通知書に印刷できない文字「😀」" in answer.text and "押印が😀ありません。" in answer.text
    session.expire_all()
    assert row.state is ApplicationState.RECEIVED


@pytest.mark.parametrize(
    "field", ["joint_companies-0-name", "contact_department", "site_name", "account_name"]
)
def test_what_the_letter_prints_is_checked_when_it_is_typed(
    clerk: Clerk, session: Session, field: str
) -> None:
    sent = {**typed(make.holder_data(session)), field: "名前\U00020bb7"}
    session.rollback()
    answer = clerk.send(f"{LIST}new/?kind=holder", sent)
    assert answer.status_code == 422 and f'id="{field}-error"' in answer.text
    assert "印刷できない文字「\U00020bb7」" in answer.text


# ---- who may press what


def test_no_other_role_presses_anything(app: Flask, session: Session) -> None:
    office(session)
    with one_transaction(session):
        holder, trader, verifier = make.holder(session), make.trader(session), make.verifier(session)
        officer = login(session, "officer")
        row = registration.record_application(session, make.holder_data(session), actor=officer)
        (scan,) = scans.attach(session, row.id, ScanKind.OTHER, [("a.pdf", PDF)], actor=officer)
        session.flush()
        row_id, scan_id, version = row.id, scan.id, row.version
        logins = [user.login_id for user in (*holder.users, *trader.users, *verifier.users)]
    acts = ["papers", "correction", "reject", "withdraw", "accept", "take", "clerk", "attach", "change"]
    urls = [f"{LIST}{act}/?id={row_id}" for act in acts] + [f"{LIST}detach/{scan_id}/"]
    values = {"version": version, "reason": "理由", "clerk": "1", "kind": "other", "versions": f"{row_id}:1"}
    before = session.scalar(select(func.count()).select_from(Event))
    clients = {login_id: Clerk(app, session, login_id).client for login_id in ("viewer", *logins)}
    app.config["WTF_CSRF_ENABLED"] = False
    for login_id, client in clients.items():
        for url in urls:
            status = client.post(url, data=values).status_code
            assert status == (403 if login_id == "viewer" else 404), (login_id, url)
        for url in (details(row_id), f"{LIST}scan/{scan_id}/", f"{LIST}compare/?id={row_id}&other=1"):
            assert (client.get(url).status_code == 404) == (login_id != "viewer"), (login_id, url)
    session.rollback()
    fresh = session.get_one(RegistrationApplication, row_id)
    assert (fresh.version, fresh.state) == (version, ApplicationState.RECEIVED)
    events = select(func.count()).select_from(Event)
    words = ("login_succeeded", "document_downloaded")
    assert session.scalar(events.where(Event.tag.not_in(words))) == before


def test_a_filter_names_what_was_chosen_and_never_a_rows_number(clerk: Clerk, session: Session) -> None:
    phase = recorded(session).phase_id
    number = session.scalars(select(Phase.number).where(Phase.id == phase)).one()
    page = clerk.get(f"/admin/holder/?flt0_0={phase}").text
    assert f"期：第{number}期" in re.sub(r"<[^>]*>", "", page)
    assert f"期：{phase}" not in page
