"""Reduction targets from a file: all proposed or none, confirmed by another person (domain §2)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from portal.errors import Refusal, Refused
from portal.models import Holder, ImportKind, ImportState, MailMessage, ReductionTarget, TargetState, User
from portal.permissions import Role
from portal.services import import_jobs, imports, targets
from portal.services.spreadsheets.import_table import read_table
from portal.services.transaction import one_transaction, run
from tests.factories import imports as make
from tests.factories import registration as people


@pytest.fixture(autouse=True)
def in_2013(at: Callable[[str], datetime], monkeypatch: pytest.MonkeyPatch) -> None:
    at("2013-10-01 09:00")
    monkeypatch.setattr(import_jobs, "read_table_jailed", read_table)


@pytest.fixture
def office(session: Session) -> dict[str, int]:
    with one_transaction(session):
        holders = [people.holder(session) for _ in range(3)]
        made = {role.value: people.office(session, role).id for role in (Role.OFFICER, Role.APPROVER)}
        return made | {f"holder{n}": holder.id for n, holder in enumerate(holders)}


def read(session: Session, engine: Engine, officer_id: int, rows: list[list[Any]]) -> int:
    actor = session.get_one(User, officer_id)
    sent = make.send(session, make.of_targets(rows), actor=actor, kind=ImportKind.TARGETS)
    make.work(engine)
    return sent


def start(session: Session, engine: Engine, import_id: int, officer_id: int) -> ImportState:
    run(session, lambda: imports.start(session, import_id, actor=session.get_one(User, officer_id)))
    make.work(engine)
    found = make.state_of(session, import_id).state
    session.rollback()
    return found


def rows_of(session: Session) -> list[list[Any]]:
    holders = session.scalars(select(Holder).order_by(Holder.id)).all()
    rows: list[list[Any]] = [
        [one.account.code, one.representative.name, one.site_name, 100 + n] for n, one in enumerate(holders)
    ]
    session.rollback()
    return rows


def test_targets_are_proposed_together_told_in_one_mail_and_confirmed_by_another(
    session: Session, engine: Engine, office: dict[str, int]
) -> None:
    sent = read(session, engine, office["officer"], rows_of(session))
    assert start(session, engine, sent, office["officer"]) is ImportState.DONE
    made = session.scalars(select(ReductionTarget).order_by(ReductionTarget.id)).all()
    assert [(one.quantity, one.state, one.proposed_by_id) for one in made] == [
        (100 + n, TargetState.PROPOSED, office["officer"]) for n in range(3)
    ]
    assert [line.row.made_id for line in imports.rows(session, sent)] == [one.id for one in made]
    mails = session.scalars(select(MailMessage).where(MailMessage.kind.like("target%"))).all()
    readers = {mail.user_id for mail in mails}
    assert {mail.kind for mail in mails} == {"targets_to_confirm"}
    assert len(mails) == len(readers) and office["approver"] in readers and office["officer"] not in readers
    assert "3件（合計 303 t-CO2）" in mails[0].body
    with one_transaction(session), pytest.raises(Refused) as own:
        proposer = session.get_one(User, office["officer"])
        proposer.role = Role.APPROVER
        targets.confirm_target(session, made[0].id, actor=proposer)
    assert own.value.refusal is Refusal.SAME_PERSON
    with one_transaction(session):
        approver = session.get_one(User, office["approver"])
        assert targets.confirm_target(session, made[0].id, actor=approver).state is TargetState.CONFIRMED


def test_a_target_proposed_by_hand_meanwhile_stops_all_of_them(
    session: Session, engine: Engine, office: dict[str, int]
) -> None:
    sent = read(session, engine, office["officer"], rows_of(session))
    with one_transaction(session):
        targets.propose_target(session, office["holder2"], 9, actor=session.get_one(User, office["officer"]))
    assert start(session, engine, sent, office["officer"]) is ImportState.FAILED
    row = make.state_of(session, sent)
    assert [one.code for one in imports.findings(row)] == [Refusal.IMPORT_OVERTAKEN.name]
    assert [one.quantity for one in session.scalars(select(ReductionTarget))] == [9]


def test_the_prefilled_workbook_comes_back_as_it_was_handed_out(
    session: Session, engine: Engine, office: dict[str, int]
) -> None:
    holder = session.get_one(Holder, office["holder0"])
    actor = session.get_one(User, office["officer"])
    data = imports.blank_workbook(session, ImportKind.TARGETS, actor=actor, phase_id=holder.phase_id)
    sent = make.send(session, data, actor=actor, kind=ImportKind.TARGETS)
    make.work(engine)
    row = make.state_of(session, sent)
    # nobody has written a figure yet: that is what is wrong, and nothing else
    assert (row.state, row.rows_total, row.rows_bad) == (ImportState.REFUSED, 3, 3)
    problems = [one for line in imports.rows(session, sent) for one in line.problems]
    assert [(one.code, one.cell) for one in problems] == [("REQUIRED", f"D{n}") for n in (5, 6, 7)]
