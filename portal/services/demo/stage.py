"""The stage the demonstration is played on: who acts, and when."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import heapify, heappop, heappush
from typing import ParamSpec, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import clock
from portal.models import Account, EmissionsReport, Holder, Phase, Trader, UnitClass, User, Verifier
from portal.permissions import Role
from portal.services import ledger

P = ParamSpec("P")
T = TypeVar("T")


def tokyo(text: str, *, days: int = 0, minutes: int = 0) -> datetime:
    """``2014-06-12 15:10`` as a Tokyo moment, or so much later."""
    moment = datetime.fromisoformat(text).replace(tzinfo=clock.TOKYO)
    return moment + timedelta(days=days, minutes=minutes)


@dataclass
class Stage:
    """Everybody and everything the scenes share, by id: each scene reads anew."""

    session: Session
    office: dict[str, int] = field(default_factory=dict)
    phases: dict[int, int] = field(default_factory=dict)
    holders: list[int] = field(default_factory=list)
    earlier_holders: list[int] = field(default_factory=list)
    later_holders: list[int] = field(default_factory=list)
    traders: list[int] = field(default_factory=list)
    verifiers: list[int] = field(default_factory=list)
    letters: list[int] = field(default_factory=list)
    earlier_emissions: list[int] = field(default_factory=list)
    keys: int = 0

    def at(self, when: str, *, days: int = 0, minutes: int = 0) -> None:
        """Stop the clock at ``when`` (Tokyo), so much later."""
        clock.set_time(tokyo(when, days=days, minutes=minutes))

    def together(self, *scripts: Iterator[datetime]) -> None:
        """Play scripts that run at the same time, in the order of their moments: each says when it goes on.

        What is posted stands in the ledger in the order in which it happened.
        """
        waiting = [(at, place) for place, script in enumerate(scripts) if (at := next(script, None))]
        heapify(waiting)
        while waiting:
            at, place = heappop(waiting)
            clock.set_time(at)
            following = next(scripts[place], None)
            if following is not None:
                assert following >= at, (at, following)
                heappush(waiting, (following, place))

    def play(self, act: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Play one scene; the next one reads what it wrote anew, as the next request would."""
        result = act(*args, **kwargs)
        self.session.flush()
        self.session.expire_all()
        return result

    def key(self) -> str:
        """A form's key, the same in every run."""
        self.keys += 1
        return f"demonstration-{self.keys:06d}"

    def balance_of(self, account: Account) -> int:
        """Units of phase 2's JAA in ``account``."""
        unit_class = self.session.scalars(
            select(UnitClass.id).where(UnitClass.phase_id == self.phases[2])
        ).one()
        return ledger.balance(self.session, account.id, unit_class)

    def user(self, login_id: str) -> User:
        return self.session.scalars(select(User).where(User.login_id == login_id)).one()

    def officer(self, number: int = 1) -> User:
        return self.session.get_one(User, self.office[f"officer{number}"])

    def approver(self, number: int = 1) -> User:
        return self.session.get_one(User, self.office[f"approver{number}"])

    def phase(self, number: int) -> Phase:
        return self.session.get_one(Phase, self.phases[number])

    def holder(self, position: int) -> Holder:
        return self.session.get_one(Holder, self.holders[position])

    def trader(self, position: int) -> Trader:
        return self.session.get_one(Trader, self.traders[position])

    def verifier(self, position: int) -> Verifier:
        return self.session.get_one(Verifier, self.verifiers[position])

    def verifier_login(self, report: EmissionsReport) -> User:
        """A login of the verifier the report is assigned to."""
        assigned = next(one for one in report.assignments if one.ended_at is None)
        return assigned.verifier.users[0]

    def login_of(self, holder: Holder, role: Role = Role.HOLDER_A) -> User:
        return next(user for user in holder.users if user.role is role)
