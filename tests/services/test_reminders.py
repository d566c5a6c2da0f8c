"""Reminders: 30, 7 and 1 days before each deadline, once, to whoever must act (domain §7)."""

from __future__ import annotations

import threading
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, event, func, select, update
from sqlalchemy.orm import Session

from portal import clock
from portal.extensions import make_session
from portal.models import (
    Account,
    AccountAction,
    AccountState,
    Event,
    MailMessage,
    MovementKind,
    Period,
    PhaseRule,
    Reminder,
    ReminderSubject,
    ReportState,
)
from portal.permissions import Role
from portal.services import jobs, reminders, verification, verifiers
from portal.services.audit import EventTag
from portal.services.transaction import one_transaction, run
from tests.factories import allowances as trade
from tests.factories import registration
from tests.factories import reports as make


@pytest.fixture
def scheme(session: Session) -> make.Scheme:
    with one_transaction(session):
        made = make.scheme(session)
    forget_mails(session)
    return made


def forget_mails(session: Session) -> None:
    with one_transaction(session):
        session.execute(delete(MailMessage))


def night(session: Session, wall: str) -> None:
    """The worker's night on the day of ``wall``."""
    make.at(wall)
    run(session, lambda: jobs.schedule(session))
    while jobs.run_one(lambda: make_session(session.get_bind())) is not None:  # type: ignore[arg-type]
        pass
    session.rollback()


def told(session: Session) -> list[tuple[str, str | None]]:
    """(kind, recipient) of the mails since the last look, which are then forgotten."""
    figures = ("figure_needed", "figures_needed", "banking_due")
    kinds = ("report_due", "report_overdue", "verification_due", "retirement_due", *figures)
    query = select(MailMessage).where(MailMessage.kind.in_(kinds)).order_by(MailMessage.id)
    found: list[tuple[str, str | None]] = [(mail.kind, mail.recipient) for mail in session.scalars(query)]
    session.rollback()
    forget_mails(session)
    return found


def due_of(made: make.Scheme, period: Period = Period.BASE) -> date:
    rule = made.holder.phase.rules[-1]
    return {Period.BASE: rule.base_report_due, Period.TARGET: rule.target_report_due}[period]


def before(due: date, days: int) -> str:
    return f"{date.fromordinal(due.toordinal() - days).isoformat()} 09:00"


@given(left=st.integers(-400, 400))
def test_the_nearest_distance_that_was_reached_is_told(left: int) -> None:
    distance = reminders.distance_of(left)
    if left > 30:
        assert distance is None
    elif left < 0:
        assert distance == -1
    else:
        assert distance in (30, 7, 1)
        assert left <= distance
        assert not any(left <= nearer < distance for nearer in reminders.DISTANCES)


def test_a_and_b_are_reminded_of_a_report_on_each_day_once(session: Session, scheme: make.Scheme) -> None:
    due, found = due_of(scheme), {}
    for days in (31, 30, 29, 8, 7, 6, 2, 1, 0, -1, -2):
        night(session, before(due, days))
        night(session, before(due, days))
        if mails := told(session):
            found[days] = mails
    assert set(found) == {30, 7, 1, -1}
    logins = {scheme.a.email, scheme.b.email}
    assert {recipient for _kind, recipient in found[30]} == logins
    assert {kind for kind, _who in found[30] + found[7] + found[1]} == {"report_due"}
    assert {kind for kind, _who in found[-1]} == {"report_overdue"}
    assert session.scalar(select(func.count()).select_from(Reminder)) == 4
    tags = select(func.count()).where(Event.tag == EventTag.REMINDER_SENT.value)
    assert session.scalar(tags) == 4


def test_a_night_without_a_worker_is_caught_up_with_the_days_that_are_left(
    session: Session, scheme: make.Scheme
) -> None:
    due = due_of(scheme)
    night(session, before(due, 28))
    mails = session.scalars(select(MailMessage).where(MailMessage.kind == "report_due")).all()
    assert mails
    assert all("28" in mail.subject for mail in mails)
    # a day that was put off is another day
    later = due + timedelta(days=5)
    with one_transaction(session):
        session.execute(update(PhaseRule).values(base_report_due=later))
    forget_mails(session)
    night(session, before(later, 28))
    night(session, before(later, 27))
    assert told(session) == [("report_due", scheme.a.email), ("report_due", scheme.b.email)]
    # who left the scheme owes nothing any more
    with one_transaction(session):
        closed = {"state": AccountState.CLOSED, "closed_at": clock.now()}
        session.execute(update(Account).where(Account.id == scheme.holder.account.id).values(closed))
    night(session, before(later, 7))
    assert told(session) == []


def test_the_verifier_is_reminded_while_it_verifies_and_nobody_after_it_handed_on(
    session: Session, scheme: make.Scheme
) -> None:
    due = due_of(scheme)
    report = scheme.report()
    with one_transaction(session):
        make.bring(session, scheme, ReportState.VERIFICATION_REQUESTED)
    told(session)
    night(session, before(due, 30))
    assert told(session) == [("verification_due", scheme.v.email)]
    with one_transaction(session):
        make.verify(session, scheme, report)
        verification.request_approval(session, report.id, actor=scheme.v)
    night(session, before(due, 7))
    assert told(session) == []


def test_what_was_handed_in_is_not_called_overdue(session: Session, scheme: make.Scheme) -> None:
    due = due_of(scheme)
    with one_transaction(session):
        make.bring(session, scheme, ReportState.VERIFICATION_REQUESTED)
    told(session)
    night(session, before(due, -1))
    assert told(session) == []


def test_a_reminder_names_the_day_and_says_today_on_the_day_itself(
    session: Session, scheme: make.Scheme
) -> None:
    with one_transaction(session):
        scheme.b.locale = "en"
    night(session, before(due_of(scheme), 0))
    subjects = {m.locale: m.subject for m in session.scalars(select(MailMessage))}
    assert "本日" in subjects["ja"]
    assert "today" in subjects["en"]


def test_two_workers_remind_once(session: Session, scheme: make.Scheme, engine: Engine) -> None:
    make.at(before(due_of(scheme), 7))
    session.rollback()
    work = jobs.Work(0, {}, lambda: make_session(engine), 1)
    gate = threading.Barrier(2)

    def go() -> None:
        gate.wait()
        reminders.remind(work)

    threads = [threading.Thread(target=go) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told(session)) == 2  # A and B


@pytest.mark.parametrize("retired", [0, 7_400])
def test_a_is_reminded_of_the_retirement_until_it_complies(session: Session, retired: int) -> None:
    with one_transaction(session):
        market = trade.market(session)
        scheme = market.scheme
        make.bring(session, scheme, ReportState.APPROVED, Period.TARGET, 7_400)
        if retired:
            trade.move(session, market.a, MovementKind.RETIRE, retired)
    forget_mails(session)
    deadline = scheme.holder.phase.rules[-1].retirement_deadline
    night(session, before(deadline, 7))
    mails = session.scalars(select(MailMessage).where(MailMessage.kind == "retirement_due")).all()
    if retired:
        assert mails == []
    else:
        assert [mail.recipient for mail in mails] == [market.a.email]
        assert "7,400" in mails[0].body
        assert mails[0].about_allowances
        subject = session.scalars(select(Reminder.subject).where(Reminder.days == 7)).one()
        assert subject is ReminderSubject.RETIREMENT


def test_who_cannot_retire_is_not_reminded_to_until_the_account_is_open_again(session: Session) -> None:
    with one_transaction(session):
        market = trade.market(session)
        make.bring(session, market.scheme, ReportState.APPROVED, Period.TARGET, 7_400)
        trade.take(session, market, market.holder.account, AccountAction.SUSPEND)
    forget_mails(session)
    deadline = market.holder.phase.rules[-1].retirement_deadline
    night(session, before(deadline, 7))
    due = select(MailMessage).where(MailMessage.kind == "retirement_due")
    assert session.scalars(due).all() == []
    with one_transaction(session):
        trade.take(session, market, market.holder.account, AccountAction.RESUME)
    night(session, before(deadline, 1))
    assert [mail.recipient for mail in session.scalars(due)] == [market.a.email]


def test_login_b_hears_nothing_of_the_retirement(session: Session) -> None:
    with one_transaction(session):
        market = trade.market(session)
    forget_mails(session)
    # the worker was off on the thirtieth day and ran twice on others
    for days in (31, 28, 28, 7, 6, 1, 1, 0, -1):
        night(session, before(market.holder.phase.rules[-1].retirement_deadline, days))
    rows = select(Reminder.days).where(Reminder.subject == ReminderSubject.RETIREMENT)
    assert sorted(session.scalars(rows)) == [1, 7, 30]
    b = next(user for user in market.holder.users if user.role is Role.HOLDER_B)
    query = select(MailMessage).where(MailMessage.kind == "retirement_due")
    recipients = [mail.recipient for mail in session.scalars(query)]
    assert recipients == [market.a.email] * 3
    assert b.email not in recipients


def test_the_reminders_of_many_holders_read_no_query_each(session: Session, scheme: make.Scheme) -> None:
    """Reading is bounded; what is written (reminder, event, mails) is a few statements for each holder."""
    with one_transaction(session):
        for _ in range(6):
            registration.holder(session, mail_b="b@tsubame.example")
    make.at(before(due_of(scheme), 7))
    session.rollback()
    reads: list[str] = []

    def listen(_c: object, _cur: object, statement: str, *_rest: object) -> None:
        if statement.lstrip().upper().startswith("SELECT"):
            reads.append(statement)

    bind = session.get_bind()
    event.listen(bind, "before_cursor_execute", listen)
    try:
        reminders.remind(jobs.Work(0, {}, lambda: make_session(bind), 1))  # type: ignore[arg-type]
    finally:
        event.remove(bind, "before_cursor_execute", listen)
    holders = 7
    # one read each finds the row that was just written
    assert len([one for one in reads if "FROM reminder" in one and "holder.id" not in one]) <= holders
    assert len(reads) <= holders + 25


@pytest.mark.parametrize(
    ("today", "told_of", "expected"),
    [
        ("2015-10-01", (), "2015-10-31"),
        ("2015-10-31", (), "2015-10-31"),
        ("2015-10-31", (30,), "2015-11-23"),
        ("2015-11-25", (30,), "2015-11-25"),
        ("2015-11-25", (30, 7), "2015-11-29"),
        ("2015-11-29", (30, 7, 1), None),
        ("2015-12-01", (), None),
    ],
)
def test_the_board_says_the_day_of_the_next_reminder(
    today: str, told_of: tuple[int, ...], expected: str | None
) -> None:
    found = reminders.next_day(date(2015, 11, 30), date.fromisoformat(today), told_of)
    assert (found.isoformat() if found else None) == expected


def test_a_report_that_comes_inside_a_distance_is_reminded_of_to_whoever_gets_it(
    session: Session, scheme: make.Scheme
) -> None:
    due = due_of(scheme)
    night(session, before(due, 7))
    assert {kind for kind, _who in told(session)} == {"report_due"}
    with one_transaction(session):
        make.bring(session, scheme, ReportState.VERIFICATION_REQUESTED)
    forget_mails(session)
    night(session, before(due, 5))
    assert told(session) == [("verification_due", scheme.v.email)]
    night(session, before(due, 4))
    assert told(session) == []
    with one_transaction(session):
        rival = registration.verifier(session)
        verifiers.assign(session, scheme.report().id, rival.id, actor=scheme.officer, reason="利益相反")
    forget_mails(session)
    night(session, before(due, 3))
    assert told(session) == [("verification_due", rival.users[0].email)]


def test_after_the_day_it_was_due_the_day_of_need_is_the_verifiers_and_the_offices(
    session: Session, scheme: make.Scheme
) -> None:
    with one_transaction(session):
        report = make.bring(session, scheme, ReportState.VERIFICATION_REQUESTED)
    needed = scheme.holder.phase.rules[-1].issue_from
    forget_mails(session)
    night(session, before(needed, 31))
    assert told(session) == []
    night(session, before(needed, 30))
    night(session, before(needed, 29))
    assert told(session) == [("figure_needed", scheme.v.email)]
    with one_transaction(session):
        make.verify(session, scheme, report)
        verification.request_approval(session, report.id, actor=scheme.v)
    forget_mails(session)
    night(session, before(needed, 7))
    # one mail to each, however many reports
    office = told(session)
    assert {kind for kind, _who in office} == {"figures_needed"} and len(office) == len(set(office))
    assert {scheme.officer.email, scheme.approver.email} <= {who for _kind, who in office}
    night(session, before(needed, -1))
    assert told(session) == []


def test_login_a_is_reminded_of_units_that_lapse_with_the_banking_window(session: Session) -> None:
    with one_transaction(session):
        market = trade.market(session)
    until = market.holder.phase.rules[-1].banking_until
    forget_mails(session)
    # no phase to carry them into: nobody could apply
    night(session, before(until, 7))
    assert "banking_due" not in {kind for kind, _who in told(session)}
    with one_transaction(session):
        registration.phase(session, 3)
    forget_mails(session)
    night(session, before(until, 1))
    night(session, before(until, 1))
    (mail,) = session.scalars(select(MailMessage).where(MailMessage.kind == "banking_due")).all()
    assert mail.recipient == market.a.email and "第2期 JAA 8,500" in mail.body and mail.about_allowances
