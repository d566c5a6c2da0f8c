"""What stood at the deadline stays: changes of rules × movements × nights in any order (domain §5)."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import PortalError
from portal.models import LedgerTransaction, MovementKind, Period, ReportState, UnitClass, UnitType
from portal.services import allowances, compliance_records, phase_proposals, phases, reviews
from portal.services.figures import figures_for, figures_of
from portal.services.transaction import one_transaction
from tests.factories import allowances as trade
from tests.factories import reports, settlement

FLAGS = ("jver_counts_for_compliance", "reserve_released_by_compliance", "jver_counts_for_reserve")
#: what may befall a phase around its deadline: movements, changes of its rule, the figure, nights, time
STEPS = st.one_of(
    st.tuples(st.sampled_from(["retire", "retire jver", "undo", "approve", "revoke", "night"]), st.just(0)),
    st.tuples(st.just("flag"), st.sampled_from([0, 0, 1, 2])),
    st.tuples(st.just("deadline"), st.sampled_from([-5, -1, 1, 20])),
    st.tuples(st.just("wait"), st.sampled_from([1, 13, 25, 72])),
)


@dataclass
class Model:
    """What must be true, told without the portal: 6,000 t, retired in parts of 3,000 JAA or jVER."""

    deadline: date = date(2015, 11, 30)
    jver_counts: bool = True
    approved: datetime | None = None
    #: (posting, moment, whether it was jVER), corrected ones left out
    retired: list[tuple[int, datetime, bool]] = field(default_factory=list)

    @property
    def end(self) -> datetime:
        return clock.end_of_day(self.deadline)

    @property
    def over(self) -> bool:
        return clock.now() >= self.end

    @property
    def met(self) -> bool:
        counted = [one for one in self.retired if one[1] < self.end and (self.jver_counts or not one[2])]
        return self.approved is not None and self.approved < self.end and 3_000 * len(counted) >= 6_000


@dataclass
class Play:
    """The services beside the model."""

    session: Session
    market: trade.Market
    model: Model = field(default_factory=Model)
    #: what was told as of a moment, at that moment
    told: dict[datetime, object] = field(default_factory=dict)

    def as_of(self, moment: datetime) -> object:
        holder = self.market.holder.id
        figures = figures_for(self.session, [holder], at=moment)[holder]
        return figures.retired, figures.late_jver, figures.rule, figures.deadline

    def tried(self, act: Callable[[], object], legal: bool) -> bool:
        """Whether the act went through, which is as the model says."""
        try:
            with self.session.begin_nested():
                act()
        except PortalError as error:
            assert not legal, error
            return False
        assert legal
        return True

    def step(self, what: str, figure: int) -> None:
        model, session, market = self.model, self.session, self.market
        report = market.scheme.report(Period.TARGET)
        if what == "wait":
            clock.step(timedelta(hours=figure))
        elif what == "night":
            settlement.night(session)
        elif what in ("retire", "retire jver"):
            self.retire(what == "retire jver")
        elif what == "undo" and model.retired:
            number, *_rest = model.retired.pop()
            self.tried(lambda: trade.undo(session, market, session.get_one(LedgerTransaction, number)), True)
        elif what == "approve":
            act = lambda: reviews.approve(session, report.id, actor=market.scheme.approver)  # noqa: E731
            if self.tried(act, model.approved is None):
                model.approved = clock.now()
        elif what == "revoke":
            may = model.approved is not None and not (model.over and model.approved < model.end)
            if self.tried(self.revoke, may):
                model.approved = None
        elif what == "flag":
            self.change(**{FLAGS[figure]: not getattr(self.rule(), FLAGS[figure])})
        elif what == "deadline":
            self.change(retirement_deadline=model.deadline + timedelta(days=figure))

    def retire(self, jver: bool) -> None:
        kind = UnitType.JVER if jver else UnitType.JAA
        unit = self.session.scalars(select(UnitClass.id).where(UnitClass.unit_type == kind)).one()
        request = allowances.Request(MovementKind.RETIRE, "3000", unit_class_id=unit, voluntary=True)
        key = secrets.token_hex(8)
        legal = sum(one[2] is jver for one in self.model.retired) < 2
        made = []
        act = lambda: made.append(allowances.move(self.session, request, key=key, actor=self.market.a))  # noqa: E731
        if self.tried(act, legal):
            posting = made[0].transaction
            assert posting is not None
            self.model.retired.append((posting.id, clock.now(), jver))

    def revoke(self) -> None:
        report = self.market.scheme.report(Period.TARGET)
        row = reviews.propose_revocation(self.session, report.id, "見直し", actor=self.market.officer)
        reviews.confirm_revocation(self.session, row.id, actor=self.market.approver)

    def rule(self) -> phases.RuleDates:
        return phases.dates_of(phases.rule_in_force(self.session, self.market.holder.phase))

    def change(self, **changed: object) -> None:
        phase, model = self.market.holder.phase, self.model
        dates = replace(self.rule(), **changed)  # type: ignore[arg-type]

        def act() -> None:
            row = phase_proposals.propose_rule(
                self.session, phase.id, dates, reason="見直し", actor=self.market.officer
            )
            self.session.flush()
            phase_proposals.confirm_proposal(self.session, row.id, actor=self.market.approver)

        fixed = (dates.retirement_deadline, dates.jver_counts_for_compliance)
        touched = fixed != (model.deadline, model.jver_counts)
        moved = dates.retirement_deadline != model.deadline
        fits = clock.today() <= dates.retirement_deadline <= dates.banking_until
        legal = not (touched and model.over) and (fits or not moved)
        if self.tried(act, legal):
            model.deadline, model.jver_counts = fixed

    def check(self) -> None:
        session, holder, model = self.session, self.market.holder, self.model
        session.flush()
        state = compliance_records.official(session, {holder.id: figures_of(session, holder)})[holder.id]
        assert (state.value == "met") == model.met
        if model.over:
            kept = compliance_records.records_of(session, holder.id)
            assert state.value == ("met" if model.met else "missed")
            assert not kept or kept[-1].status == state.value
        if clock.now() not in self.told:
            self.told[clock.now()] = self.as_of(clock.now())


@pytest.fixture
def market(session: Session) -> trade.Market:
    """8,500 JAA and 6,000 jVER held; the target-year figure 6,000 waits for its approval."""
    with one_transaction(session):
        made = trade.market(session)
        reports.bring(session, made.scheme, ReportState.UNDER_REVIEW, Period.TARGET, 6_000)
        trade.jver(session, made, made.holder.account, 6_000)
    return made


@settings(max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example([("retire", 0), ("retire jver", 0), ("approve", 0), ("wait", 25), ("night", 0), ("flag", 0)])
@example([("retire jver", 0), ("wait", 1), ("flag", 0), ("deadline", 1), ("wait", 1), ("flag", 1)])
@example([("retire", 0), ("retire", 0), ("approve", 0), ("wait", 25), ("revoke", 0), ("approve", 0)])
@given(steps=st.lists(STEPS, min_size=6, max_size=10))
def test_no_change_of_rules_alters_who_had_complied(
    session: Session, market: trade.Market, steps: list[tuple[str, int]]
) -> None:
    point = session.begin_nested()
    try:
        trade.at("2015-11-30 10:00")
        play = Play(session, market)
        for what, figure in [*steps, ("wait", 24 * 25), ("night", 0), ("flag", 0), ("night", 0)]:
            play.step(what, figure)
            play.check()
        assert play.told == {moment: play.as_of(moment) for moment in play.told}
    finally:
        point.rollback()
        session.expire_all()
