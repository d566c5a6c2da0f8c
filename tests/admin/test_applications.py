"""The registration office at its desk: from the paper to the letter, and every refusal on the way."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from portal import clock
from portal.extensions import db_session
from portal.models import (
    Account,
    ApplicationState,
    Holder,
    Letter,
    LetterState,
    RegistrationApplication,
    User,
)
from portal.services import queues, registration
from portal.services.passwords import verify_password
from portal.services.transaction import one_transaction
from tests.admin.desk import Clerk, office, typed
from tests.factories import registration as make


@pytest.fixture(autouse=True)
def in_2013(at: Callable[[str], datetime]) -> None:
    at("2013-10-08 09:00")


@pytest.fixture
def clerk(app: Flask, session: Session) -> Clerk:
    office(session)
    return Clerk(app, session, "officer")


def recorded(session: Session, **changes: object) -> RegistrationApplication:
    """A holder's application in the office."""
    with one_transaction(session):
        officer = session.scalars(select(User).where(User.login_id == "officer")).one()
        row = registration.record_application(session, make.holder_data(session, **changes), actor=officer)
        session.flush()
    return row


def test_from_the_paper_to_the_letter_with_its_passwords(clerk: Clerk, session: Session) -> None:
    data = make.holder_data(session, consent_received=False)
    seen = clerk.send("/admin/application/new/?kind=holder", typed(data))
    assert "申請を記録しました。受付番号はR2-0001です。" in seen.text
    assert "受理は、まだできません" in seen.text and "株式会社わかばリース" in seen.text
    row = session.scalars(select(RegistrationApplication)).one()
    at = f"?id={row.id}"
    seen = clerk.send(f"/admin/application/papers/{at}", {"seal_received": "y", "consent_received": "y"})
    assert "受理する" in seen.text and "受理は、まだできません" not in seen.text
    seen = clerk.send(f"/admin/application/accept/{at}")
    assert "通知書を印刷する" in seen.text and "AST-1001" in seen.text
    letter = session.scalars(select(Letter)).one()
    page = clerk.get(f"/admin/letter/print/?id={letter.id}").text
    assert "この画面は変わりません" in page and f'href="/admin/letter/details/?id={letter.id}"' in page
    assert "パスワードが印刷されるのは、この1回だけです。" in page and "AST1001A" in page
    pdf = clerk.send(f"/admin/letter/print/?id={letter.id}")
    assert pdf.mimetype == "application/pdf" and pdf.data.startswith(b"%PDF-")
    assert "attachment" in pdf.headers["Content-Disposition"]
    session.expire_all()
    assert letter.state is LetterState.PRINTED
    posted = clerk.send(f"/admin/letter/post/?id={letter.id}", {"posted_on": "2013-10-08"})
    assert "発送を記録しました。" in posted.text


def test_a_second_press_of_print_does_not_make_new_passwords(clerk: Clerk, session: Session) -> None:
    with one_transaction(session):
        make.holder(session)
    letter = session.scalars(select(Letter)).one()
    url = f"/admin/letter/print/?id={letter.id}"
    form = clerk.form(url)
    assert clerk.post(url, form).mimetype == "application/pdf"
    again = clerk.post(url, form)
    assert again.status_code == 302
    told = clerk.get(again.location).text
    assert "もう印刷しました" in told and "パスワードが新しくなり" in told and "ほかの方" not in told
    session.expire_all()
    assert letter.prints == 1


def test_everything_wrong_with_the_form_is_said_at_once_and_nothing_typed_is_lost(
    clerk: Clerk, session: Session
) -> None:
    data = make.holder_data(
        session,
        company_kana="ツバメ",
        contact_postal_code="123-456",
        mail_a="no address",
        site_kind=None,
        joint_companies=(("", ""), ("ふりがなのない会社", "")),
    )
    answer = clerk.send("/admin/application/new/?kind=holder", typed(data))
    assert answer.status_code == 422
    for field in (
        "company_kana",
        "contact_postal_code",
        "mail_a",
        "site_kind",
        "joint_companies-0-kana",
    ):
        assert f'id="{field}-error"' in answer.text, field
    assert "ふりがなのない会社" in answer.text and "「ツバメ」" in answer.text
    assert session.scalar(select(func.count()).select_from(RegistrationApplication)) == 0


def test_more_rows_for_joint_companies_come_without_a_script_and_keep_what_was_typed(clerk: Clerk) -> None:
    url = "/admin/application/new/?kind=holder"
    answer = clerk.send(url, {"company_name": "つばめ", "joint_companies-4-name": "五社目", "more_rows": "1"})
    assert answer.status_code == 200
    assert 'name="joint_companies-9-kana"' in answer.text and "五社目" in answer.text
    assert 'role="alert"' not in answer.text


def test_a_repeated_submit_records_one_application(clerk: Clerk, session: Session) -> None:
    data = make.holder_data(session)
    url = "/admin/application/new/?kind=holder"
    sent = {**clerk.form(url), **typed(data)}
    first, second = (clerk.post(url, sent) for _ in range(2))
    assert first.status_code == second.status_code == 302
    assert first.location == second.location
    assert session.scalar(select(func.count()).select_from(RegistrationApplication)) == 1


@pytest.mark.parametrize("kind", ["trader", "verifier"])
def test_the_shorter_forms_are_recorded_and_accepted(clerk: Clerk, session: Session, kind: str) -> None:
    data = make.trader_data() if kind == "trader" else make.verifier_data()
    page = clerk.get(f"/admin/application/new/?kind={kind}").text
    assert 'name="site_name"' not in page and 'name="mail_b"' not in page
    assert "申請を記録しました" in clerk.send(f"/admin/application/new/?kind={kind}", typed(data)).text
    row = session.scalars(select(RegistrationApplication)).one()
    assert "受理しました" in clerk.send(f"/admin/application/accept/?id={row.id}").text


def test_correction_asks_writes_a_letter_and_is_put_right(clerk: Clerk, session: Session) -> None:
    row = recorded(session)
    at = f"?id={row.id}"
    url = f"/admin/application/correction/{at}"
    empty = clerk.send(url, {"reason": " ", "answer_by": "2013-10-01"})
    assert empty.status_code == 422
    assert 'id="reason-error"' in empty.text and 'id="answer_by-error"' in empty.text
    day = clock.today() + timedelta(days=20)
    asked = clerk.send(url, {"reason": "ふりがなを直してください。", "answer_by": day.isoformat()})
    assert "補正待ち" in asked.text and "補正のお願い" in asked.text
    letter = session.scalars(select(Letter)).one()
    assert letter.content["answer_by"] == day.isoformat()
    data = replace(registration.data_of(session.get_one(RegistrationApplication, row.id)), note="補正済")
    fixed = clerk.send(f"/admin/application/change/{at}", typed(data))
    assert "補正された内容を記録しました。" in fixed.text
    session.expire_all()
    assert session.get_one(RegistrationApplication, row.id).state is ApplicationState.RECEIVED


@pytest.mark.parametrize("act", ["reject", "withdraw"])
def test_what_is_decided_offers_no_further_act(clerk: Clerk, session: Session, act: str) -> None:
    row = recorded(session)
    done = clerk.send(f"/admin/application/{act}/?id={row.id}", {"reason": "申出のとおり"})
    assert "申出のとおり" in done.text
    # what is rejected leaves a letter to print, and nothing else
    offered = "通知書を印刷する" if act == "reject" else "いまできる操作はありません。"
    assert offered in done.text and "内容を直す" not in done.text and "受理する<" not in done.text
    assert clerk.get(f"/admin/application/change/?id={row.id}").status_code == 404


def test_an_acceptance_that_is_refused_leaves_nothing_behind(clerk: Clerk, session: Session) -> None:
    row = recorded(session, seal_received=False)
    asked = clerk.form(f"/admin/application/papers/?id={row.id}")
    answer = clerk.post(f"/admin/application/accept/?id={row.id}", asked)
    assert answer.status_code == 422 and "社印" in answer.text
    assert session.scalar(select(func.count()).select_from(Holder)) == 0
    assert session.scalar(select(func.count()).select_from(Account).where(Account.id > 1000)) == 0


def test_the_slower_of_two_clerks_is_told(clerk: Clerk, session: Session) -> None:
    row = recorded(session, consent_received=False)
    url = f"/admin/application/papers/?id={row.id}"
    shown = clerk.form(url)
    clerk.send(url, {"seal_received": "y", "consent_received": "y"})
    late = clerk.post(url, {**shown, "seal_received": "y"})
    assert late.status_code == 422
    session.expire_all()
    assert session.get_one(RegistrationApplication, row.id).consent_received


def test_the_list_shows_open_ones_and_finds_by_kana_number_and_mail(clerk: Clerk, session: Session) -> None:
    row = recorded(session, company_name="すずかぜ化学株式会社", company_kana="すずかぜかがく",
                   contact_company="すずかぜ化学株式会社", mail_a="suzu@kaze.example")  # fmt: skip
    other = recorded(session)
    clerk.send(f"/admin/application/withdraw/?id={other.id}", {"reason": "申出のとおり"})
    page = clerk.get("/admin/application/").text
    assert row.number in page and other.number not in page and "未完了" in page
    assert other.number in clerk.get("/admin/application/?page=0").text
    for words in ("スズカゼ", "すずかぜ 化学", row.number.lower(), "SUZU@kaze"):
        found = clerk.get(f"/admin/application/?search={words}").text
        assert row.number in found and other.number not in found, words
    assert clerk.get("/admin/application/export/csv/").status_code == 200


@pytest.mark.parametrize("url", ["/admin/application/?page=0", "/admin/holder/", "/admin/letter/?page=0",
                                 "/admin/trader/", "/admin/verifier/", "/admin/user/"])  # fmt: skip
def test_a_longer_list_costs_no_more_queries(clerk: Clerk, session: Session, url: str) -> None:
    def queries() -> int:
        seen: list[str] = []
        engine = db_session.get_bind()
        event.listen(engine, "before_cursor_execute", lambda *call: seen.append(call[2]))
        assert clerk.get(url).status_code == 200
        return len(seen)

    def three_more() -> None:
        with one_transaction(session):
            for _ in range(3):
                make.holder(session)
                make.trader(session)
                make.verifier(session)

    three_more()
    clerk.get(url)
    before = queries()
    three_more()
    assert queries() <= before + 1


def test_a_viewer_sees_everything_and_has_no_button(clerk: Clerk, app: Flask, session: Session) -> None:
    row = recorded(session)
    with one_transaction(session):
        holder = make.holder(session)
        session.flush()
        holder_id = holder.id
    letter = session.scalars(select(Letter)).first()
    assert letter is not None
    viewer = Clerk(app, session, "viewer")
    for url in (
        f"/admin/application/details/?id={row.id}",
        f"/admin/holder/details/?id={holder_id}",
        f"/admin/letter/details/?id={letter.id}",
        "/admin/phase/details/?id=1",
        "/admin/user/details/?id=1",
    ):
        page = viewer.get(url)
        assert page.status_code == 200, url
        acts = page.text.split('id="do"')[1].split("</section>")[0]
        assert "as-button" not in acts, url
    for url in ("accept", "papers", "correction", "reject", "withdraw", "change"):
        assert viewer.get(f"/admin/application/{url}/?id={row.id}").status_code == 403
    assert viewer.get("/admin/application/new/").status_code == 403
    assert viewer.get(f"/admin/letter/print/?id={letter.id}").status_code == 403


def test_the_passwords_of_the_letter_open_the_logins_and_stand_nowhere_else(
    clerk: Clerk, session: Session
) -> None:
    with one_transaction(session):
        make.holder(session)
    letter = session.scalars(select(Letter)).one()
    before = session.scalars(select(User.password).where(User.login_id.startswith("AST"))).all()
    pdf = clerk.send(f"/admin/letter/print/?id={letter.id}").data
    session.expire_all()
    logins = session.scalars(select(User).where(User.login_id.startswith("AST"))).all()
    assert all(user.must_change_password and user.password not in before for user in logins)
    assert not any(verify_password(make.PASSWORD, user.password) for user in logins)
    copy = clerk.get(f"/admin/letter/copy/?id={letter.id}")
    assert copy.mimetype == "application/pdf" and copy.data != pdf


def test_an_act_that_is_not_offered_leads_to_how_things_stand(clerk: Clerk, session: Session) -> None:
    row = recorded(session)
    clerk.send(f"/admin/application/withdraw/?id={row.id}", {"reason": "申出のとおり"})
    for act in ("accept", "papers", "correction", "reject", "withdraw"):
        away = clerk.client.get(f"/admin/application/{act}/?id={row.id}")
        assert away.status_code == 302 and "/details/" in away.location, act
    assert "この操作は、いまはできません" in clerk.get(away.location).text


def test_when_only_papers_are_missing_their_receipt_is_the_next_step(clerk: Clerk, session: Session) -> None:
    def first(**changes: object) -> str:
        page = clerk.get(f"/admin/application/details/?id={recorded(session, **changes).id}").text
        panel = page.split('id="do"')[1].split("</section>")[0]
        return panel.split('class="as-button"')[1].split("</a>")[0]

    assert "書類の受領を記録する" in first(consent_received=False)
    assert "書類の受領を記録する" not in first()


def test_the_form_names_its_mistakes_from_top_to_bottom_and_enter_records(clerk: Clerk) -> None:
    answer = clerk.send(
        "/admin/application/new/?kind=holder",
        {"joint_companies-0-name": "ふりがななし", "received_on": "2013-10-08"},
    )
    summary = answer.text.split('id="form-errors"')[1].split("</ul>")[0]
    named = re.findall(r'href="#([^"]+)"', summary)
    shown = [name for name in re.findall(r' id="([^"]+)-error"', answer.text)]
    assert named == shown and "joint_companies-0-kana" in named
    form = answer.text.split('<form class="as-measure"')[1]
    assert form.index("申請を記録する</button>") < form.index("more_rows")
    trader = clerk.get("/admin/application/new/?kind=trader").text
    assert "メールアドレス<" in trader and "メールアドレスA" not in trader


def test_an_application_waits_since_its_paper_came(
    clerk: Clerk, session: Session, at: Callable[[str], datetime]
) -> None:
    at("2013-10-20 09:00")
    recorded(session, received_on=date(2013, 10, 10))
    recorded(session, received_on=date(2013, 10, 9))
    found = {one.kind: one for one in queues.queues(session)}[queues.QueueKind.APPLICATIONS]
    assert (found.count, found.late, found.oldest) == (2, 1, clock.at_tokyo(date(2013, 10, 9)))
    clerk = Clerk(clerk.client.application, session, "officer")
    assert clerk.get("/admin/application/").text.count("超過") == 1
