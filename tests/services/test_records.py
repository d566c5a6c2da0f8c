"""The history of what is registered: any day can be read again, whatever happened on it; notes only grow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import NotAllowed, NotFound, Refusal, Refused
from portal.models import Event, Holder, MailMessage, ParticipantKind, ParticipantNote, RecordCause, User
from portal.permissions import Role
from portal.services import (
    access,
    company_changes,
    contact_withdrawals,
    contacts,
    notes,
    records,
    timeline,
    transitions,
)
from portal.services.audit import EventTag
from portal.services.records import Participant
from portal.services.transaction import one_transaction
from tests.factories import registration as make

START = date(2014, 4, 1)


@pytest.fixture(autouse=True)
def in_april(at: Callable[[str], datetime]) -> None:
    at("2014-04-01 09:00")


def login_a(holder: Holder) -> User:
    return next(user for user in holder.users if user.role is Role.HOLDER_A)


class History:
    """A holder to which things happen, and beside it a plain list of what was registered when."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.holder, self.officer = make.holder(session), make.office(session)
        self.said: list[tuple[datetime, dict[str, Any]]] = []
        self.facts = dict(records.facts_of(self.holder))
        self._say()

    def _say(self, **changes: Any) -> None:
        self.facts = {**self.facts, **changes}
        self.said.append((clock.now(), self.facts))

    def contact(self, number: int) -> None:
        """A applies for another telephone and department; the office accepts."""
        values = {"telephone": f"03-0000-{number:04d}", "department": f"第{number}課"}
        new = replace(contacts.present(self.holder), **values)
        change = contacts.apply_for_change(self.session, new, actor=login_a(self.holder))
        contacts.accept_change(self.session, change.id, actor=self.officer)
        self._say(contact_telephone=values["telephone"], contact_department=values["department"])

    def company(self, number: int) -> None:
        """The office records a paper: a new site name, a new name of the company, or a joint company."""
        now = company_changes.present(self.holder)
        name = f"つばめ{number}株式会社"
        changes: dict[str, Any] = (
            {"site_name": f"第{number}工場"},
            {"company_name": name, "contact_company": ""},
            {"joint_companies": (*now.joint_companies, (f"共同{number}社", "きょうどう"))},
        )[number % 3]
        data = replace(now, received_on=clock.today(), seal_received=True, **changes)
        company_changes.record_change(
            self.session, ParticipantKind.HOLDER, self.holder.id, data, actor=self.officer
        )
        if "company_name" in changes:
            changes["contact_company"] = name
        if "joint_companies" in changes:
            changes["joint_companies"] = [list(pair) for pair in changes["joint_companies"]]
        self._say(**changes)

    def consent(self, _number: int) -> None:
        """The participant changes its mind about being found."""
        self.holder.disclosure_consent = not self.holder.disclosure_consent
        records.keep(self.session, self.holder, RecordCause.CONSENT, actor=login_a(self.holder))
        self._say(disclosure_consent=self.holder.disclosure_consent)

    def stood(self, day: date) -> dict[str, Any] | None:
        """What the plain list says of the end of ``day``."""
        past = [facts for at, facts in self.said if clock.in_tokyo(at).date() <= day]
        return past[-1] if past else None


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["contact", "company", "consent"]),
        # most on the same day, some around midnight in Tokyo, some a long time later
        st.sampled_from([0, 1, 299, 60 * 14 + 59, 60 * 15, 60 * 24, 60 * 24 * 9]),
    ),
    max_size=8,
)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_any_day_reads_as_a_plain_list_of_changes_says(
    session: Session, steps: list[tuple[str, int]]
) -> None:
    clock.set_time(clock.at_tokyo(START) + timedelta(hours=9))
    history = History(session)
    for number, (what, minutes) in enumerate(steps, 1):
        clock.step(timedelta(minutes=minutes))
        session.flush()
        session.expire_all()
        getattr(history, what)(number)
    session.flush()
    last = clock.today()
    day = START - timedelta(days=1)
    while day <= last + timedelta(days=1):
        line = records.as_of(session, history.holder, day)
        assert (line.facts if line is not None else None) == history.stood(day)
        day += timedelta(days=1)
    _items_agree(session, history)
    session.rollback()


def _items_agree(session: Session, history: History) -> None:
    """Every item's spans touch each other, differ, and lead from the first value to the present one."""
    for one in records.field_history(session, history.holder):
        values = [facts.get(one.item) for _at, facts in history.said]
        seen = [value for place, value in enumerate(values) if not place or values[place - 1] != value]
        spans = one.spans[::-1]
        assert [span.value for span in spans] == seen
        assert spans[-1].until is None and spans[0].since == history.said[0][0]
        assert [span.until for span in spans[:-1]] == [span.since for span in spans[1:]]


def test_every_kind_of_participant_has_a_history_from_its_acceptance_on(session: Session) -> None:
    made: list[Participant] = [make.holder(session), make.trader(session), make.verifier(session)]
    for one in made:
        (line,) = records.versions(session, one)
        assert (line.cause, line.facts) == (RecordCause.REGISTERED, records.facts_of(one))
        assert set(line.facts) <= set(records.ITEMS) and line.cause_id == one.application_id
        assert {item.item for item in records.field_history(session, one)} == set(line.facts)
        assert records.as_of(session, one, START - timedelta(days=1)) is None


@pytest.mark.parametrize("table", ["registration_version", "participant_note"])
def test_history_and_notes_only_grow(session: Session, table: str) -> None:
    with one_transaction(session):
        holder = make.holder(session)
        notes.write(session, ParticipantKind.HOLDER, holder.id, "電話あり", actor=make.office(session))
    for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET holder_id = holder_id"):
        with pytest.raises(DatabaseError, match="append_only"):
            session.execute(text(statement))
        session.rollback()


def test_notes_are_the_offices_own(session: Session) -> None:
    holder, other = make.holder(session), make.holder(session)
    officer = make.office(session)
    first = notes.write(
        session, ParticipantKind.HOLDER, holder.id, " 電話あり\r\n折り返す\x07 ", actor=officer
    )
    second = notes.write(session, ParticipantKind.HOLDER, holder.id, "済み", actor=officer, key="n" * 20)
    again = notes.write(session, ParticipantKind.HOLDER, holder.id, "済み", actor=officer, key="n" * 20)
    assert again is second and first.text == "電話あり\n折り返す"
    assert notes.notes_of(session, holder) == [second, first] and notes.notes_of(session, other) == []
    for wrong, refusal in (("\u3000\n", Refusal.REQUIRED), ("長" * 2001, Refusal.TOO_LONG)):
        with pytest.raises(Refused) as refused:
            notes.write(session, ParticipantKind.HOLDER, holder.id, wrong, actor=officer)
        assert (refused.value.refusal, refused.value.problems[0].field) == (refusal, "text")
    for stranger in (*holder.users, make.office(session, Role.VIEWER)):
        with pytest.raises(NotAllowed):
            notes.write(session, ParticipantKind.HOLDER, holder.id, "のぞき見", actor=stranger)


def test_no_participant_reads_a_note_or_that_there_is_one(session: Session) -> None:
    holder, officer = make.holder(session), make.office(session)
    note = notes.write(session, ParticipantKind.HOLDER, holder.id, "要注意の相手", actor=officer)
    for user in holder.users:
        with pytest.raises(NotFound):
            access.get_visible(session, ParticipantNote, note.id, user)
        told = [line.event for line in timeline.own_events(session, user).happenings]
        assert not any(event is not None and event.tag == EventTag.NOTE_WRITTEN for event in told)
    event = session.scalars(select(Event).where(Event.tag == EventTag.NOTE_WRITTEN)).one()
    assert event.holder_id is None and "要注意" not in str(event.facts)


def test_a_waiting_contact_change_is_taken_back_by_its_participant_only(session: Session) -> None:
    holder, other = make.holder(session), make.holder(session)
    a, officer = login_a(holder), make.office(session)
    facts = records.facts_of(holder)
    change = contacts.apply_for_change(session, replace(contacts.present(holder), post="部長"), actor=a)
    for stranger, error in ((login_a(other), NotFound), (officer, NotAllowed), (holder.users[1], NotAllowed)):
        with pytest.raises(error):
            contact_withdrawals.withdraw_change(session, change.id, actor=stranger)
    contact_withdrawals.withdraw_change(session, change.id, actor=a, version=change.version)
    session.flush()
    assert (change.state.value, records.facts_of(holder)) == ("withdrawn", facts)
    kinds = session.scalars(
        select(MailMessage.recipient).where(MailMessage.kind == "contact_change_withdrawn")
    )
    assert {holder.contact.mail, officer.email} <= set(kinds) and holder.users[1].email not in set(kinds)
    for act in (contact_withdrawals.withdraw_change, contacts.accept_change):
        with pytest.raises(Refused) as refused:
            act(session, change.id, actor=a if act is contact_withdrawals.withdraw_change else officer)
        assert refused.value.refusal is Refusal.WRONG_STATE
    assert len(records.versions(session, holder)) == 1
    again = contacts.apply_for_change(session, replace(contacts.present(holder), post="課長"), actor=a)
    assert transitions.CONTACT_CHANGE.edge(again.state, "withdraw") is not None


def test_a_is_told_that_address_b_changed_and_no_address_of_b_is(session: Session) -> None:
    holder, officer = make.holder(session, mail_b="old-b@tsubame.example"), make.office(session)
    new = replace(contacts.present(holder), mail_b="new-b@tsubame.example")
    change = contacts.apply_for_change(session, new, actor=login_a(holder))
    before = session.scalar(select(func.max(MailMessage.id))) or 0
    contacts.accept_change(session, change.id, actor=officer)
    mails = session.scalars(select(MailMessage).where(MailMessage.id > before)).all()
    assert [mail.recipient for mail in mails] == [holder.contact.mail]
    assert "変わった項目：メールアドレスB" in mails[0].body
