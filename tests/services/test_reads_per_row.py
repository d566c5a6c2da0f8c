"""What many rows cost: no more reads for more of them (stack: no query per row)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, event, func, select
from sqlalchemy.orm import Session

from portal import clock
from portal.models import EmissionsReport, Holder, MailMessage, Period, User
from portal.permissions import Role
from portal.services import assignments, phase_proposals, phases, targets, verifiers
from tests.factories import registration as make


@contextmanager
def reads(session: Session) -> Iterator[list[str]]:
    """The SELECTs of the block."""
    session.flush()
    session.expire_all()
    seen: list[str] = []

    def count(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        if statement.lstrip().upper().startswith("SELECT"):
            seen.append(statement)

    engine = session.get_bind()
    assert isinstance(engine, Engine)
    event.listen(engine, "before_cursor_execute", count)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", count)


def mailed(session: Session) -> int:
    return int(session.scalar(select(func.count()).select_from(MailMessage)) or 0)


def several(session: Session, n: int) -> list[Holder]:
    return [make.holder(session) for _ in range(n)]


def assign(session: Session, officer: User, _approver: User, n: int) -> list[str]:
    ids = [one.id for one in several(session, n)]
    first, second = make.verifier(session), make.verifier(session)
    versions: dict[int, int] = {}

    def give(verifier_id: int) -> None:
        query = select(EmissionsReport).where(
            EmissionsReport.holder_id.in_(ids), EmissionsReport.period == Period.BASE
        )
        versions.update({one.id: one.version for one in session.scalars(query)})
        assignments.assign_many(session, versions, verifier_id, actor=officer)

    give(first.id)
    query = select(EmissionsReport.id, EmissionsReport.version).where(EmissionsReport.id.in_(versions))
    now = {row_id: version for row_id, version in session.execute(query)}
    with reads(session) as seen:
        assert assignments.assign_many(session, now, second.id, actor=officer) == n
    return seen


def confirm(session: Session, officer: User, approver: User, n: int) -> list[str]:
    made = [targets.propose_target(session, one.id, 900, actor=officer) for one in several(session, n)]
    session.flush()
    versions = {one.id: one.version for one in made}
    with reads(session) as seen:
        targets.confirm_targets(session, versions, actor=approver)
    return seen


def tell(session: Session, officer: User, approver: User, n: int) -> list[str]:
    phase = several(session, n)[0].phase
    dates = phases.dates_of(phases.rule_in_force(session, phase))
    later = replace(dates, retirement_deadline=dates.retirement_deadline + timedelta(days=n))
    row = phase_proposals.propose_rule(session, phase.id, later, reason="大雪", actor=officer)
    with reads(session) as seen:
        phase_proposals.confirm_proposal(session, row.id, actor=approver)
    return seen


@pytest.mark.parametrize("act", [assign, confirm, tell])
def test_more_rows_cost_no_more_reads(
    session: Session,
    at: Callable[[str], object],
    act: Callable[[Session, User, User, int], list[str]],
) -> None:
    at("2013-10-08 09:00")
    officer, approver = make.office(session), make.office(session, Role.APPROVER)
    clock.step(timedelta(minutes=1))
    before = mailed(session)
    few = act(session, officer, approver, 2)
    told = mailed(session) - before
    many = act(session, officer, approver, 5)
    assert mailed(session) - before - told > told
    assert len(many) <= len(few), "\n".join(many)


def test_the_load_of_verifiers_costs_two_reads_however_many_there_are(session: Session) -> None:
    for _ in range(4):
        make.verifier(session)
    with reads(session) as seen:
        assert len([one.verifier.label for one in verifiers.load(session)]) == 4
    assert len(seen) == 2, "\n".join(seen)
