"""The verifier's pages: drafts of two colleagues, who is in charge, what others read of a verification."""

from __future__ import annotations

import re
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from portal.models import (
    EmissionsReport,
    Event,
    Period,
    ReportState,
    User,
    VerificationDraft,
    VerificationReport,
)
from portal.services import reports, verification, verifiers
from portal.services.audit import EventTag
from portal.services.checklist import ITEMS
from portal.services.comparison import LIMIT
from portal.services.transaction import one_transaction
from tests.factories import registration
from tests.factories import reports as make
from tests.participant.visitor import Visitor, values, words

S = ReportState
SECRET = "途中の書き込み"


@dataclass
class Names:
    a: str
    b: str
    v: str
    second: str
    rival: str
    rival_id: int
    officer: str
    officer_id: int
    report: int


@pytest.fixture
def names(session: Session) -> Names:
    """Verification of the base-year report is requested of a verifier with two logins."""
    with one_transaction(session):
        made = make.scheme(session)
        report = make.bring(session, made, S.VERIFICATION_REQUESTED)
        second = registration.colleague_of(session, made.verifier, made.officer)
        rival = registration.verifier(session)
        return Names(
            made.a.login_id,
            made.b.login_id,
            made.v.login_id,
            second.login_id,
            rival.users[0].login_id,
            rival.id,
            made.officer.login_id,
            made.officer.id,
            report.id,
        )


def save(reader: Visitor, names: Names, page: TestResponse | None = None, **typed: Any) -> TestResponse:
    """Save the draft as the page has it, with what was typed; no radio is chosen but those given."""
    shown = page or reader.get(f"/verification/{names.report}")
    address = f"/verification/{names.report}/result"
    found = {k: v for k, v in values(shown, address).items() if not k.startswith(("check_", "opinion"))}
    return reader.client.post(address, data={**found, "do": "draft", **typed})


def test_a_draft_waits_on_the_page_for_every_colleague_and_for_nobody_else(
    app: Flask, session: Session, names: Names
) -> None:
    first, second = Visitor(app, names.v), Visitor(app, names.second)
    assert save(first, names, check_boundary="conforms", findings=SECRET).status_code == 302
    page = second.get(f"/verification/{names.report}")
    assert SECRET in page.text
    assert 'name="check_boundary" type="radio" value="conforms"' in page.text
    assert "下書き：" in words(page)
    for login in (names.a, names.b):
        other = Visitor(app, login)
        for address in ("/reports", "/reports/base", "/home", "/events"):
            assert SECRET not in other.get(address).text
    office = Visitor(app, names.officer)
    for address in (f"/admin/report/details/?id={names.report}", "/admin/event/"):
        assert SECRET not in office.get(address).text
    # the next verifier begins with nothing, the one before finds nothing any more
    before = {reader: reader.get(f"/verification/{names.report}") for reader in (first, second)}
    with one_transaction(session):
        officer = session.get_one(User, names.officer_id)
        verifiers.assign(session, names.report, names.rival_id, actor=officer, reason="交代")
    rival = Visitor(app, names.rival)
    page = rival.get(f"/verification/{names.report}")
    assert page.status_code == 200
    assert SECRET not in page.text
    for reader, page in before.items():
        assert reader.get(f"/verification/{names.report}").status_code == 404
        assert "検証を待っている報告書はありません" in words(reader.get("/verification?charge=none"))
        assert reader.send(page, f"/verification/{names.report}/charge", do="take").status_code == 404
        assert save(reader, names, page).status_code == 404
    assert len(session.scalars(select(VerificationDraft)).all()) == 1
    session.rollback()


def test_the_slower_of_two_colleagues_is_told_loses_nothing_and_sees_the_other_answer(
    app: Flask, names: Names
) -> None:
    first, second = Visitor(app, names.v), Visitor(app, names.second)
    page = second.get(f"/verification/{names.report}")
    save(first, names, check_boundary="not", remark_boundary="東門の外")
    told = save(second, names, page, check_boundary="conforms", findings="私の指摘")
    assert told.status_code == 422
    text = words(told)
    assert "さんが先に下書きを保存しました。" in text
    assert "保存されている回答：不適合 東門の外" in text
    assert "私の指摘" in told.text
    again = save(second, names, told, check_boundary="conforms", findings="私の指摘")
    assert again.status_code == 302


def test_an_open_checklist_names_each_item_and_keeps_what_was_typed(app: Flask, names: Names) -> None:
    reader = Visitor(app, names.v)
    told = save(reader, names, do="approve", opinion="qualified", check_boundary="not", verified="7,460")
    assert told.status_code == 422
    text = words(told)
    assert f"確認していない項目が{len(ITEMS) - 1}件あります。" in text
    assert 'href="#check_sources"' in told.text
    # said once, above the names; each open item, the remark, the findings and the file are a place to mend
    banner = told.text.split('id="form-errors"', 1)[1].split("</section>", 1)[0]
    assert f"{len(ITEMS) - 1 + 3}か所を直してください" in banner
    assert banner.split("</form>")[0].count("必須") <= 2
    assert 'href="#remark_boundary"' in told.text
    assert "この意見には、指摘事項の記入が必要です。" in text
    assert 'value="7,460"' in told.text


def test_the_desk_shows_who_took_charge_and_a_hand_over_is_told(app: Flask, names: Names) -> None:
    first, second = Visitor(app, names.v), Visitor(app, names.second)
    address = f"/verification/{names.report}/charge"
    assert "担当は決まっていません" in words(first.get("/verification"))
    older = second.get(f"/verification/{names.report}")
    page = first.get(f"/verification/{names.report}")
    assert first.send(page, address, do="take").status_code == 302
    assert "条件に合うものはありません" in words(second.get("/verification?charge=me"))
    # an older page changes nothing and says so
    second.send(older, address, do="take")
    told = second.get(f"/verification/{names.report}")
    assert "もう一度" in words(told)
    assert "条件に合うものはありません" in words(second.get("/verification?charge=me"))
    shown = first.get(f"/verification/{names.report}")
    assert first.send(shown, address, user=names.second, do="give").status_code == 302
    page = second.get("/verification?charge=me")
    assert "担当：検証 次郎 さん" in words(page)
    assert "検証の担当を検証 次郎 さんに決めました" in words(second.get(f"/verification/{names.report}"))
    assert "検証の担当を" not in words(Visitor(app, names.a).get("/reports/base"))


def test_checklist_opinion_and_findings_are_read_by_holder_and_office_once_registered(
    app: Flask, session: Session, names: Names
) -> None:
    with one_transaction(session):
        report = session.get_one(EmissionsReport, names.report)
        by = report.assignments[-1].verifier.users[0]
        work = make.work("qualified")
        verification.register_and_request(
            session, report.id, "検証.pdf", make.PDF, "qualified", report.emissions, work, actor=by
        )
    for login, address in (
        (names.a, "/reports/base"),
        (names.b, "/reports/base"),
        (names.v, f"/verification/{names.report}"),
        (names.officer, f"/admin/report/details/?id={names.report}"),
    ):
        text = words(Visitor(app, login).get(address))
        assert work.findings in text, login
        assert f"チェックリスト（{len(ITEMS)}項目）" in text, login


def test_a_large_difference_is_pointed_out_to_verifier_and_office_and_shown_to_the_holder(
    app: Flask, session: Session, names: Names
) -> None:
    assert LIMIT * 100 == 10  # as the pages say
    with one_transaction(session):
        report = session.get_one(EmissionsReport, names.report)
        by, holder = report.assignments[-1].verifier.users[0], report.holder.users[0]
        verification.return_to_holder(session, report.id, "11月が違います", actor=by)
        make.register(session, report, 9_000, actor=holder)
        reports.request_verification(session, report.id, actor=holder)
        assert report.period is Period.BASE
    verifier = words(Visitor(app, names.v).get(f"/verification/{names.report}"))
    office = words(Visitor(app, names.officer).get(f"/admin/report/details/?id={names.report}"))
    own = words(Visitor(app, names.a).get("/reports/base"))
    for text in (verifier, office, own):
        assert "第1版 → 第2版" in text
        assert "+20.6%" in text
    # a number that no version can have is none
    for number in (0, -1, 10**10, 10**30):
        page = Visitor(app, names.v).get(f"/verification/{names.report}?against={number}")
        assert page.status_code == 200 and "第1版 → 第2版" not in words(page), number
    assert "10%を超える増加" in verifier
    assert "10%を超える増加" in office
    assert "超える" not in own


def test_any_earlier_version_can_be_compared_by_verifier_office_and_holder(
    app: Flask, session: Session, names: Names
) -> None:
    pages = (
        (names.v, f"/verification/{names.report}?"),
        (names.officer, f"/admin/report/details/?id={names.report}&"),
        (names.a, "/reports/base?"),
    )
    for login, address in pages:
        assert "比べる版" not in words(Visitor(app, login).get(address)), login
    with one_transaction(session):
        report = session.get_one(EmissionsReport, names.report)
        by, holder = report.assignments[-1].verifier.users[0], report.holder.users[0]
        verification.return_to_holder(session, report.id, "11月が違います", actor=by)
        for figure in (9_000, 8_000):
            make.register(session, report, figure, actor=holder)
        reports.request_verification(session, report.id, actor=holder)
    for login, address in pages:
        reader = Visitor(app, login)
        page = reader.get(address)
        assert "第2版 → 第3版" in words(page) and "比べる版" in words(page), login
        kept = 'type="hidden" name="id"' in page.text
        assert kept == ("id=" in address), login
        older = reader.get(f"{address}against=1")
        assert "第1版 → 第3版" in words(older) and "第2版 → 第3版" not in words(older), login


def test_a_button_that_is_none_registers_nothing(app: Flask, session: Session, names: Names) -> None:
    reader = Visitor(app, names.v)
    typed: dict[str, Any] = {f"check_{item.code}": "conforms" for item in ITEMS}
    typed |= {
        "opinion": "unqualified",
        "verified": "7,460",
        "do": "",
        "file": (BytesIO(make.PDF), "検証.pdf"),
    }
    told = save(reader, names, **typed)
    assert told.status_code == 422 and "どの手続きをするかが分かりません" in words(told)
    assert session.scalars(select(VerificationReport)).all() == []
    session.rollback()


def test_an_unqualified_opinion_beside_items_that_do_not_conform_is_taken_and_pointed_out(
    app: Flask, session: Session, names: Names
) -> None:
    reader = Visitor(app, names.v)
    typed: dict[str, Any] = {f"check_{item.code}": "conforms" for item in ITEMS}
    typed |= {"check_boundary": "not", "remark_boundary": "東門の外", "opinion": "unqualified"}
    typed |= {"verified": "7,460", "do": "register", "file": (BytesIO(make.PDF), "検証.pdf")}
    assert save(reader, names, **typed).status_code == 302
    said = "検証意見は無限定適正ですが、不適合の項目が1件あります。"
    assert said in words(reader.get(f"/verification/{names.report}"))
    assert said in Visitor(app, names.officer).get(f"/admin/report/details/?id={names.report}").text
    # who only asks for a file's head has not read it
    paper = session.scalars(select(VerificationReport.id)).one()
    session.rollback()
    count = select(func.count()).where(Event.tag == EventTag.DOCUMENT_DOWNLOADED.value)
    address = f"/verification/files/verification/{paper}"
    for ask, reads in ((reader.client.head, 0), (reader.get, 1)):
        assert ask(address).status_code == 200
        assert session.scalar(count) == reads
        session.rollback()


def test_the_base_year_is_at_hand_while_it_is_assigned_and_no_longer(app: Flask, session: Session) -> None:
    with one_transaction(session):
        made = make.scheme(session)
        base = make.bring(session, made, S.APPROVED, Period.BASE, 9_000)
        target = make.bring(session, made, S.VERIFICATION_REQUESTED, Period.TARGET)
        rival = registration.verifier(session)
        base_id, target_id, login, other = base.id, target.id, made.v.login_id, rival.users[0].login_id
        officer_id, rival_id = made.officer.id, rival.id
    papers = f'href="/verification/{base_id}"'
    reader = Visitor(app, login)
    page = reader.get(f"/verification/{target_id}").text
    assert "基準年度の報告書を開く" in page and papers in page
    for address in re.findall(r'href="(/verification/[^"]*file[^"]*)"', page):
        assert reader.get(address).status_code == 200
    assert len(re.findall("基準年度の検証報告書（", page)) == 1
    assert "基準年度の報告書を開く" not in reader.get(f"/verification/{base_id}").text
    # whoever verifies the target year only has the confirmed figure, and nothing that leads further
    with one_transaction(session):
        officer = session.get_one(User, officer_id)
        verifiers.assign(session, target_id, rival_id, actor=officer, reason="交代")
    page = Visitor(app, other).get(f"/verification/{target_id}").text
    assert "9,000" in page and "基準年度の報告書を開く" not in page and papers not in page
    assert "基準年度の検証報告書（" not in page
