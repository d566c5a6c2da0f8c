"""Who had nothing to do by the deadline has missed nothing, wherever it is told (domain §5, decided)."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import clock
from portal.extensions import make_session
from portal.models import (
    AccountAction,
    ComplianceSnapshot,
    Holder,
    MailMessage,
    MovementKind,
    Period,
    PublicationSubject,
    ReportState,
)
from portal.permissions import Role
from portal.services import boards, compliance_records, jobs, phase_closings, reminders
from portal.services.boards import Outlook
from portal.services.compliance import Compliance
from portal.services.figures import figures_for
from portal.services.publication_content import content_of
from portal.services.transaction import one_transaction
from tests.factories import allowances as trade
from tests.factories import registration, reports
from tests.factories import settlement as make
from tests.participant.visitor import Visitor, words

KINDS = ("compliance_frozen", "compliance_put_right", "retirement_due")


@pytest.fixture
def made(session: Session) -> make.Cohort:
    """The first complied and left afterwards, the second is short, the third left before the deadline."""
    with one_transaction(session):
        found = make.cohort(session)
        market = found.market
        reports.bring(session, market.scheme, ReportState.APPROVED, Period.TARGET, 8_500)
        trade.issue(session, market)
        trade.move(session, market.a, MovementKind.RETIRE, 8_500)
        trade.at("2015-10-20 10:00")
        trade.take(session, market, found.third.account, AccountAction.CLOSE)
        trade.take(session, market, market.holder.account, AccountAction.CLOSE)
    return found


def told_of(session: Session, holder: Holder) -> list[str]:
    """The kinds of mail about the deadline that login A got."""
    a = next(user for user in holder.users if user.role is Role.HOLDER_A)
    query = select(MailMessage.kind).where(MailMessage.user_id == a.id, MailMessage.kind.in_(KINDS))
    return sorted(session.scalars(query))


def everywhere(session: Session, made: make.Cohort, holder: Holder) -> set[str]:
    """What each place says of ``holder``."""
    session.expire_all()
    figures = figures_for(session, select(Holder.id).where(Holder.phase_id == made.phase.id))
    rows = content_of(session, made.phase, PublicationSubject.ALLOWANCES)["rows"]
    standing = next(s for s in boards.phase_board(session, made.phase).standings if s.holder is holder)
    names = {Outlook.TO_RETIRE: "unconfirmed", Outlook.TO_BUY: "unconfirmed"}
    return {
        compliance_records.official(session, figures)[holder.id].value,
        names.get(standing.outlook, standing.outlook.value),
        *(row["standing"] for row in rows if row["site"] == holder.site_name),
    }


def test_who_left_before_the_deadline_or_came_after_it_is_one_thing_everywhere(
    app: Flask, session: Session, made: make.Cohort
) -> None:
    first, second, third = made.market.holder, made.second, made.third
    trade.at("2015-11-29 03:00")
    session.rollback()
    reminders.remind(jobs.Work(0, {}, lambda: make_session(session.get_bind()), 1))  # type: ignore[arg-type]
    assert everywhere(session, made, third) == {"not_obliged"}
    assert boards.phase_board(session, made.phase).at_risk[0].holder is second
    trade.at("2015-12-01 03:00")
    with one_transaction(session):
        # an earlier version froze whoever had left
        session.add(old := void(third))
        make.night(session)
        make.night(session)
        late = registration.holder(session)
    trade.at("2015-12-03 10:00")
    said = {one.id: everywhere(session, made, one) for one in (first, second, third, late)}
    assert said == {
        first.id: {"met"},
        second.id: {"missed"},
        third.id: {"not_obliged"},
        late.id: {"not_obliged"},
    }
    kept = session.scalars(select(ComplianceSnapshot).order_by(ComplianceSnapshot.holder_id)).all()
    assert [(one.holder_id, one.number) for one in kept] == [
        (first.id, 1),
        (second.id, 1),
        (old.holder_id, 1),
    ]
    sums = content_of(session, made.phase, PublicationSubject.ALLOWANCES)["sums"]
    assert (sums["holders"], sums["met"]) == (2, 1)
    totals = phase_closings.totals(session, made.phase)
    assert (totals.holders, totals.met, totals.missed, totals.not_obliged) == (4, 1, 1, 2)
    assert told_of(session, third) == told_of(session, late) == []
    assert told_of(session, first) == ["compliance_frozen"]
    assert "compliance_frozen" in told_of(session, second)
    logins = [next(u.login_id for u in one.users if u.role is Role.HOLDER_A) for one in (third, late)]
    for whose in (third, late):
        for user in whose.users:
            registration.with_password(user)
    session.commit()
    closed, came = (words(Visitor(app, login).get("/home")) for login in logins)
    assert "口座が閉鎖されているため、この期の目標遵守の対象外です" in closed
    assert "のあとに登録されたため、この期の目標遵守の対象外です" in came
    assert not any("未遵守" in page or "足りません" in page for page in (closed, came))


def void(holder: Holder) -> ComplianceSnapshot:
    now = clock.now()
    return ComplianceSnapshot(
        holder_id=holder.id, deadline_at=now, frozen_at=now, status=Compliance.MISSED.value, retired=0
    )


def test_a_phase_is_closed_without_a_record_of_who_had_nothing_to_do(
    session: Session, made: make.Cohort
) -> None:
    trade.at("2015-12-01 03:00")
    make.freeze(session)
    trade.at(make.OVER)
    assert session.scalars(select(ComplianceSnapshot.holder_id)).all() == [
        made.market.holder.id,
        made.second.id,
    ]
    assert make.closed(session, made.market).closed_at is not None
