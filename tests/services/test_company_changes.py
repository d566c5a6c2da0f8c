"""Changes of names from paper: what they may change, what stands against them, and what stays (domain §3)."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime
from threading import Barrier, BrokenBarrierError
from typing import Any

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from portal.errors import NotAllowed, NotFound, PortalError, Refusal, Stale
from portal.extensions import make_session
from portal.models import (
    CompanyChange,
    Event,
    Holder,
    MailMessage,
    Organisation,
    ParticipantKind,
    Participation,
    RegistrationVersion,
    SiteKind,
    User,
)
from portal.permissions import Role
from portal.services import company_changes, company_papers, contacts, documents, records, registration
from portal.services.audit import EventTag
from portal.services.company_changes import Draft, kind_of, present, record_change
from portal.services.records import Participant
from portal.services.registration_data import ApplicationData
from portal.services.transaction import one_transaction, run
from tests.factories import registration as make

PDF = b"%PDF-1.4\n% a sheet of paper\n%%EOF\n"


@pytest.fixture(autouse=True)
def in_2014(at: Callable[[str], datetime]) -> None:
    at("2014-07-01 10:00")


def paper(participant: Participant, **changes: Any) -> ApplicationData:
    """A sealed paper that arrived today and asks for ``changes``."""
    changes = {"received_on": date(2014, 7, 1), "seal_received": True, **changes}
    return replace(present(participant), **changes)


def recorded(
    session: Session, participant: Participant, actor: User | None = None, **changes: Any
) -> CompanyChange:
    return record_change(
        session,
        kind_of(participant),
        participant.id,
        paper(participant, **changes),
        actor=actor or make.office(session),
    )


def refused(work: Callable[[], object]) -> dict[str | None, Refusal]:
    """Field → refusal of what ``work`` is refused with."""
    with pytest.raises(PortalError) as caught:
        work()
    return {problem.field: problem.refusal for problem in caught.value.problems}


def test_a_renamed_company_is_another_row_and_the_contact_person_follows(session: Session) -> None:
    holder = make.holder(session)
    before, number = holder.representative, holder.account.id
    change = recorded(
        session,
        holder,
        company_name="つばめ総合印刷株式会社",
        company_kana="つばめそうごういんさつかぶしきがいしゃ",
        account_name="つばめ総合印刷",
        note=" 商号変更 ",
    )
    session.expire_all()
    assert (holder.representative.name, holder.representative_id) == ("つばめ総合印刷株式会社", before.id + 2)
    assert before.name.startswith("つばめ印刷") and holder.contact.organisation is holder.representative
    assert (holder.account.id, holder.account.name) == (number, "つばめ総合印刷")
    assert "|つばめ総合印刷株式会社|" in holder.search_key and before.name not in holder.search_key
    assert holder.account.search_key.startswith("|つばめ総合印刷|")
    assert holder.site_key.startswith("つばめ総合印刷株式会社|")
    assert change.number == "U-0001" and change.note == "商号変更" and change.seal_received
    assert list(change.new) == ["company_name", "company_kana", "contact_company", "account_name"]
    assert change.old["company_name"] == before.name
    line = records.latest(session, holder)
    assert line is not None and (line.cause_id, line.facts) == (change.id, records.facts_of(holder))
    event = session.scalars(select(Event).where(Event.tag == EventTag.COMPANY_CHANGED)).one()
    assert (event.facts["before"], event.facts["after"]) == (change.old, change.new)
    assert event.holder_id == holder.id


def test_the_mail_names_what_changed_and_goes_to_a_only(session: Session) -> None:
    holder = make.holder(session, mail_b="b@tsubame.example")
    next(user for user in holder.users if user.role is Role.HOLDER_A).locale = "en"
    recorded(session, holder, site_address="埼玉県川口市みほん9-9")
    mails = session.scalars(select(MailMessage).where(MailMessage.kind == "company_changed")).all()
    assert [mail.recipient for mail in mails] == [holder.contact.mail]
    assert "(site address)" in mails[0].body


@pytest.mark.parametrize("kind", [ParticipantKind.TRADER, ParticipantKind.VERIFIER])
def test_traders_and_verifiers_change_by_paper_too(session: Session, kind: ParticipantKind) -> None:
    whose: Participant = make.trader(session) if kind is ParticipantKind.TRADER else make.verifier(session)
    change = recorded(
        session, whose, company_name="みほん商事株式会社", site_name="工場", mail_b="x@y.example"
    )
    session.expire_all()
    assert whose.label == "みほん商事株式会社" and whose.contact.organisation is whose.organisation  # type: ignore[union-attr]
    assert list(change.new) == ["company_name"] and "みほん商事株式会社" in whose.search_key
    assert session.scalar(select(func.count()).where(MailMessage.kind == "company_changed")) == 1


def test_only_the_kana_or_the_president_may_change(session: Session) -> None:
    holder = make.holder(session)
    first = holder.representative
    recorded(session, holder, representative_kana="かわぐち はるみ")
    recorded(session, holder, representative_name="川口 秋子", representative_kana="かわぐち あきこ")
    session.expire_all()
    now = holder.representative
    assert (now.representative_name, now.representative_kana) == ("川口 秋子", "かわぐち あきこ")
    assert first.representative_kana == "かわぐち はるこ" and first is not now


def test_joint_companies_are_renamed_join_and_leave(session: Session) -> None:
    pairs = (("甲株式会社", "こう"), ("乙株式会社", "おつ"), ("丙株式会社", "へい"))
    holder = make.holder(session, joint_companies=pairs, contact_company="乙株式会社")
    recorded(
        session, holder, joint_companies=(("", ""), ("新乙株式会社", "しんおつ"), pairs[2], ("丁", "てい"))
    )
    session.expire_all()
    assert [j.organisation.name for j in holder.joint_companies] == ["新乙株式会社", "丙株式会社", "丁"]
    assert holder.contact.organisation.name == "新乙株式会社"
    again = refused(lambda: recorded(session, holder, joint_companies=(("", ""), pairs[2], ("丁", "てい"))))
    assert again == {"contact_company": Refusal.COMPANY_LINKED}
    joint = (("", ""), pairs[2], ("丁", "てい"))
    recorded(session, holder, joint_companies=joint, contact_company="丁")
    session.expire_all()
    assert holder.contact.organisation.name == "丁" and len(holder.joint_companies) == 2


def test_everything_wrong_is_said_at_its_field_and_nothing_changes(session: Session) -> None:
    other, holder = make.holder(session), make.holder(session)
    versions = session.scalar(select(func.count()).select_from(RegistrationVersion))
    wrong = {
        "received_on": date(2014, 7, 2),
        "seal_received": False,
        "company_name": "",
        "company_kana": "カタカナ",
        "joint_companies": (("わかば", ""), ("", "かな"), ("鿿", "あ")),
        "contact_company": "どこにもない会社",
        "site_kind": None,
        "account_name": f"　{other.account.name}　",
        "note": "長" * 2001,
    }
    found = refused(
        lambda: company_changes.draft(session, holder, paper(holder, **wrong), scan=("a.exe", b"MZ"))
    )
    assert found == {
        "received_on": Refusal.DATE_IN_FUTURE,
        "seal_received": Refusal.PAPER_SEAL_MISSING,
        "company_name": Refusal.REQUIRED,
        "company_kana": Refusal.KANA_NOT_HIRAGANA,
        "joint_companies-0-kana": Refusal.JOINT_KANA_NEEDED,
        "joint_companies-1-name": Refusal.JOINT_KANA_NEEDED,
        "joint_companies-2-name": Refusal.GLYPH_MISSING,
        "contact_company": Refusal.CONTACT_ELSEWHERE,
        "site_kind": Refusal.REQUIRED,
        "account_name": Refusal.ACCOUNT_NAME_TAKEN,
        "note": Refusal.TOO_LONG,
        "scan": Refusal.FILE_KIND,
    }
    same = {name: getattr(present(other), name) for name in ("company_name", "site_name", "site_address")}
    taken = refused(lambda: recorded(session, holder, **same))
    assert taken == {"site_name": Refusal.SITE_TAKEN}
    assert refused(lambda: recorded(session, holder)) == {None: Refusal.NOTHING_CHANGED}
    assert session.scalar(select(func.count()).select_from(RegistrationVersion)) == versions
    assert session.scalar(select(func.count()).select_from(CompanyChange)) == 0


def test_what_was_registered_long_ago_is_not_judged_by_todays_rules(session: Session) -> None:
    holder = make.holder(session)
    holder.representative.name_kana = "ツバメ"
    holder.representative.representative_name = None
    session.flush()
    recorded(session, holder, participation=Participation.GROUP, site_kind=SiteKind.WORKPLACE)
    assert holder.participation is Participation.GROUP and holder.site_kind is SiteKind.WORKPLACE


def test_an_own_name_may_be_written_another_way_and_a_twin_stays_as_it_is(session: Session) -> None:
    holder, trader = make.holder(session), make.trader(session)
    twin = make.holder(
        session, company_name=holder.representative.name, contact_company=holder.representative.name
    )
    assert company_papers.same_company(session, holder) == [twin]
    recorded(session, holder, account_name=holder.account.name.replace(" ", "　"), company_name="新社名")
    session.expire_all()
    assert twin.representative.name != "新社名" and trader.organisation.name != "新社名"
    assert session.scalar(select(func.count()).where(Organisation.name == "新社名")) == 1


def test_the_scan_is_kept_and_reading_it_is_recorded(session: Session) -> None:
    trader, officer = make.trader(session), make.office(session)
    data = paper(trader, representative_name="小春 三郎")
    scan = ("変更申請書.pdf", PDF)
    made = record_change(session, ParticipantKind.TRADER, trader.id, data, scan=scan, actor=officer)
    viewer = make.office(session, Role.VIEWER)
    assert company_papers.open_scan(session, made.id, actor=viewer) == (scan[0], documents.PDF, PDF)
    assert session.scalar(select(func.count()).where(Event.tag == EventTag.DOCUMENT_DOWNLOADED)) == 1
    with pytest.raises(NotAllowed):
        company_papers.open_scan(session, made.id, actor=trader.users[0])
    without = recorded(session, trader, representative_name="小春 四郎")
    with pytest.raises(NotFound):
        company_papers.open_scan(session, without.id, actor=viewer)


def test_nobody_else_records_a_paper(session: Session) -> None:
    trader, holder, verifier = make.trader(session), make.holder(session), make.verifier(session)
    people = [*trader.users, *holder.users, *verifier.users, make.office(session, Role.VIEWER)]
    assert {user.role for user in people} == set(Role) - {Role.OFFICER, Role.APPROVER}
    for actor in people:
        with pytest.raises(NotAllowed):
            recorded(session, trader, actor, company_name="横取り株式会社")


def test_a_second_press_records_once_and_another_paper_is_refused(session: Session) -> None:
    trader, officer = make.trader(session), make.office(session)
    data = paper(trader, representative_name="小春 三郎")

    def press(what: ApplicationData) -> int:
        return record_change(session, ParticipantKind.TRADER, trader.id, what, actor=officer, key="k" * 20).id

    assert press(data) == press(data)
    assert refused(lambda: press(replace(data, company_name="別"))) == {None: Refusal.KEY_REUSED}
    assert session.scalar(select(func.count()).select_from(CompanyChange)) == 1


def test_of_two_clerks_the_slower_one_is_told(session: Session, engine: Engine) -> None:
    with one_transaction(session):
        holder, officer = make.holder(session), make.office(session)
        line = records.latest(session, holder)
        assert line is not None
        papers = [paper(holder, site_name=f"第{n}工場") for n in (1, 2)]
        row_id, version, who = holder.id, line.id, officer.id

    def record(data: ApplicationData) -> str:
        with make_session(engine) as own:

            def work() -> None:
                actor = own.get_one(User, who)
                record_change(own, ParticipantKind.HOLDER, row_id, data, actor=actor, version=version)

            try:
                run(own, work)
            except Stale:
                return "stale"
            return "done"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(record, papers)) == ["done", "stale"]
    session.expire_all()
    assert len(records.versions(session, session.get_one(Holder, row_id))) == 2


def test_two_papers_cannot_take_one_account_name(
    session: Session, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    met, judge = Barrier(2), company_changes.draft

    def both_judge_before_either_writes(*given: Any, **more: Any) -> Draft:
        judged = judge(*given, **more)
        with suppress(BrokenBarrierError):  # the other one waits for its turn, as it should
            met.wait(timeout=0.7)
        return judged

    with one_transaction(session):
        recorded(
            session, make.trader(session), representative_name="先の人"
        )  # the first number is another race
        papers = [
            (trader.id, paper(trader, account_name=name))
            for trader, name in ((make.trader(session), "みほん 口座"), (make.trader(session), "みほん口座"))
        ]
        who = make.office(session).id

    monkeypatch.setattr(company_changes, "draft", both_judge_before_either_writes)

    def record(one: tuple[int, ApplicationData]) -> str:
        with make_session(engine) as own:
            try:
                run(
                    own,
                    lambda: record_change(
                        own, ParticipantKind.TRADER, one[0], one[1], actor=own.get_one(User, who)
                    ),
                )
            except PortalError as error:
                return str(error.refusal)
            return "done"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(record, papers)) == [Refusal.ACCOUNT_NAME_TAKEN, "done"]


def test_a_contact_change_that_waits_outlives_a_renaming(session: Session) -> None:
    holder, officer = make.holder(session), make.office(session)
    login = next(user for user in holder.users if user.role is Role.HOLDER_A)
    change = contacts.apply_for_change(
        session, replace(contacts.present(holder), department="環境部"), actor=login
    )
    recorded(session, holder, company_name="新しい株式会社", company_kana="あたらしい")
    contacts.accept_change(session, change.id, actor=officer)
    session.expire_all()
    assert (holder.contact.department, holder.contact.organisation.name) == ("環境部", "新しい株式会社")


def test_an_accepted_application_cannot_take_a_name_that_came_from_paper(session: Session) -> None:
    trader, officer = make.trader(session), make.office(session)
    recorded(session, trader, account_name="さきどり")
    row = registration.record_application(session, make.trader_data(account_name="さき どり"), actor=officer)
    assert refused(lambda: registration.accept(session, row.id, actor=officer, distinct=True)) == {
        "account_name": Refusal.ACCOUNT_NAME_TAKEN
    }
