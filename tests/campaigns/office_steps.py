"""The secretariat's steps in the ledger's machine: issues, jVER, corrections, whole phases, two persons."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Any

from hypothesis import strategies as st

from portal import clock
from portal.models import BankingApplication, IssueBatch, Movement, MovementKind
from portal.services import banking, issuance, issue_batches, lapses
from tests.campaigns.driven import BY, FAULTS, PICK, STALE, Driven, choose, often
from tests.factories.ledger_cast import ISSUANCE, JVER, MOST, NOWHERE, RETIREMENT
from tests.factories.ledger_model import Paper, Posting, Proposal

WHY = "届出のため"

WAITS = timedelta(days=14)


class OfficeSteps(Driven):
    """What one of the office proposes and another confirms, and what becomes of it."""

    @often(1, lambda self: 3 if self.issuable() else 1, pick=PICK, by=BY, fault=FAULTS)
    def propose_issue(self, pick: int, by: int, fault: str | None) -> None:
        self.step(fault)
        account = choose(pick, self.issuable(), list(self.cast.holders))
        facts, maker, key = self.cast.holders[account], self.maker(by), self.key()
        made = self.done(
            lambda: issuance.propose_issue(
                self.session, self.cast.holder_ids[account], key=key, actor=self.user(maker)
            ),
            legal=self.model.may_issue(account),
            fault=fault,
        )
        if made is not None:
            self.propose(
                made,
                Proposal(MovementKind.ISSUE, ISSUANCE, account, facts.unit, facts.due, maker, self.until()),
            )

    @often(4, pick=PICK, by=BY, quantity=st.sampled_from([1, 5, 90, 250, 250, 0, MOST + 1]), fault=FAULTS)
    def propose_jver(self, pick: int, by: int, quantity: int, fault: str | None) -> None:
        self.step(fault)
        takes = [one for one in self.accounts if self.model.takes(one)]
        account = choose(pick, takes, [*self.accounts, RETIREMENT, NOWHERE])
        maker, key = self.maker(by), self.key()
        legal = account in self.accounts and 1 <= quantity <= MOST and self.model.takes(account)
        made = self.done(
            lambda: issuance.propose_jver(
                self.session, f"AST-{account}", quantity, "申請", key=key, actor=self.user(maker)
            ),
            legal=legal,
            fault=fault,
        )
        if made is not None:
            self.propose(
                made,
                Proposal(MovementKind.ISSUE_JVER, ISSUANCE, account, JVER, quantity, maker, self.until()),
            )

    @often(4, lambda self: bool(self.model.postings), pick=PICK, by=BY, fault=FAULTS)
    def propose_correction(self, pick: int, by: int, fault: str | None) -> None:
        self.step(fault)
        posted = list(self.model.postings)
        number = choose(pick, [one for one in posted if self.model.may_correct(one)], posted)
        wrong, maker, key = self.model.postings[number], self.maker(by), self.key()
        made = self.done(
            lambda: issuance.propose_correction(
                self.session, number, "口座番号の誤り", key=key, actor=self.user(maker)
            ),
            legal=self.model.may_correct(number),
            fault=fault,
        )
        if made is not None:
            self.propose(
                made,
                Proposal(
                    MovementKind.CORRECTION,
                    wrong.target,
                    wrong.source,
                    wrong.unit,
                    wrong.quantity,
                    maker,
                    self.until(),
                    number,
                ),
            )

    def issuable(self) -> list[int]:
        """The accounts to which can be issued."""
        return [one for one in self.cast.holders if self.model.may_issue(one)]

    def until(self) -> datetime:
        """When a proposal made now lapses."""
        return clock.now() + WAITS

    def propose(self, made: int, one: Proposal) -> None:
        self.model.proposals[made] = one
        if one.kind in (MovementKind.CORRECTION, MovementKind.CARRY_OVER):
            self.model.promise(one.source, one.unit, one.quantity)

    @often(3, lambda self: self.waiting(), pick=PICK, by=BY, stale=STALE, fault=FAULTS)
    def confirm(self, pick: int, by: int, stale: bool, fault: str | None) -> None:
        self.step("stale" if stale else fault)
        number = self.pending(pick)
        one = self.model.proposals[number]
        checker = self.checker(by, one.by)
        version = self.version(Movement, number, stale)
        done = self.done(
            lambda: issuance.confirm(self.session, number, version=version, actor=self.user(checker)),
            legal=self.model.may_confirm(one, checker) and not stale,
            fault=fault,
            keyed=False,
        )
        if done is not None:
            self.execute(one)

    def execute(self, one: Proposal) -> None:
        self.leave(one, "executed")
        self.did(one.kind)
        self.model.post(
            Posting(one.kind, one.source, one.target, one.unit, one.quantity, one.reverses, one.into)
        )

    @often(1, lambda self: bool(self.model.proposals), pick=PICK, by=BY, stale=STALE, fault=FAULTS)
    def withdraw(self, pick: int, by: int, stale: bool, fault: str | None) -> None:
        self.step("stale" if stale else fault)
        number = self.pending(pick)
        one, maker = self.model.proposals[number], self.maker(by)
        version = self.version(Movement, number, stale)
        done = self.done(
            lambda: issuance.withdraw(
                self.session, number, version=version, actor=self.user(maker), reason=WHY
            ),
            legal=one.state == "proposed" and not one.batch and not stale and self.may_end(one.by, maker),
            fault=fault,
            keyed=False,
        )
        if done is not None:
            self.did("withdrawal")
            self.leave(one, "withdrawn")

    def waiting(self) -> int:
        """How likely it is that somebody confirms: proposals that wait, as many as three."""
        return min(3, len(self.due())) + (1 if self.model.proposals else 0)

    def due(self) -> list[int]:
        """The proposals that wait for another person."""
        return [
            number
            for number, one in self.model.proposals.items()
            if one.state == "proposed" and not one.batch and clock.now() < one.until
        ]

    def pending(self, pick: int) -> int:
        """A proposal, mostly one that waits."""
        return choose(pick, self.due(), list(self.model.proposals))

    def leave(self, one: Proposal, state: str) -> None:
        """A proposal is decided or lapses: what it promised is free, and its application waits again."""
        one.state = state
        if one.kind in (MovementKind.CORRECTION, MovementKind.CARRY_OVER):
            self.model.promise(one.source, one.unit, -one.quantity)
        if one.application is not None:
            application = self.model.applications[one.application]
            if state == "executed":
                application.state = "accepted"
            else:
                application.movements = ()

    # ---- banking

    @often(
        1,
        lambda self: 5 if self.model.in_the_banking_window() else 1,
        pick=PICK,
        share=st.sampled_from([1, 30, 30, 100, 101]),
        fault=FAULTS,
    )
    def apply_for_banking(self, pick: int, share: int, fault: str | None) -> None:
        """A holder asks for a share of what may leave its account; 101: for more than that."""
        self.step(fault)
        holders = list(self.cast.holders)
        account = choose(pick, [one for one in holders if self.model.may_apply(one, 1)], holders)
        facts, key = self.cast.holders[account], self.key()
        movable = max(0, self.model.free(account, facts.unit) - self.model.reserve(account))
        quantity = movable + 1 if share > 100 else movable * share // 100
        made = self.done(
            lambda: banking.apply(self.session, str(quantity), key=key, actor=self.user(facts.login)),
            legal=self.model.may_apply(account, quantity),
            fault=fault,
        )
        if made is not None:
            self.did("application")
            self.model.applications[made] = Paper(account, facts.login, "applied", quantity)

    @often(
        4,
        lambda self: bool(self.model.applications),
        pick=PICK,
        act=st.sampled_from(["propose"] * 6 + ["withdraw", "decline"]),
        by=BY,
        stale=STALE,
        fault=FAULTS,
    )
    def decide_on_banking(self, pick: int, act: str, by: int, stale: bool, fault: str | None) -> None:
        self.step("stale" if stale else fault)
        papers = self.model.applications
        ours = [one for one, paper in papers.items() if paper.state == "applied" and not paper.movements]
        number = choose(pick, ours, list(papers))
        one, maker, key = self.model.applications[number], self.maker(by), self.key()
        version = self.version(BankingApplication, number, stale)
        free = one.state == "applied" and not one.movements and not stale
        if act == "propose":
            made = self.done(
                lambda: banking.propose(
                    self.session, number, version=version, key=key, actor=self.user(maker)
                ),
                legal=free and self.model.may_carry_over(one.about, one.quantity),
                fault=fault,
            )
            if made is not None:
                self.propose(made, self.carry_over(number, one, maker))
                one.movements = (made,)
            return
        acts = {
            "withdraw": lambda: banking.withdraw(
                self.session, number, version=version, actor=self.user(self.login(one.about))
            ),
            "decline": lambda: banking.decline(
                self.session, number, "書類の不足", version=version, actor=self.user(maker)
            ),
        }
        if self.done(acts[act], legal=free, fault=fault, keyed=False) is not None:
            one.state = {"withdraw": "withdrawn", "decline": "declined"}[act]
            self.did(f"application {one.state}")

    def carry_over(self, number: int, one: Paper, maker: int) -> Proposal:
        unit = self.cast.holders[one.about].unit
        return Proposal(
            MovementKind.CARRY_OVER,
            one.about,
            one.about,
            unit,
            one.quantity,
            maker,
            self.until(),
            into=self.model.following(unit),
            application=number,
        )

    def newest(self, papers: dict[int, Paper], state: str, pick: int) -> int:
        """A paper, mostly one that waits."""
        return choose(pick, [one for one, paper in papers.items() if paper.state == state], list(papers))

    # ---- a whole phase at once

    @often(
        1,
        lambda self: 3 if self.issuable() else 1,
        pick=PICK,
        phase=st.sampled_from([2, 3]),
        wrong=st.sampled_from([0, 0, 0, 0, 1]),
        by=BY,
        fault=FAULTS,
    )
    def propose_batch(self, pick: int, phase: int, wrong: int, by: int, fault: str | None) -> None:
        """All of the phase to whom can be issued, or some that may not be among them, or a wrong figure."""
        self.step(fault)
        ours = {account: facts for account, facts in self.cast.holders.items() if facts.phase == phase}
        if pick % 4 and not any(self.model.may_issue(account) for account in ours):
            phase = 5 - phase
            ours = {account: facts for account, facts in self.cast.holders.items() if facts.phase == phase}
        ready = [account for account in ours if self.model.may_issue(account)]
        chosen = ready if pick % 4 else [account for n, account in enumerate(ours) if pick >> n & 1]
        quantities = {self.cast.holder_ids[one]: ours[one].due + wrong for one in chosen}
        maker, key = self.maker(by), self.key()
        ids: list[int] = []

        def work() -> IssueBatch:
            made = issue_batches.propose(
                self.session, self.cast.phases[phase], quantities, key=key, actor=self.user(maker)
            )
            ids[:] = [one.id for one in sorted(made.movements, key=lambda one: one.target_id)]
            return made

        made = self.done(
            work,
            legal=bool(chosen)
            and set(chosen) <= set(ready)
            and not wrong
            and not self.model.open_paper(self.model.batches, phase),
            fault=fault,
        )
        if made is None:
            return
        self.model.batches[made] = Paper(phase, maker, movements=tuple(ids), until=self.until())
        for number, account in zip(ids, sorted(chosen), strict=True):
            facts = ours[account]
            self.propose(
                number,
                Proposal(
                    MovementKind.ISSUE,
                    ISSUANCE,
                    account,
                    facts.unit,
                    facts.due,
                    maker,
                    self.until(),
                    batch=True,
                ),
            )

    @often(
        3,
        lambda self: bool(self.model.batches),
        pick=PICK,
        by=BY,
        confirmed=st.sampled_from([True, True, True, False]),
        stale=STALE,
        fault=FAULTS,
    )
    def decide_on_batch(self, pick: int, by: int, confirmed: bool, stale: bool, fault: str | None) -> None:
        self.step("stale" if stale else fault)
        number = self.newest(self.model.batches, "proposed", pick)
        one = self.model.batches[number]
        who = self.checker(by, one.by)
        version = self.version(IssueBatch, number, stale)
        act: Any = issue_batches.execute_all if confirmed else partial(issue_batches.withdraw, reason=WHY)
        done = self.done(
            lambda: act(self.session, number, version=version, actor=self.user(who)),
            legal=not stale
            and one.state == "proposed"
            and (self.model.may_confirm_batch(one, who) if confirmed else self.may_end(one.by, who)),
            fault=fault,
            keyed=False,
        )
        if done is not None:
            self.leave_batch(one, "executed" if confirmed else "withdrawn")

    def leave_batch(self, one: Paper, state: str) -> None:
        one.state = state
        if state == "executed":
            self.did("batch")
        for number in one.movements:
            movement = self.model.proposals[number]
            if state == "executed":
                self.execute(movement)
            else:
                self.leave(movement, state)

    def expire(self) -> None:
        self.step(None)
        now = clock.now()
        due = [
            one
            for one in self.model.proposals.values()
            if one.state == "proposed" and not one.batch and one.until <= now
        ]
        batches, papers = (
            [one for some in kinds for one in some.values() if one.state == "proposed" and self.lapsed(one)]
            for kinds in (
                (self.model.batches,),
                (self.model.changes, self.model.revocations, self.model.closings),
            )
        )
        lapsed = self.done(lambda: sum(step(self.session) for step in lapses.STEPS), legal=True)
        assert lapsed == len(due) + len(batches) + len(papers)
        for movement in due:
            self.did("proposal lapsed")
            self.leave(movement, "expired")
        for batch in batches:
            self.leave_batch(batch, "expired")
        for paper in papers:
            self.did("paper lapsed")
            paper.state = "expired"

    def lapsed(self, one: Paper) -> bool:
        """Whether the days are over in which another person could have confirmed it."""
        return one.until is not None and clock.now() >= one.until
