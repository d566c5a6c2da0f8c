"""The record of a participant at the secretariat's desk: one page, its history, notes and papers."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from portal.extensions import db_session
from portal.models import (
    CompanyChange,
    ContactChange,
    DecisionState,
    Event,
    Holder,
    ParticipantKind,
    ParticipantNote,
    Verifier,
)
from portal.permissions import Role
from portal.services import company_changes, contacts, notes, once
from portal.services.company_changes import kind_of, present
from portal.services.records import Participant
from portal.services.transaction import one_transaction
from tests.admin.desk import Clerk, office
from tests.factories import registration as make

PDF = b"%PDF-1.4\n% a sheet of paper\n%%EOF\n"
HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')


@pytest.fixture(autouse=True)
def in_2013(at: Callable[[str], datetime]) -> None:
    at("2013-10-08 09:00")


@pytest.fixture
def holder(session: Session) -> Holder:
    office(session)
    with one_transaction(session):
        made = make.holder(session)
    return made


def as_typed(participant: Participant, **changes: Any) -> dict[str, str]:
    """The paper form as it is shown, with some answers written over."""
    now = present(participant)
    kind = kind_of(participant)
    values = {name: getattr(now, name) for name in company_changes.CHANGEABLE[kind]}
    for place, (name, kana) in enumerate(values.pop("joint_companies", ())):
        values |= {f"joint_companies-{place}-name": name, f"joint_companies-{place}-kana": kana}
    values |= {"received_on": now.received_on, "seal_received": "y", "note": "", **changes}
    return {name: str(getattr(value, "value", value)) for name, value in values.items() if value is not None}


def test_a_paper_is_recorded_in_two_steps_with_its_scan(app: Flask, session: Session, holder: Holder) -> None:
    officer, url = Clerk(app, session, "officer"), f"/admin/holder/paper/?id={holder.id}"
    shown = officer.get(url).text
    assert holder.representative.name in shown and "株式会社わかばリース" in shown
    typed = as_typed(holder, site_name="川口第二工場", note="移転")
    wrong = officer.send(url, {**typed, "seal_received": "", "site_kana": "カナ"})
    assert wrong.status_code == 422 and 'value="川口第二工場"' in wrong.text
    assert 'id="seal_received-error"' in wrong.text and 'id="site_kana-error"' in wrong.text
    asked = officer.send(url, typed)
    assert asked.status_code == 200 and "次のとおり変更します" in asked.text
    assert all(word in asked.text for word in (holder.site_name, "川口第二工場", "移転", "変更前", "変更後"))
    carried = {name: value for name, value in HIDDEN.findall(asked.text)} | officer.form(url) | typed
    assert session.scalars(select(CompanyChange)).all() == []
    back = officer.post(url, {**carried, "back": "1"})
    assert back.status_code == 200 and 'value="川口第二工場"' in back.text
    bad = officer.post(url, {**carried, "confirmed": "1", "scan": (io.BytesIO(b"MZ"), "a.exe")})
    assert bad.status_code == 422 and 'id="scan-error"' in bad.text and "次のとおり変更します" in bad.text
    good = {**carried, "confirmed": "1", "scan": (io.BytesIO(PDF), "変更申請書.pdf")}
    seen = officer.post(url, good, follow=True)
    assert "変更U-0001を記録し、登録内容を変更しました。" in seen.text and "変更申請書.pdf" in seen.text
    change = session.scalars(select(CompanyChange)).one()
    assert Clerk(app, session, "viewer").get(f"/admin/company_change/scan/?id={change.id}").data == PDF
    stale = officer.post(url, {**carried, "key": once.new_key(), "confirmed": "1", "site_name": "第三工場"})
    assert stale.status_code == 422 and "最新の内容を見る" in stale.text
    listed = officer.get("/admin/company_change/?search=かわぐち").text
    assert "U-0001" in listed and "事業所名" in listed
    trail = officer.get(f"/admin/event/?search={holder.account.code}").text
    assert "書面により登録内容を変更しました" in trail


@pytest.mark.parametrize("kind", [ParticipantKind.TRADER, ParticipantKind.VERIFIER])
def test_traders_and_verifiers_have_the_shorter_paper(
    app: Flask, session: Session, kind: ParticipantKind
) -> None:
    office(session)
    with one_transaction(session):
        row: Participant = make.trader(session) if kind is ParticipantKind.TRADER else make.verifier(session)
    officer, url = Clerk(app, session, "officer"), f"/admin/{kind.value}/paper/?id={row.id}"
    page = officer.get(url).text
    assert 'name="site_name"' not in page and ('name="account_name"' in page) == (
        kind is ParticipantKind.TRADER
    )
    names = {"company_name": "新しい株式会社", "company_kana": "あたらしいかぶしきがいしゃ"}
    typed = as_typed(row, representative_name="新代表 花子", **names)
    done = officer.send(url, {**typed, "confirmed": "1"})
    assert "変更U-0001を記録し" in done.text and "新代表 花子" in done.text
    session.expire_all()
    event = session.scalars(select(Event).where(Event.tag == "company_changed")).one()
    told = officer.get(f"/admin/event/details/?id={event.id}").text
    assert "法人名" in told and "代表事業者の法人名" not in told
    details = officer.get(f"/admin/{kind.value}/details/?id={row.id}").text
    assert "新代表 花子" in details and "U-0001" in details and "代表者氏名" in details
    code = row.code if isinstance(row, Verifier) else row.account.code
    trail = officer.get(f"/admin/event/?search={code}").text
    assert "書面により登録内容を変更しました" in trail and "ログインIDを作成しました" in trail


def test_the_history_shows_any_day_and_every_item(
    app: Flask, session: Session, holder: Holder, at: Callable[[str], datetime]
) -> None:
    at("2014-07-01 00:00")
    with one_transaction(session):
        data = replace(present(holder), seal_received=True, site_name="川口第二工場")
        actor = make.office(session)
        company_changes.record_change(session, ParticipantKind.HOLDER, holder.id, data, actor=actor)
    viewer, url = Clerk(app, session, "viewer"), f"/admin/holder/history/?id={holder.id}"
    old, new = "川口工場", "川口第二工場"
    part = viewer.get(f"{url}&day=2014-06-30").text.split('id="stood"')[1].split('id="items"')[0]
    assert old in part and new not in part and "2014年6月30日（月）の終わりの登録内容" in part
    assert "いまと違う" in part
    assert new in viewer.get(f"{url}&day=2014-07-01").text.split('id="stood"')[1].split('id="items"')[0]
    assert "この日の内容は記録されていません" in viewer.get(f"{url}&day=2013-10-07").text
    assert "今日までの日付を入力してください" in viewer.get(f"{url}&day=2014-07-02").text
    assert viewer.get(f"{url}&day=nonsense&item=nonsense").status_code == 200
    one = viewer.get(f"{url}&item=site_name").text.split('id="items"')[1]
    assert old in one and new in one and "登録の受理" in one and "登録情報変更申請書（書面）" in one
    file = f"/admin/holder/history/file/csv/?id={holder.id}&item=site_name"
    lines = viewer.get(file).text.lstrip("\ufeff").splitlines()
    assert len(lines) == 3 and lines[1].startswith("事業所名,川口第二工場,2014-07-01 00:00,,")
    assert viewer.get(file.replace("csv", "xlsx")).data[:2] == b"PK"
    assert viewer.get(file.replace("csv", "pdf")).status_code == 404
    english = viewer.get(f"{url}&day=2014-06-30&lang=en").text
    assert "Registered data at the end of 30 Jun 2014" in english and "Different now" in english


def test_notes_are_written_on_the_record_and_stay_inside_the_office(
    app: Flask, session: Session, holder: Holder
) -> None:
    officer, page = Clerk(app, session, "officer"), f"/admin/holder/details/?id={holder.id}"
    url = f"/admin/holder/note/?id={holder.id}"
    assert officer.send(url).status_code == 422
    form = officer.form(page)
    for _press in range(2):
        seen = officer.post(url, {**form, "text": "電話あり\n<b>折り返す</b>"}, follow=True)
    assert "&lt;b&gt;折り返す" in seen.text and "メモを書きました。" in seen.text
    assert len(session.scalars(select(ParticipantNote)).all()) == 1
    viewer = Clerk(app, session, "viewer").get(page).text
    assert "電話あり" in viewer and 'name="text"' not in viewer and "/admin/holder/paper/" not in viewer
    for login in (user.login_id for user in list(holder.users)):
        own = Clerk(app, session, login)
        assert own.get(page).status_code == own.get(url).status_code == 404
        for address in ("/registration", "/events", "/"):
            assert "電話あり" not in own.get(address).text


def test_a_longer_record_costs_no_more_queries(app: Flask, session: Session, holder: Holder) -> None:
    with one_transaction(session):
        trader, verifier = make.trader(session), make.verifier(session)
    rows: list[Participant] = [holder, trader, verifier]
    officer = Clerk(app, session, "officer")
    pages = [f"/admin/{kind_of(row).value}/details/?id={row.id}" for row in rows]
    pages.append(f"/admin/holder/history/?id={holder.id}")

    def queries(url: str) -> int:
        seen: list[str] = []

        def note(*call: Any) -> None:
            seen.append(call[2])

        engine = db_session.get_bind()
        event.listen(engine, "before_cursor_execute", note)
        assert officer.get(url).status_code == 200
        event.remove(engine, "before_cursor_execute", note)
        return len(seen)

    def more() -> None:
        session.rollback()
        with one_transaction(session):
            for number in range(3):
                who = make.office(session)
                for row in rows:
                    notes.write(session, kind_of(row), row.id, f"メモ{number}", actor=who)
                    data = replace(
                        present(row), seal_received=True, representative_name=f"代表 {who.login_id}"
                    )
                    company_changes.record_change(session, kind_of(row), row.id, data, actor=who)
                    new = replace(contacts.present(row), department=f"{who.login_id}課")
                    change = contacts.apply_for_change(session, new, actor=row.users[0])
                    contacts.accept_change(session, change.id, actor=who)

    more()
    before = {url: queries(url) for url in pages if queries(url)}
    more()
    assert {url: queries(url) for url in pages} == before
    assert max(before.values()) <= 45


def test_of_two_clerks_who_decide_a_contact_change_the_second_is_told(
    app: Flask, session: Session, holder: Holder
) -> None:
    with one_transaction(session):
        login = next(user for user in holder.users if user.role is Role.HOLDER_A)
        new = replace(contacts.present(holder), post="環境部長")
        contacts.apply_for_change(session, new, actor=login)
    change = session.scalars(select(ContactChange)).one()
    accept, decline = (f"/admin/contact_change/{act}/?id={change.id}" for act in ("accept", "decline"))
    first, second = Clerk(app, session, "officer"), Clerk(app, session, "approver")
    shown = second.form(decline)
    assert "変更を承認しました" in first.send(accept).text
    late = second.post(decline, {**shown, "reason": "書類と違います"})
    assert late.status_code == 422 and "最新の内容を見る" in late.text and "書類と違います" in late.text
    session.expire_all()
    assert change.state is DecisionState.ACCEPTED and holder.contact.post == "環境部長"


def test_a_participant_takes_its_waiting_change_back(app: Flask, session: Session, holder: Holder) -> None:
    with one_transaction(session):
        login = next(user for user in holder.users if user.role is Role.HOLDER_A)
        contacts.apply_for_change(session, replace(contacts.present(holder), post="部長"), actor=login)
        name = login.login_id
    a, url = Clerk(app, session, name), "/registration/contact/withdraw"
    assert url in a.get("/registration").text
    asked = a.get(url).text
    assert "環境課長 から 部長" in asked and "取り下げます" in asked
    assert "申請を取り下げました" in a.send(url).text
    change = session.scalars(select(ContactChange)).one()
    assert change.state is DecisionState.WITHDRAWN and change.decided_by_id is None
    assert "取り下げられる申請はありません" in a.get(url).text
    page = Clerk(app, session, "officer").get(f"/admin/contact_change/details/?id={change.id}").text
    assert "担当者の変更申請を取り下げました" in page and "/accept/" not in page
    late = Clerk(app, session, "officer").get(f"/admin/contact_change/accept/?id={change.id}").text
    assert "いまはできません" in late


def test_the_page_that_accepts_says_who_is_told_of_a_new_address(
    app: Flask, session: Session, holder: Holder
) -> None:
    with one_transaction(session):
        login = next(user for user in holder.users if user.role is Role.HOLDER_A)
        old = contacts.present(holder)
        new = replace(old, mail="new@tsubame.example", mail_b="b@tsubame.example")
        number = contacts.apply_for_change(session, new, actor=login).id
    page = Clerk(app, session, "officer").get(f"/admin/contact_change/accept/?id={number}").text
    assert f"前のメールアドレスA（{old.mail}）にも" in page and "Bには知らせません" in page
