"""Consent to be found: who decides, what is kept and told, and several people at once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from portal.errors import NotAllowed, NotFound, PortalError, Refusal
from portal.models import Event, Holder, MailMessage, RecordCause, RegistrationVersion, Trader, User
from portal.permissions import Role
from portal.services import consent, directory
from portal.services.audit import EventTag
from portal.services.directory import Standing
from portal.services.mail import MailKind
from portal.services.transaction import one_transaction
from tests.factories import registration as make
from tests.services.test_races import at_once


def refusal(act: Callable[[], object]) -> Refusal:
    with pytest.raises(PortalError) as caught:
        act()
    return caught.value.refusal


def mails(session: Session, kind: MailKind) -> list[MailMessage]:
    return list(session.scalars(select(MailMessage).where(MailMessage.kind == kind.value)))


def events(session: Session) -> list[Event]:
    query = select(Event).where(Event.tag == EventTag.CONSENT_CHANGED.value).order_by(Event.id)
    return list(session.scalars(query))


def test_a_withdrawal_works_at_once_for_both_sides_and_is_kept_and_told(session: Session) -> None:
    holder, trader = make.holder(session, mail_b="b@tsubame.example"), make.trader(session)
    a, b = holder.users
    assert len(directory.look(session, trader.users[0]).entries) == 2
    consent.change_own(session, False, actor=a, version=holder.version, key="k1")
    session.flush()
    shown = [entry.account for entry in directory.look(session, trader.users[0]).entries]
    assert shown == [trader.account.code]
    assert [directory.standing(session, one) for one in (a, b)] == [Standing.NO_CONSENT] * 2
    (event,) = events(session)
    assert (event.facts, event.holder_id, event.actor_id) == (
        {"before": True, "after": False},
        holder.id,
        a.id,
    )
    version = session.scalars(select(RegistrationVersion).order_by(RegistrationVersion.id.desc())).first()
    assert version is not None
    assert (version.cause, version.facts["disclosure_consent"]) == (RecordCause.CONSENT, False)
    (mail,) = mails(session, MailKind.CONSENT_WITHDRAWN)
    assert mail.recipient == holder.contact.mail
    consent.change_own(session, True, actor=a, version=holder.version)
    assert directory.standing(session, b) is Standing.READS
    assert [mail.recipient for mail in mails(session, MailKind.CONSENT_GIVEN)] == [holder.contact.mail]


def test_only_the_login_that_answers_for_the_participant_decides(session: Session) -> None:
    holder, verifier = make.holder(session), make.verifier(session)
    for actor in (holder.users[1], verifier.users[0], make.office(session)):
        with pytest.raises(NotAllowed):
            consent.change_own(session, False, actor=actor)
    trader = make.trader(session)
    assert consent.change_own(session, False, actor=trader.users[0]) is trader
    assert holder.disclosure_consent


def test_the_office_records_what_came_by_paper_with_its_reason(session: Session) -> None:
    trader, officer = make.trader(session), make.office(session)
    change = lambda why: consent.record(session, Trader, trader.id, False, why, actor=officer)  # noqa: E731
    assert refusal(lambda: change(" ")) is Refusal.REASON_NEEDED
    change("10月9日、取引 二郎さんから電話で申し出がありました。")
    (event,) = events(session)
    assert event.reason is not None and event.reason.startswith("10月9日")
    assert "10月9日" in mails(session, MailKind.CONSENT_WITHDRAWN)[0].body
    assert refusal(lambda: change("もう一度")) is Refusal.NOTHING_CHANGED
    for actor in (trader.users[0], make.office(session, Role.VIEWER)):
        with pytest.raises(NotAllowed):
            consent.record(session, Trader, trader.id, True, "x", actor=actor)
    with pytest.raises(NotFound):
        consent.record(session, Holder, 999, True, "x", actor=officer)


def test_a_page_that_is_older_than_the_row_changes_nothing(session: Session) -> None:
    holder, officer = make.holder(session), make.office(session)
    shown = holder.version
    consent.record(session, Holder, holder.id, False, "電話", actor=officer, version=shown)
    session.flush()
    act = lambda: consent.change_own(session, True, actor=holder.users[0], version=shown)  # noqa: E731
    assert refusal(act) is Refusal.STALE_PAGE
    assert not holder.disclosure_consent


def by_login(user_id: int, agreed: bool, version: int | None, key: str) -> Callable[[Session], object]:
    def act(session: Session) -> object:
        actor = session.get_one(User, user_id)
        return consent.change_own(session, agreed, actor=actor, version=version, key=key).id

    return act


def by_office(user_id: int, holder_id: int, version: int) -> Callable[[Session], object]:
    def act(session: Session) -> object:
        actor = session.get_one(User, user_id)
        return consent.record(session, Holder, holder_id, False, "書面", actor=actor, version=version).id

    return act


def test_eight_presses_at_once_withdraw_once(engine: Engine, session: Session) -> None:
    with one_transaction(session):
        holder = make.holder(session)
    user, version = holder.users[0].id, holder.version
    session.rollback()
    answers = at_once(engine, [by_login(user, False, version, "one") for _ in range(8)])
    assert set(answers) == {holder.id}, answers
    assert len(events(session)) == len(mails(session, MailKind.CONSENT_WITHDRAWN)) == 1


def test_the_participant_and_the_office_at_once_are_one_change_and_one_told(
    engine: Engine, session: Session
) -> None:
    with one_transaction(session):
        holder, officers = make.holder(session), [make.office(session) for _ in range(3)]
    version, acts = holder.version, [by_login(holder.users[0].id, False, holder.version, "own")]
    acts += [by_office(officer.id, holder.id, version) for officer in officers]
    session.rollback()
    answers = at_once(engine, acts)
    assert answers.count(holder.id) == 1, answers
    assert answers.count(Refusal.STALE_PAGE) == 3, answers
    assert len(events(session)) == 1
    causes = select(func.count()).where(RegistrationVersion.cause == RecordCause.CONSENT)
    assert session.scalar(causes) == 1


def test_a_withdrawal_that_is_rolled_back_leaves_everything_as_it_was(session: Session) -> None:
    with one_transaction(session):
        holder, trader = make.holder(session), make.trader(session)
    before = len(session.scalars(select(MailMessage.id)).all())

    def fail() -> None:
        with one_transaction(session):
            consent.change_own(session, False, actor=holder.users[0])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert holder.disclosure_consent and events(session) == []
    assert len(session.scalars(select(MailMessage.id)).all()) == before
    assert len(directory.look(session, trader.users[0]).entries) == 2
