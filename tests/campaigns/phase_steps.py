"""Steps of the ledger's machine about what movements rest on: accounts, figures, deadline, closing, books."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from hypothesis import strategies as st
from sqlalchemy import text

from portal import clock
from portal.extensions import make_session
from portal.models import (
    AccountAction,
    AccountChange,
    ApprovalRevocation,
    ComplianceSnapshot,
    PhaseClosing,
)
from portal.services import account_life, book_checks, deadline, figures, phase_closings, reviews
from portal.services.jobs import Work, WorkFailed
from tests.campaigns.driven import BY, FAULTS, PICK, STALE, choose, often
from tests.campaigns.office_steps import WHY, OfficeSteps
from tests.factories.ledger_cast import CLOSED, JVER, RETIREMENT, STEPS
from tests.factories.ledger_model import Paper

DECIDE = st.sampled_from(["confirm"] * 4 + ["withdraw"])
#: a closing of an account is the last thing that happens to it: seldom
ACTIONS = st.sampled_from([AccountAction.SUSPEND, *[AccountAction.RESUME] * 4, AccountAction.CLOSE])


class PhaseSteps(OfficeSteps):
    """What changes the rules under which units move."""

    # ---- accounts

    @often(2, pick=PICK, action=ACTIONS, by=BY, fault=FAULTS)
    def propose_change(self, pick: int, action: AccountAction, by: int, fault: str | None) -> None:
        self.step(fault)
        able = [
            one
            for one in self.accounts
            if self.model.may_become(one, action) and not self.model.open_paper(self.model.changes, one)
        ]
        account = choose(pick, able, [*self.accounts, RETIREMENT])
        maker, key = self.maker(by), self.key()
        made = self.done(
            lambda: account_life.propose(self.session, account, action, WHY, actor=self.user(maker), key=key),
            legal=self.model.may_become(account, action)
            and not self.model.open_paper(self.model.changes, account),
            fault=fault,
        )
        if made is not None:
            self.model.changes[made] = Paper(account, maker, action=action, until=self.until())

    @often(
        4,
        lambda self: self.model.is_waiting("changes"),
        pick=PICK,
        act=DECIDE,
        by=BY,
        stale=STALE,
        fault=FAULTS,
    )
    def decide_on_change(self, pick: int, act: str, by: int, stale: bool, fault: str | None) -> None:
        one, action = self.decide(
            account_life,
            AccountChange,
            self.model.changes,
            (pick, act, by, stale, fault),
            lambda one: one.action is not None and self.model.may_become(one.about, one.action),
        )
        if action == "confirmed" and one.action is not None:
            self.model.states[one.about] = STEPS[one.action][1]
            if self.model.states[one.about] == CLOSED:
                self.model.left[one.about] = clock.now()
            self.did(f"account {STEPS[one.action][1]}")

    def decide(
        self,
        service: Any,
        model: type[Any],
        papers: dict[int, Paper],
        chosen: tuple[int, str, int, bool, str | None],
        legal: Callable[[Paper], bool],
        names: tuple[str, str] = ("confirm", "withdraw"),
    ) -> tuple[Paper, str | None]:
        """Confirm or withdraw a paper that two persons decide; what became of it, if anything."""
        pick, act, by, stale, fault = chosen
        self.step("stale" if stale else fault)
        number = self.newest(papers, "proposed", pick)
        one = papers[number]
        who = self.checker(by, one.by)
        version = self.version(model, number, stale)
        ends = partial(getattr(service, names[1]), reason=WHY)
        carry_out = getattr(service, names[0]) if act == "confirm" else ends
        may = not stale and one.state == "proposed" and (act == "confirm" or self.may_end(one.by, who))
        if act == "confirm":
            may = may and self.model.second_person(one.by, who) and not self.lapsed(one) and legal(one)
        done = self.done(
            lambda: carry_out(self.session, number, actor=self.user(who), version=version),
            legal=may,
            fault=fault,
            keyed=False,
        )
        if done is None:
            return one, None
        one.state = {"confirm": "confirmed", "withdraw": "withdrawn"}[act]
        return one, one.state

    # ---- the approved target-year figure

    @often(2, pick=PICK, act=st.sampled_from(["approve", "revoke"]), by=BY, fault=FAULTS)
    def figure(self, pick: int, act: str, by: int, fault: str | None) -> None:
        """A target-year figure is approved, or somebody proposes to take its approval back."""
        (self.approve_figure if act == "approve" else self.propose_revocation)(pick, by, fault)

    def approve_figure(self, pick: int, by: int, fault: str | None) -> None:
        self.step(fault)
        account, report = self.reported(pick, lambda one: one not in self.model.figures)
        checker = self.checker(by, 0)
        done = self.done(
            lambda: reviews.approve(self.session, report, actor=self.user(checker)),
            legal=account not in self.model.figures and checker in self.cast.approvers,
            fault=fault,
            keyed=False,
        )
        if done is not None:
            self.did("approval")
            self.model.approve(account)

    def propose_revocation(self, pick: int, by: int, fault: str | None) -> None:
        self.step(fault)
        account, report = self.reported(
            pick,
            lambda one: self.model.may_revoke(one) and not self.model.open_paper(self.model.revocations, one),
        )
        maker, key = self.maker(by), self.key()
        made = self.done(
            lambda: reviews.propose_revocation(self.session, report, WHY, actor=self.user(maker), key=key),
            legal=self.model.may_revoke(account)
            and not self.model.open_paper(self.model.revocations, account),
            fault=fault,
        )
        if made is not None:
            self.model.revocations[made] = Paper(account, maker, until=self.until())

    @often(
        4,
        lambda self: self.model.is_waiting("revocations"),
        pick=PICK,
        act=DECIDE,
        by=BY,
        stale=STALE,
        fault=FAULTS,
    )
    def decide_on_revocation(self, pick: int, act: str, by: int, stale: bool, fault: str | None) -> None:
        one, decided = self.decide(
            reviews,
            ApprovalRevocation,
            self.model.revocations,
            (pick, act, by, stale, fault),
            lambda one: self.model.may_revoke(one.about),
            ("confirm_revocation", "withdraw_revocation"),
        )
        if decided == "confirmed":
            self.did("revocation")
            del self.model.figures[one.about]
            self.model.excused.add(one.about)

    def reported(self, pick: int, good: Callable[[int], bool]) -> tuple[int, int]:
        """A holder whose target-year report lies with the office."""
        there = [(one, facts.report) for one, facts in self.cast.holders.items() if facts.report is not None]
        return choose(pick, [pair for pair in there if good(pair[0])], there)

    # ---- the deadline and the end of a phase

    @often(
        2,
        lambda self: 4 if self.to_freeze() else 1,
        what=st.sampled_from(["freeze", "expire"]),
        fault=FAULTS,
    )
    def night(self, what: str, fault: str | None) -> None:
        """What the worker does while nobody is there."""
        if what == "expire":
            self.expire()
        else:
            self.freeze(fault)

    def to_freeze(self) -> list[int]:
        """The holders whose deadline has passed and that no record was made of, but should be."""
        passed = self.model.is_past_deadline()
        return [
            one for one in self.cast.holders if passed and one not in self.model.frozen and self.counts(one)
        ]

    def counts(self, account: int) -> bool:
        """Whether there is something to record: who left before the deadline owes nothing, if not done."""
        model = self.model
        in_time = account in model.figures and account not in model.late_figures
        met = in_time and model.at_the_deadline(account)[0] >= model.figures[account]
        return model.owes(account) or met

    def freeze(self, fault: str | None) -> None:
        """The night after the deadline: what stood at its last moment, whenever that night comes."""
        fault = None if fault == "lost" else fault
        self.step(fault)
        due = {account: self.model.at_the_deadline(account) for account in self.to_freeze()}

        def work() -> int:
            return sum(
                deadline._freeze(self.session, one, deadline._not_frozen(self.session, one))
                for one in deadline._passed(self.session)
            )

        if self.done(work, legal=True, fault=fault) is None:
            return
        self.model.freeze(due)
        if due:
            self.did("deadline")
        numbers = {holder: account for account, holder in self.cast.holder_ids.items()}
        kept = {
            numbers[row.holder_id]: (row.retired, row.held)
            for row in self.session.query(ComplianceSnapshot).order_by(ComplianceSnapshot.id.desc())
        }
        self.session.rollback()
        assert kept == self.model.frozen

    @often(
        1,
        lambda self: 8 if self.model.may_close(2) else 1,
        phase=st.sampled_from([2, 2, 2, 3]),
        by=BY,
        fault=FAULTS,
    )
    def propose_closing(self, phase: int, by: int, fault: str | None) -> None:
        self.step(fault)
        maker, key = self.maker(by), self.key()
        made = self.done(
            lambda: phase_closings.propose(
                self.session, self.cast.phases[phase], reason=WHY, actor=self.user(maker), key=key
            ),
            legal=self.model.may_close(phase) and not self.model.open_paper(self.model.closings, phase),
            fault=fault,
        )
        if made is not None:
            self.model.closings[made] = Paper(phase, maker, until=self.until())

    @often(
        4,
        lambda self: self.model.is_waiting("closings"),
        pick=PICK,
        act=st.sampled_from(["confirm", "confirm", "confirm", "withdraw"]),
        by=BY,
        stale=STALE,
        fault=FAULTS,
    )
    def decide_on_closing(self, pick: int, act: str, by: int, stale: bool, fault: str | None) -> None:
        one, decided = self.decide(
            phase_closings,
            PhaseClosing,
            self.model.closings,
            (pick, act, by, stale, fault),
            lambda one: self.model.may_close(one.about),
        )
        if decided == "confirmed":
            self.did("phase closed")
            self.model.closed.add(one.about)
            (number,) = [key for key, paper in self.model.closings.items() if paper is one]
            kept = phase_closings.kept_totals(self.session.get_one(PhaseClosing, number))
            self.session.rollback()
            assert kept is not None and kept.adds_up

    # ---- the second book

    @often(
        4,
        lambda self: 4 if self.model.disagree else 1,
        what=st.sampled_from(["look", "look", "compare", "compare", "stray hand"]),
        pick=PICK,
    )
    def books(self, what: str, pick: int) -> None:
        """Somebody looks at figures, or the books are compared: as they are, or while a balance is wrong."""
        if what == "look" and not self.model.disagree:
            self.look_at_figures(pick)
        elif what == "compare" or self.model.disagree:
            self.compare_the_books()
        else:
            self.a_stray_hand(pick)

    def compare_the_books(self) -> None:
        """The night compares: they agree, whatever was found before."""
        self.step(None)
        self.compared()
        if self.model.disagree:
            self.did("books agree again")
        self.model.disagree, self.model.compared = False, len(self.model.postings)

    def a_stray_hand(self, pick: int) -> None:
        """Somebody changes a balance by SQL, the books are compared, and it is put back: they disagreed."""
        self.step("stray hand")
        # what a closed account still holds the database itself keeps from any hand
        there = [
            key
            for key, units in self.model.held.items()
            if units > 0 and key[0] in self.accounts and self.model.states[key[0]] != CLOSED
        ]
        if not there:
            return
        account, unit = there[pick % len(there)]
        for by in (1, -1):
            with self.engine.begin() as connection:
                connection.execute(
                    text(
                        "UPDATE holding SET quantity = quantity + :by"
                        " WHERE account_id = :account AND unit_class_id = :unit"
                    ),
                    {"by": by, "account": account, "unit": self.cast.classes[unit]},
                )
            if by == 1:
                self.compared(broken=True)
        self.model.disagree = True
        self.did("books disagree")

    def compared(self, *, broken: bool = False) -> None:
        try:
            book_checks.compare_books(Work(0, {}, lambda: make_session(self.engine), 1))
        except WorkFailed:
            assert broken
        else:
            assert not broken

    def look_at_figures(self, pick: int) -> None:
        """What the holder's own page says is what the plain book says."""
        self.step(None)
        account = list(self.cast.holders)[pick % len(self.cast.holders)]
        holder, unit = self.cast.holder_ids[account], self.cast.holders[account].unit
        found = figures.figures_for(self.session, [holder])[holder]
        self.session.rollback()
        model = self.model
        assert (found.issued, found.retired, found.reserve) == (
            model.issued[account],
            model.retired(account),
            model.reserve(account),
        )
        assert (found.held, found.available) == (model.of(account, unit), model.free(account, unit))
        assert found.held_jver == model.free(account, JVER)
        assert found.target_emissions == model.figures.get(account)
        assert found.retired_in_time == model.retired_in_time(account)
