"""The world in which every rule of movements is tried: the cohort of the factories, and its people's acts."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import PortalError
from portal.models import (
    Account,
    AccountAction,
    AccountKind,
    AccountState,
    BankingApplication,
    BookCheck,
    Holding,
    IssueBatch,
    LedgerTransaction,
    Movement,
    MovementKind,
    Period,
    Phase,
    PhaseClosing,
    ReductionTarget,
    ReportState,
    UnitClass,
    UnitType,
    User,
)
from portal.services import allowances, banking, issuance, issue_batches, phase_closings
from portal.services.allowances import Request
from tests.factories import allowances as trade
from tests.factories import registration, reports
from tests.factories import settlement as make

BANKING_TIME = "2015-12-10 10:00"


@dataclass
class World:
    """The cohort of the factories; the first holder has its 8,500 JAA."""

    session: Session
    cohort: make.Cohort

    @property
    def market(self) -> trade.Market:
        return self.cohort.market

    # ---- acts, each with a key of its own

    def move(self, quantity: str, kind: MovementKind = MovementKind.TRANSFER, **more: object) -> Movement:
        """A movement of A as the confirmation page sends it; the page before shows the same rules."""
        values = {"account": self.market.trader.account.code, **more}
        request = Request(kind=kind, quantity=quantity, **values)  # type: ignore[arg-type]
        plan = allowances.draft(self.session, request, actor=self.market.a)
        shown = [one.refusal for one in plan.problems]
        try:
            return allowances.move(self.session, request, key=key(), actor=self.market.a)
        except PortalError as error:
            assert {one.refusal for one in error.problems} <= set(shown)
            raise

    def issue(self, holder_id: int | None = None) -> Movement:
        return issuance.propose_issue(
            self.session, holder_id or self.cohort.second.id, key=key(), actor=self.market.officer
        )

    def correct(self, movement: Movement) -> Movement:
        assert movement.transaction is not None
        return issuance.propose_correction(
            self.session, movement.transaction.id, "誤り", key=key(), actor=self.market.officer
        )

    def jver(self, quantity: int, account: str = "") -> Movement:
        code = account or self.market.trader.account.code
        return issuance.propose_jver(
            self.session, code, quantity, "申請のとおり", key=key(), actor=self.market.officer
        )

    def confirm(self, movement: Movement, actor: User | None = None) -> Movement:
        return issuance.confirm(
            self.session, movement.id, version=movement.version, actor=actor or self.market.approver
        )

    def apply(self, quantity: str = "100") -> BankingApplication:
        return banking.apply(self.session, quantity, key=key(), actor=self.market.a)

    def carry_over(self) -> Movement:
        row = self.apply()
        return banking.propose(
            self.session, row.id, version=row.version, key=key(), actor=self.market.officer
        )

    def own_jver(self) -> Movement:
        """Five jVER on A's account."""
        account, market = self.market.holder.account, self.market
        made = issuance.propose_jver(self.session, account.code, 5, "申請", key=key(), actor=market.officer)
        return self.confirm(made)

    # ---- acts with something between proposal and confirmation, or between two presses

    def confirmed_on_another_target(self) -> Movement:
        made = self.issue()
        self.promise(61)
        return self.confirm(made)

    def confirmed_for_nobody(self) -> Movement:
        made = self.issue()
        self.market.officer.active = False
        return self.confirm(made)

    def confirmed_at(self, moment: str) -> Movement:
        made = self.issue()
        trade.at(moment)
        return self.confirm(made)

    def taken_back(self, *, proposed: bool = False) -> BankingApplication:
        self.next_phase()
        if proposed:
            self.carry_over()
        row = banking.open_application(self.session, self.market.holder.id) or self.apply()
        return banking.withdraw(self.session, row.id, version=row.version, actor=self.market.a)

    def retired_by_one_key(self, *quantities: int) -> None:
        made = {
            trade.move(self.session, self.market.a, MovementKind.RETIRE, one, key="one-key").id
            for one in quantities
        }
        assert len(made) == 1

    # ---- what must be before

    def next_phase(self) -> None:
        registration.phase(self.session, 3)
        trade.at(BANKING_TIME)

    def take(self, *actions: AccountAction, own: bool = False) -> None:
        """Take the trader's account, or A's own, through steps of its life."""
        account = self.market.holder.account if own else self.market.trader.account
        trade.take(self.session, self.market, account, *actions)

    def approve_target_year(self) -> None:
        reports.bring(self.session, self.market.scheme, ReportState.APPROVED, Period.TARGET, 6_000)

    def promise(self, tonnes: int) -> None:
        """Another target of the second holder, by SQL: services guard what an issue stands on."""
        of_second = update(ReductionTarget).where(ReductionTarget.holder_id == self.cohort.second.id)
        self.session.execute(of_second.values(quantity=tonnes))
        self.session.expire_all()

    def over(self) -> None:
        trade.at(make.OVER)
        make.freeze(self.session)

    def closing(self) -> PhaseClosing:
        return phase_closings.propose(
            self.session, self.market.holder.phase_id, reason="終わり", actor=self.market.officer
        )

    def batch(self) -> IssueBatch:
        """The issue to the second holder alone, as a batch."""
        return issue_batches.propose(
            self.session,
            self.cohort.phase.id,
            {self.cohort.second.id: 40},
            key=key(),
            actor=self.market.officer,
        )

    def execute(self, batch: IssueBatch) -> IssueBatch:
        return issue_batches.execute_all(self.session, batch.id, version=None, actor=self.market.approver)

    def batch_executed(self, target: int) -> IssueBatch:
        """A batch that is executed after the second holder's target has become ``target`` t-CO2."""
        row = self.batch()
        self.promise(target)
        return self.execute(row)

    def disagree(self) -> None:
        """A comparison of the books has found a difference."""
        now, none = clock.now(), {"transactions": 0, "entries": 0, "last_number": 0}
        self.session.add(BookCheck(ok=False, problem="T-1", started_at=now, finished_at=now, **none))
        self.session.flush()

    def close_the_phase(self) -> None:
        """By SQL: services close no phase while something waits."""
        self.session.execute(update(Phase).values(closed_at=clock.now()))
        self.session.expire_all()

    def stop_accounts(self, state: AccountState) -> None:
        """By SQL all accounts of participants; closed are those without units, as the database wants it."""
        stopped = update(Account).where(Account.kind.in_([AccountKind.COMPLIANCE, AccountKind.TRADING]))
        if state is AccountState.CLOSED:
            stopped = stopped.where(~Account.id.in_(select(Holding.account_id)))
            stopped = stopped.values(closed_at=clock.now())
        self.session.execute(stopped.values(state=state))
        self.session.expire_all()

    def jver_class(self) -> int:
        return self.session.scalars(select(UnitClass.id).where(UnitClass.unit_type == UnitType.JVER)).one()

    def newest_jaa(self) -> int:
        """The JAA of the newest phase."""
        of_phases = select(UnitClass.id).where(UnitClass.phase_id.is_not(None))
        return self.session.scalars(of_phases.order_by(UnitClass.id.desc()).limit(1)).one()

    def first(self) -> Movement:
        return self.session.scalars(select(Movement).order_by(Movement.id).limit(1)).one()

    def newest(self) -> Movement:
        posted = select(LedgerTransaction).order_by(LedgerTransaction.id.desc()).limit(1)
        return self.session.scalars(posted).one().movement


def key() -> str:
    return secrets.token_hex(8)
