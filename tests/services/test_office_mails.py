"""Who is told of what the office ends, takes back or changes (domain §7)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.models import AccountAction, Event, MailMessage, ParticipantKind
from portal.permissions import Role
from portal.services import (
    account_life,
    colleagues,
    company_changes,
    contacts,
    phase_proposals,
    targets,
    verifiers,
)
from portal.services.mail import MailKind, notify
from portal.services.transaction import one_transaction
from portal.services.whole_record import whole_record
from tests.factories import registration as make
from tests.factories.readers import DATES, YEARS, People, people


@pytest.fixture(autouse=True)
def in_2013(at: Callable[[str], datetime]) -> None:
    at("2013-10-08 09:00")


@pytest.fixture
def scheme(session: Session) -> Iterator[People]:
    with one_transaction(session):
        made = people(session)
        other = make.office(session, Role.OFFICER, "office04")
        assert other.email
        for message in session.scalars(select(MailMessage)):
            session.delete(message)
    yield made


def mails(session: Session, kind: MailKind) -> dict[str, str]:
    """The texts of the mails of ``kind`` by the address they go to."""
    session.flush()
    rows = session.scalars(select(MailMessage).where(MailMessage.kind == kind.value))
    return {row.recipient: row.body for row in rows}


def test_the_holder_is_told_that_its_report_has_no_verifier_now(session: Session, scheme: People) -> None:
    report = scheme.report()
    verifiers.assign(session, report.id, scheme.verifier.id, actor=scheme.officer)
    verifiers.end_assignment(session, report.id, "内部の事情", actor=scheme.officer)
    told = mails(session, MailKind.VERIFICATION_ENDED)
    assert set(told) == {"a1@holder.example", "b@holder.example"}
    assert all("検証株式会社の担当が終わりました" in text for text in told.values())
    assert not any("内部の事情" in text for text in told.values())
    assert set(mails(session, MailKind.VERIFIER_UNASSIGNED)) == {"v@verifier.example"}


def test_a_colleague_is_told_of_a_new_role(session: Session, scheme: People) -> None:
    colleagues.change_role(session, scheme.viewer.id, Role.APPROVER, reason="異動", actor=scheme.approver)
    (text,) = mails(session, MailKind.ROLE_CHANGED).values()
    assert "「事務局 承認者」に変えました" in text and "office03" in text and "異動" in text


def test_who_would_confirm_or_propose_is_told_that_a_proposal_is_taken_back(
    session: Session, scheme: People
) -> None:
    target = targets.propose_target(session, scheme.holder.id, 1500, actor=scheme.officer)
    targets.withdraw_target(session, target.id, actor=scheme.officer)
    opening = phase_proposals.propose_phase(
        session, 3, YEARS, DATES, reason="実施ルールによる", actor=scheme.officer
    )
    phase_proposals.withdraw_proposal(session, opening.id, actor=scheme.officer)
    rows = session.scalars(select(MailMessage).where(MailMessage.kind == MailKind.PROPOSAL_WITHDRAWN.value))
    told = [(row.recipient, row.body) for row in rows]
    # an approver and another officer: it waits for neither of them any more
    assert [address for address, _text in told] == ["office02@office.example", "office04@office.example"] * 2
    assert "削減目標量 1,500 t-CO2の起案" in told[0][1] and "AST-1001" in told[0][1]
    assert "第3期の開始の起案" in told[2][1]
    account = scheme.trader.account
    change = account_life.propose(
        session, account.id, AccountAction.SUSPEND, reason="確認のため", actor=scheme.officer
    )
    account_life.withdraw(session, change.id, actor=scheme.officer)
    rows = session.scalars(select(MailMessage).where(MailMessage.kind == MailKind.PROPOSAL_WITHDRAWN.value))
    text = [row.body for row in rows][-1]
    assert f"口座{account.code}の停止の起案" in text and "確認は、もう必要ありません。" in text


def test_the_old_address_is_not_told_that_it_gets_nothing_if_b_still_reads_there(
    session: Session, scheme: People
) -> None:
    for address_b, words in (
        ("a1@holder.example", "引き続き使います"),
        ("b@holder.example", "今後、このアドレスにはお知らせをお送りしません。"),
    ):
        login = scheme.login(session, Role.HOLDER_A)
        scheme.login(session, Role.HOLDER_B).email = scheme.holder.mail_b = address_b
        old = scheme.holder.contact.mail
        wanted = replace(contacts.present(scheme.holder), mail=f"new-{old}")
        change = contacts.apply_for_change(session, wanted, actor=login)
        contacts.accept_change(session, change.id, actor=scheme.officer)
        assert words in mails(session, MailKind.CONTACT_CHANGED_OLD_ADDRESS)[old]


def test_one_person_in_charge_of_two_participants_does_not_mix_their_mails(
    session: Session, scheme: People
) -> None:
    one, two = scheme.holder, scheme.other_holder
    same = one.contact.mail
    two.contact.mail = scheme.login(session, Role.HOLDER_A, two).email = same
    notify(session, MailKind.CONSENT_GIVEN, holder=two)
    (of_two,) = mails(session, MailKind.CONSENT_GIVEN).items()
    assert of_two[0] == same
    assert [mail.kind for mail in whole_record(session, two).mails] == [MailKind.CONSENT_GIVEN.value]
    assert whole_record(session, one).mails == []
    loose = notify(session, MailKind.APPLICATION_RECEIVED, address=same, application_number="R2-0001")
    session.flush()
    assert whole_record(session, one).mails == loose


@pytest.mark.parametrize("kind", [ParticipantKind.TRADER, ParticipantKind.VERIFIER])
def test_a_paper_says_whose_it_was(session: Session, scheme: People, kind: ParticipantKind) -> None:
    row = scheme.trader if kind is ParticipantKind.TRADER else scheme.verifier
    data = replace(
        company_changes.present(row),
        company_name="新しい株式会社",
        company_kana="あたらしいかぶしきがいしゃ",
        received_on=date(2013, 10, 1),
        seal_received=True,
    )
    company_changes.record_change(session, kind, row.id, data, actor=scheme.officer)
    event = session.scalars(select(Event).where(Event.tag == "company_changed")).one()
    assert event.facts["kind"] == kind.value
