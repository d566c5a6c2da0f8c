"""Negative controls: faults that are planted in the program, each of which a test must find (safety).

A test that is green proves something only if it would be red otherwise. Each control takes one safeguard
out of the running program; ``tests/house/test_negative_controls.py`` does so and sees that what the control
names goes red: the ledger's machine, or one test.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm.attributes import set_committed_value

from portal import clock
from portal.errors import Refusal
from portal.models import LedgerHead
from portal.services import (
    account_life,
    allowance_rules,
    allowances,
    banking,
    banking_case,
    banking_results,
    banking_rules,
    books,
    compliance,
    deadline,
    figures,
    four_eyes,
    issuance,
    issue_batches,
    issue_rules,
    ledger,
    phase_closings,
    posting,
    reviews,
    second_book,
    workflow,
)
from tests.campaigns import unlocked_accounts

Plant = Callable[[pytest.MonkeyPatch], None]
MACHINE = "the ledger's machine"


@dataclass(frozen=True)
class Control:
    """One fault, and what finds it: the machine, or ``module::test``."""

    name: str
    plant: Plant
    found_by: str = MACHINE
    #: the machine's steps that come to it; none: all
    only: tuple[str, ...] = ()
    #: where the machine begins, of its seasons; none: in all of them
    starts: tuple[str, ...] = ()


def _without(*names: str) -> Plant:
    def plant(patch: pytest.MonkeyPatch) -> None:
        rules = tuple(rule for rule in allowance_rules.RULES if rule.__name__ not in names)
        assert len(rules) == len(allowance_rules.RULES) - len(names)
        patch.setattr(allowance_rules, "RULES", rules)

    return plant


def _off_by_one(name: str, by: int) -> Plant:
    """The rule judges a quantity that is ``by`` larger than the one that moves."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        from dataclasses import replace

        def shifted(rule: Any) -> Any:
            return lambda case: rule(
                replace(case, quantity=case.quantity + by if case.quantity is not None else None)
            )

        rules = tuple(shifted(rule) if rule.__name__ == name else rule for rule in allowance_rules.RULES)
        patch.setattr(allowance_rules, "RULES", rules)

    return plant


def _promised_ignored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(allowance_rules.Case, "available", property(lambda case: case.held))


def _promise_kept(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(issuance, "_release", lambda session, movement: None)


def _key_ignored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(allowances, "_made_before", lambda facts, request, actor_id: None)


def _content_ignored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(allowances, "_content", lambda request: "the same")


def _four_eyes_skipped(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(four_eyes, "problems", lambda *args, **kwargs: [])


def _unless(*refusals: Refusal) -> Plant:
    """A confirmation overlooks these refusals."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        judge = issuance.confirm_problems
        patch.setattr(
            issuance,
            "confirm_problems",
            lambda *args: [one for one in judge(*args) if one.refusal not in refusals],
        )

    return plant


def _stale_pages(patch: pytest.MonkeyPatch) -> None:
    for module in (workflow, issuance):
        patch.setattr(module, "expect_version", lambda row, version: None)


def _balance_kept(patch: pytest.MonkeyPatch) -> None:
    post = ledger.post

    def posted(session: Any, movement: Any, sides: Any, *, actor: Any) -> Any:
        made = post(session, movement, sides, actor=actor)
        for account, unit_class, quantity in sides:
            ledger.holding(session, account, unit_class).quantity -= quantity
        return made

    patch.setattr(ledger, "post", posted)


def _other_hash(patch: pytest.MonkeyPatch) -> None:
    class Wrong:
        @staticmethod
        def sha256(data: bytes) -> Any:
            return hashlib.sha256(data + b" ")

    patch.setattr(posting, "hashlib", Wrong)


def _head_behind(patch: pytest.MonkeyPatch) -> None:
    post = ledger.post

    def posted(session: Any, movement: Any, sides: Any, *, actor: Any) -> Any:
        made = post(session, movement, sides, actor=actor)
        session.get_one(LedgerHead, 1).last_hash = "0" * 64
        return made

    patch.setattr(ledger, "post", posted)


def _one_sided(patch: pytest.MonkeyPatch) -> None:
    carry_out = posting.carry_out
    patch.setattr(
        posting,
        "carry_out",
        lambda session, act: carry_out(
            session, replace(act, sides=act.sides[:1]) if act.movement["kind"] == "cancel" else act
        ),
    )


def _issued_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(issue_rules, "RULES", tuple(rule for rule in issue_rules.RULES if rule.__name__ != "_once"))


def _reserve_unseen(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(second_book, "_reserve", lambda *args: None)


def _promises_unseen(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(second_book, "_promises", lambda session: None)


def _books_overlooked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(books, "problems", lambda session: [])
    _without("_books_agree")(patch)


def _deadline_early(patch: pytest.MonkeyPatch) -> None:
    end = clock.end_of_day
    patch.setattr(clock, "end_of_day", lambda day: end(day) - timedelta(days=1))


def _into_nothing(patch: pytest.MonkeyPatch) -> None:
    sides_of = ledger.sides_of
    patch.setattr(ledger, "sides_of", lambda movement: sides_of(movement)[:2])


def _reserve_carried_over(patch: pytest.MonkeyPatch) -> None:
    case_of = banking_case.case_of

    def unreserved(*given: Any, **options: Any) -> Any:
        case = case_of(*given, **options)
        unissued = None if case.figures is None else replace(case.figures, issued=0)
        return replace(case, figures=unissued)

    for module in (banking, banking_case):
        patch.setattr(module, "case_of", unreserved)


def _no_window(patch: pytest.MonkeyPatch) -> None:
    judge = banking_rules.application_problems
    patch.setattr(
        banking,
        "application_problems",
        lambda case: [one for one in judge(case) if one.refusal is not Refusal.BANKING_CLOSED],
    )


def _application_free(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(banking, "_expect_free", lambda row, version: workflow.expect_version(row, version))


def _never_accepted(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(banking_results, "accepted", lambda session, movement, *, actor: None)


def _one_left_out(patch: pytest.MonkeyPatch) -> None:
    locked = issue_batches.locked

    def all_but_the_first(*given: Any) -> Any:
        batch = locked(*given)
        set_committed_value(batch, "movements", batch.movements[1:])
        return batch

    patch.setattr(issue_batches, "locked", all_but_the_first)


def _any_account_gives(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(allowance_rules, "may_give", lambda state: True)


def _change_without(refusal: Refusal) -> Plant:
    def plant(patch: pytest.MonkeyPatch) -> None:
        judge = account_life.refusals_for
        patch.setattr(
            account_life,
            "refusals_for",
            lambda *given: [one for one in judge(*given) if one.refusal is not refusal],
        )

    return plant


def _approved_is_enough(patch: pytest.MonkeyPatch) -> None:
    reserve = compliance.reserve
    patch.setattr(compliance, "reserve", lambda one: 0 if one.target_emissions is not None else reserve(one))


def _always_revocable(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(reviews, "revocation_problem", lambda session, report: None)


def _as_of_now(patch: pytest.MonkeyPatch) -> None:
    real = figures.figures_for
    patch.setattr(deadline, "figures_for", lambda session, ids, *, at: real(session, ids))


def _closing_unless(refusal: Refusal) -> Plant:
    def plant(patch: pytest.MonkeyPatch) -> None:
        judge = phase_closings.closing_problems
        patch.setattr(
            phase_closings,
            "closing_problems",
            lambda *given: [one for one in judge(*given) if one.refusal is not refusal],
        )

    return plant


_SECOND_BOOK = "tests.services.test_second_book::test_every_forgery_is_the_first_difference_that_is_named"

_BANKING = ("apply_for_banking", "decide_on_banking", "confirm")
_ACCOUNTS = ("propose_change", "decide_on_change")
#: who closes a phase asks the second book first
_CLOSING = ("propose_closing", "decide_on_closing", "night", "books")
_IN_THE_WINDOW = ("after the deadline", "banking")
_TRADED = ("traded", "approved")
_AT_THE_END = ("after the window",)

CONTROLS: tuple[Control, ...] = (
    Control("no rule about the balance", _without("_balance")),
    Control("< for <= in the rule about the balance", _off_by_one("_balance", 1)),
    Control("no rule about the reserve", _without("_reserve")),
    Control("the reserve is one unit too small", _off_by_one("_reserve", -1)),
    Control("promised units are movable", _promised_ignored),
    Control("a promise outlives its proposal", _promise_kept),
    Control(
        "more may be retired than needed",
        _without("_no_more_than_needed"),
        only=("move", "move_at_the_edge"),
        starts=("approved",),
    ),
    Control("a movement to its own account", _without("_target_differs")),
    Control("the key is ignored", _key_ignored),
    Control("the same key with other content", _content_ignored),
    Control("four eyes are skipped", _four_eyes_skipped),
    Control(
        "a proposal never lapses",
        _unless(Refusal.PROPOSAL_EXPIRED),
        only=("propose_jver", "wait", "confirm"),
    ),
    Control("stale pages are believed", _stale_pages),
    Control("the balance stays as it was", _balance_kept),
    Control("the hash is not that of the bytes", _other_hash),
    Control("the head names another hash", _head_behind),
    Control("a posting with one side", _one_sided),
    Control("issued twice", _issued_again),
    Control("a disagreement of the books is overlooked", _books_overlooked, only=("books", "move")),
    Control("banking outside its window", _no_window, only=_BANKING, starts=_AT_THE_END),
    Control("a carry-over arrives nowhere", _into_nothing, only=_BANKING, starts=_IN_THE_WINDOW),
    Control("a carry-over takes the reserve", _reserve_carried_over, only=_BANKING, starts=_IN_THE_WINDOW),
    Control(
        "an application goes while its carry-over waits",
        _application_free,
        only=("apply_for_banking", "decide_on_banking"),
        starts=("banking",),
    ),
    Control("an application is never accepted", _never_accepted, only=_BANKING, starts=_IN_THE_WINDOW),
    Control(
        "a batch leaves one out", _one_left_out, only=("propose_batch", "decide_on_batch"), starts=("opened",)
    ),
    Control("a suspended account gives", _any_account_gives, only=(*_ACCOUNTS, "move"), starts=_TRADED),
    Control("an account with units is closed", _change_without(Refusal.ACCOUNT_NOT_EMPTY), only=_ACCOUNTS),
    Control(
        "an account is closed while something waits",
        _change_without(Refusal.ACCOUNT_PENDING),
        only=(*_ACCOUNTS, "propose_jver"),
        starts=_AT_THE_END,
    ),
    Control(
        "an account changes in two ways at once", _change_without(Refusal.ACCOUNT_CHANGE_OPEN), only=_ACCOUNTS
    ),
    Control("an approved figure alone frees the reserve", _approved_is_enough),
    Control(
        "a frozen figure is taken back",
        _always_revocable,
        only=("figure", "night", "decide_on_revocation"),
        starts=("after the deadline",),
    ),
    Control(
        "the deadline counts what came after it",
        _as_of_now,
        only=("move", "night", "wait"),
        starts=("approved",),
    ),
    Control(
        "a phase is closed in its window",
        _closing_unless(Refusal.CLOSING_TOO_EARLY),
        only=_CLOSING,
        starts=_IN_THE_WINDOW,
    ),
    Control(
        "a phase is closed while something waits",
        _closing_unless(Refusal.CLOSING_PENDING),
        only=(*_CLOSING, "propose_correction"),
        starts=_AT_THE_END,
    ),
    Control(
        "units of a closed phase move",
        _without("_phase_open"),
        only=(*_CLOSING, "move"),
        starts=_AT_THE_END,
    ),
    Control("the second book does not see the reserve", _reserve_unseen, _SECOND_BOOK),
    Control("the second book does not see promises", _promises_unseen, _SECOND_BOOK),
    Control(
        "a disagreement of the books stops nothing",
        _books_overlooked,
        "tests.services.test_book_checks"
        "::test_a_disagreement_is_told_and_stops_what_moves_until_another_comparison_agrees",
    ),
    Control(
        "the deadline is a day early",
        _deadline_early,
        "tests.services.test_compliance::test_the_deadline_day_counts_to_its_last_moment_in_tokyo",
    ),
    Control(
        "accounts are not locked",
        unlocked_accounts.plant,
        "tests.services.test_races::test_two_transfers_each_legal_alone_do_not_break_the_reserve_together",
    ),
)
