"""Contact, consent and paper at the same moment: the history's newest line is what is registered."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from portal.extensions import make_session
from portal.models import Holder, ParticipantKind, User
from portal.permissions import Role
from portal.services import company_changes, consent, contact_withdrawals, contacts, records, transaction
from portal.services.transaction import one_transaction, run
from tests.factories import registration as make
from tests.services.test_races import at_once

Act = Callable[[Session], object]


class Case:
    """A committed holder with a contact change that waits, and the acts that may meet."""

    def __init__(self, session: Session) -> None:
        with one_transaction(session):
            holder, officer = make.holder(session), make.office(session)
            login = next(user for user in holder.users if user.role is Role.HOLDER_A)
            self.holder, self.officer, self.login = holder.id, officer.id, login.id
        self.apply(session)

    def apply(self, session: Session) -> None:
        with one_transaction(session):
            now = contacts.present(session.get_one(Holder, self.holder))
            wanted = replace(now, department=f"{now.department}新")
            login = session.get_one(User, self.login)
            self.change = contacts.apply_for_change(session, wanted, actor=login).id

    def accept(self, session: Session) -> None:
        contacts.accept_change(session, self.change, actor=session.get_one(User, self.officer))

    def decline(self, session: Session) -> None:
        contacts.decline_change(
            session, self.change, "書類が違います", actor=session.get_one(User, self.officer)
        )

    def withdraw(self, session: Session) -> None:
        contact_withdrawals.withdraw_change(session, self.change, actor=session.get_one(User, self.login))

    def consent(self, session: Session) -> None:
        now = session.get_one(Holder, self.holder).disclosure_consent
        consent.change_own(session, not now, actor=session.get_one(User, self.login))

    def paper(self, session: Session) -> None:
        now = company_changes.present(session.get_one(Holder, self.holder))
        data = replace(
            now,
            site_name=f"{now.site_name}の2",
            joint_companies=((f"ひばり{now.site_name}株式会社", "ひばりかぶしきがいしゃ"),),
            received_on=date(2013, 9, 2),
            seal_received=True,
        )
        actor = session.get_one(User, self.officer)
        company_changes.record_change(session, ParticipantKind.HOLDER, self.holder, data, actor=actor)

    def agrees(self, session: Session) -> bool:
        """Whether the newest line of the history is what is registered."""
        session.rollback()
        session.expire_all()
        holder = session.get_one(Holder, self.holder)
        newest = records.latest(session, holder)
        assert newest is not None
        return bool(newest.facts == records.facts_of(holder))


@pytest.mark.parametrize("other", ["consent", "paper"])
def test_what_another_changes_while_a_contact_change_is_accepted_stays_in_the_history(
    session: Session, engine: Engine, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    case, write = Case(session), contacts.write
    judged, done = threading.Event(), threading.Event()

    def the_other_comes_between(*given: Any) -> None:
        judged.set()
        done.wait(timeout=0.7)  # it waits for its turn, as it should
        write(*given)

    def afterwards() -> None:
        judged.wait(timeout=60)
        with make_session(engine) as own:
            run(own, lambda: getattr(case, other)(own))
        done.set()

    monkeypatch.setattr(contacts, "write", the_other_comes_between)
    thread = threading.Thread(target=afterwards)
    thread.start()
    with make_session(engine) as own:
        run(own, lambda: case.accept(own))
    thread.join()
    assert case.agrees(session)
    assert len(records.versions(session, session.get_one(Holder, case.holder))) == 3


def test_contact_consent_and_paper_at_once_neither_deadlock_nor_leave_a_stale_line(
    session: Session, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transaction, "is_busy", lambda _error: False)  # a deadlock is not tried again
    case = Case(session)
    for decide in (case.accept, case.decline, case.withdraw):
        answers = at_once(engine, [decide, case.consent, case.paper])
        assert case.agrees(session), answers
        assert answers.count(None) == len(answers), answers
        case.apply(session)
