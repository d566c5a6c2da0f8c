"""What nobody confirmed in time lapses, whatever paper it is: judged at once, put away by night, told."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, select
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import PortalError, Refusal
from portal.extensions import make_session
from portal.models import (
    Event,
    Job,
    MailMessage,
    Publication,
)
from portal.permissions import Role
from portal.services import (
    colleagues,
    jobs,
    lapses,
    mail_words,
    phases,
    proposal_days,
    publications,
    workflow,
)
from portal.services.transaction import one_transaction
from tests.factories import registration
from tests.factories import settlement as make
from tests.factories.papers import Desk, desk_of, proposed


@pytest.fixture
def desk(session: Session) -> Desk:
    return desk_of(session)


def refused(session: Session, act: Callable[[], object]) -> list[Refusal]:
    with pytest.raises(PortalError) as raised, one_transaction(session):
        act()
    return [one.refusal for one in raised.value.problems]


def night(engine: Engine, session: Session, kind: str = "expire_proposals") -> dict[str, Any]:
    """What the worker answers that does the night's work."""
    with one_transaction(session):
        job = jobs.enqueue(session, kind, {}, once_key=secrets.token_hex(8)).id
    session.rollback()
    while jobs.run_one(lambda: make_session(engine)) is not None:
        pass
    session.expire_all()
    return session.get_one(Job, job).result or {}


@contextmanager
def counted(session: Session) -> Iterator[list[str]]:
    """The statements that are sent meanwhile."""
    sent: list[str] = []
    engine = session.get_bind()

    def keep(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        sent.append(statement)

    event.listen(engine, "before_cursor_execute", keep)
    yield sent
    event.remove(engine, "before_cursor_execute", keep)


def test_every_paper_waits_fourteen_days_and_no_moment_longer(session: Session, desk: Desk) -> None:
    rows = proposed(session, desk)
    with one_transaction(session):  # one person more, and two logins that lead to him
        third = registration.office(session, Role.APPROVER)
        colleagues.reissue_password(session, desk.officer.id, actor=third)
        puppet, _ = colleagues.add_colleague(session, "puppet", "みほん", Role.APPROVER, None, actor=third)
    end = clock.now() + timedelta(days=14)
    assert {proposal_days.ends_at(session, row) for row in rows.values()} == {end}
    clock.set_time(end)
    for name, (_propose, confirm) in desk.papers.items():
        assert refused(session, lambda: confirm(rows[name].id, desk.approver)) == [  # noqa: B023
            Refusal.PROPOSAL_EXPIRED
        ], name
    clock.set_time(end - timedelta(microseconds=1))
    for name, (_propose, confirm) in desk.papers.items():
        found = refused(session, lambda: confirm(rows[name].id, puppet))  # noqa: B023
        assert Refusal.PASSWORD_ISSUER in found, name
    # what is public is what is approved, and a closing asks that nothing else waits
    for name in sorted(rows, key=lambda one: (one != "publication", one == "phase_closing")):
        with one_transaction(session):
            desk.papers[name][1](rows[name].id, desk.approver)


def test_the_night_puts_away_what_is_over_and_tells_the_office(
    engine: Engine, session: Session, desk: Desk
) -> None:
    rows = proposed(session, desk)
    end = clock.now() + timedelta(days=14)
    clock.set_time(end - timedelta(microseconds=1))
    assert night(engine, session) == {"expired": 0}
    clock.set_time(end)
    assert night(engine, session) == {"expired": len(rows)}
    assert {str(row.state) for row in rows.values()} == {"expired"}
    assert set(rows) == {one.model.__tablename__ for one in lapses.PAPERS}
    for name, row in rows.items():
        query = select(Event).where(Event.subject_type == name, Event.subject_id == row.id)
        newest = session.scalars(query.order_by(Event.id.desc()).limit(1)).one()
        assert newest.tag.endswith("_expired") and newest.actor_id is None, name
        assert (newest.facts["before"], newest.facts["after"]) == ("proposed", "expired")
    told = select(MailMessage.body).where(
        MailMessage.kind == "proposal_expired", MailMessage.recipient == desk.officer.email
    )
    bodies = session.scalars(told).all()
    assert len(bodies) == len(rows) and all("14日" in body for body in bodies)
    for words in ("の停止", "第9期の開始", "の締め", "の公表（", "の承認の取消し", "排出係数の変更"):
        assert sum(words in body for body in bodies) == 1, words
    assert night(engine, session, lapses.OF_BATCHES) == {"expired": 0}


def test_what_lapsed_is_proposed_again(engine: Engine, session: Session, desk: Desk) -> None:
    first = proposed(session, desk)
    clock.set_time(clock.now() + timedelta(days=14))
    night(engine, session)
    with one_transaction(session):
        make.compare(session)
    again = proposed(session, desk)
    assert all(again[name].id != first[name].id for name in first)


def test_the_phase_says_how_long(session: Session, desk: Desk) -> None:
    rows = proposed(session, desk)
    rule = rows["phase_closing"].phase.rules[-1]
    with one_transaction(session):
        rule.proposal_days = 5
    five = {
        name
        for name, row in rows.items()
        if (proposal_days.ends_at(session, row) - row.proposed_at).days == 5
    }
    # a trader's account and a new phase have no rule
    assert five == {"phase_closing", "publication", "approval_revocation"}


def ruled(session: Session, desk: Desk, phase: Any, days: int) -> None:
    with one_transaction(session):
        dates = replace(phases.dates_of(phases.rule_in_force(session, phase)), proposal_days=days)
        phases.supersede_rule(session, phase, dates, reason="日数", actor=desk.approver)


def test_a_changed_rule_shortens_no_promise(session: Session, desk: Desk) -> None:
    early = proposed(session, desk)["phase_closing"]
    phase, promised = early.phase, early.proposed_at + timedelta(days=14)
    # at the very moment of the change the longer days count
    ruled(session, desk, phase, 5)
    assert proposal_days.ends_at(session, early) == promised
    clock.step(timedelta(hours=1))
    ruled(session, desk, phase, 3)
    assert proposal_days.ends_at(session, early) == promised
    clock.step(timedelta(hours=1))
    with one_transaction(session):
        publications.withdraw(session, _waiting(session).id, version=None, actor=desk.officer)
        late = desk.papers["publication"][0]()
    assert proposal_days.ends_of(session, [late, early]) == [clock.now() + timedelta(days=3), promised]
    # what is proposed under long days keeps no more and no less either when they come later
    ruled(session, desk, phase, 30)
    clock.step(timedelta(hours=1))
    assert proposal_days.ends_at(session, early) == promised


def _waiting(session: Session) -> Publication:
    return session.scalars(select(Publication).where(Publication.state == "proposed")).one()


def waiting(model: Any) -> Any:
    return select(model).where(model.state == "proposed").options(*proposal_days.known_phase(model))


def test_many_papers_are_reckoned_with_one_query(session: Session, desk: Desk) -> None:
    proposed(session, desk)
    session.expire_all()
    for kind in lapses.PAPERS:
        with counted(session) as queries:
            assert lapses.due(session, kind) == []
        assert len(queries) <= 2, kind.model
    rows = [session.scalars(waiting(one.model)).one() for one in lapses.PAPERS]
    with counted(session) as queries:
        proposal_days.ends_of(session, rows)
    assert len(queries) == 1


def test_the_mail_that_asks_names_the_last_day(session: Session, desk: Desk) -> None:
    proposed(session, desk)
    last = mail_words.day(clock.now() + timedelta(days=14), "ja")
    asked = session.scalars(select(MailMessage).where(MailMessage.kind.endswith("_to_confirm")))
    bodies = {one.kind: one.body for one in asked if one.recipient == desk.approver.email}
    kinds = ("account_change", "phase_closing", "phase", "revocation", "factors", "publication")
    for kind in kinds:
        assert f"期限　　{last}" in bodies[f"{kind}_to_confirm"], kind


def test_a_paper_that_cannot_lapse_holds_up_no_other(
    engine: Engine, session: Session, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = proposed(session, desk)
    sick = {name: rows[name].id for name in ("account_change", "factor_proposal")}
    healthy = workflow.advance

    def advance(*args: Any, **facts: Any) -> Any:
        if args[2].__tablename__ in sick:
            raise ValueError("a row that is odd")
        return healthy(*args, **facts)

    monkeypatch.setattr(workflow, "advance", advance)
    clock.step(timedelta(days=14))
    assert night(engine, session) == {}
    states = {name: str(row.state) for name, row in rows.items()}
    assert states == {name: "proposed" if name in sick else "expired" for name in rows}
    failed = session.scalars(select(Job).order_by(Job.id.desc()).limit(1)).one()
    assert failed.state == "failed" and failed.attempts == 1
    for name, number in sick.items():
        assert f"{name} {number}" in (failed.last_error or "")
    monkeypatch.setattr(workflow, "advance", healthy)
    assert night(engine, session) == {"expired": 2}
