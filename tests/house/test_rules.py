"""The catalogue of the rules of movements: docs/rules.md says code, text, where asked, and its tests."""

from __future__ import annotations

import re

import pytest

from portal.errors import Refusal as R
from portal.refusals import TEXTS
from portal.refusals import allowances as allowance_refusals
from tests.house.checkout import ROOT
from tests.services.test_rule_catalogue import CASES

PAGE = ROOT / "docs" / "rules.md"
#: where a rule is asked
ALL = "preview, execution"  # participants: proposed and executed in one act, under lock
PROPOSED = "preview, proposal, confirmation"
MADE = "proposal"
CONFIRMED = "preview, confirmation"

CATALOGUE: tuple[tuple[str, tuple[tuple[R, str], ...]], ...] = (
    (
        "Whatever is typed: shown before anything is (`STANDING` in `portal/services/allowance_rules.py`)",
        (
            (R.BOOKS_DISAGREE, f"{ALL}; {CONFIRMED} (corrections are not asked)"),
            (R.SOURCE_NOT_OPEN, f"{ALL}; {PROPOSED}"),
            (R.SOURCE_KIND, ALL),
            (R.PHASE_CLOSED, f"{ALL}; {PROPOSED}"),
            (R.UNIT_WINDOW_OVER, ALL),
            (R.UNIT_NOT_USABLE, ALL),
            (R.RETIRE_AFTER_CLOSING, ALL),
        ),
    ),
    (
        "What was typed, in the order of the page's fields (`RULES` in `portal/services/allowance_rules.py`)",
        (
            (R.REQUIRED, ALL),
            (R.QUANTITY_SHAPE, ALL),
            (R.QUANTITY_POSITIVE, ALL),
            (R.QUANTITY_TOO_LARGE, ALL),
            (R.BALANCE_SHORT, f"{ALL}; {PROPOSED} (banking); only where no reserve binds"),
            (R.RESERVE, f"{ALL}; {PROPOSED} (banking)"),
            (
                R.UNITS_PROMISED,
                f"{ALL}; {PROPOSED} (banking); instead of both, where promised units alone stand in the way",
            ),
            (R.RETIRE_MORE_THAN_NEEDED, ALL),
            (R.ACCOUNT_NUMBER_SHAPE, ALL),
            (R.ACCOUNT_UNKNOWN, f"{ALL}; {PROPOSED} (jVER)"),
            (R.ACCOUNT_SAME, ALL),
            (R.TARGET_KIND, f"{ALL}; {PROPOSED} (jVER)"),
            (R.TARGET_CLOSED, f"{ALL}; {PROPOSED}"),
            (R.TOO_LONG, ALL),
        ),
    ),
    (
        "Issue, single and whole phase, in this order (`portal/services/issue_rules.py`)",
        (
            (R.NOT_APPROVED, PROPOSED),
            (R.NO_TARGET, PROPOSED),
            (R.ISSUE_NOT_POSITIVE, PROPOSED),
            (R.ISSUE_DIFFERS, CONFIRMED),
            (R.ISSUE_TOO_EARLY, PROPOSED),
            (R.ISSUED_ALREADY, PROPOSED),
            (R.CAP_REACHED, PROPOSED),
            (R.ISSUE_BATCH_OPEN, MADE),
            (R.ISSUE_BATCH_EMPTY, MADE),
            (R.ISSUE_BATCH_CHANGED, CONFIRMED),
            (R.ISSUE_IN_BATCH, CONFIRMED),
        ),
    ),
    (
        "Two persons (`portal/services/four_eyes.py`)",
        (
            (R.SAME_PERSON, CONFIRMED),
            (R.PERSON_INACTIVE, CONFIRMED),
            (R.PASSWORD_ISSUER, CONFIRMED),
            (R.PROPOSAL_EXPIRED, CONFIRMED),
        ),
    ),
    (
        "Correction, in this order; the states of the accounts and `PHASE_CLOSED` come before the last"
        " (`portal/services/correction_rules.py`)",
        (
            (R.REVERSAL_OF_REVERSAL, PROPOSED),
            (R.REVERSAL_OF_CARRY_OVER, PROPOSED),
            (R.REVERSED_ALREADY, PROPOSED),
            (R.REVERSAL_UNITS_GONE, PROPOSED),
        ),
    ),
    (
        "jVER issue; the account and what was typed come first (`portal/services/jver_rules.py`)",
        ((R.JVER_BOUND, PROPOSED),),
    ),
    (
        "Banking, in this order; what the account must allow follows (`portal/services/banking_rules.py`)",
        (
            (R.BANKING_CLOSED, "preview, application"),
            (R.BANKING_NO_NEXT, "preview, application"),
            (R.BANKING_OPEN, "preview, application"),
            (R.BANKING_PENDING, "preview, withdrawal, decision"),
        ),
    ),
    (
        "Closing a phase (`portal/services/phase_closings.py`)",
        (
            (R.CLOSING_TOO_EARLY, PROPOSED),
            (R.CLOSING_NOT_FROZEN, PROPOSED),
            (R.CLOSING_PENDING, PROPOSED),
            (R.CLOSING_NOT_COMPARED, PROPOSED),
            (R.TOTALS_NOT_EVEN, PROPOSED),
            (R.CLOSING_OPEN, MADE),
        ),
    ),
    (
        "Page and form (`portal/services/once.py`, `portal/services/shown.py`)",
        (
            (R.KEY_REUSED, "every act"),
            (R.KEY_SHAPE, "every form"),
            (R.STALE_PAGE, "every act"),
            (R.FIGURES_CHANGED, "every act whose page shows figures that its row's version does not hold"),
        ),
    ),
)
#: rules tried by other tests: (refuses, lets pass)
ELSEWHERE: dict[R, tuple[str, str]] = {
    R.BOOKS_DISAGREE: (
        "tests/services/test_rule_catalogue.py::test_what_befalls_before_the_last_step_stops_it",
        "tests/services/test_book_checks.py::test_a_comparison_that_agrees_is_written_down_with_who_asked",
    ),
    R.CLOSING_NOT_COMPARED: (
        "tests/services/test_unit_totals.py::test_a_phase_is_closed_only_on_books_that_were_compared_after_its_last_posting",
        "tests/services/test_phase_closings.py::test_two_persons_close_a_phase_and_its_totals_are_frozen",
    ),
    R.TOTALS_NOT_EVEN: (
        "tests/services/test_unit_totals.py::test_units_that_appear_from_nowhere_are_seen_and_nothing_is_published_on_them",
        "tests/services/test_phase_closings.py::test_two_persons_close_a_phase_and_its_totals_are_frozen",
    ),
    R.KEY_SHAPE: (
        "tests/participant/test_refused_movements.py::test_a_key_or_units_that_no_page_offered_move_nothing",
        "tests/participant/test_refused_movements.py::test_a_key_or_units_that_no_page_offered_move_nothing",
    ),
    R.FIGURES_CHANGED: (
        "tests/admin/test_as_shown.py::test_every_page_of_a_phase_that_ends_carries_what_it_says",
        "tests/admin/test_as_shown.py::test_every_page_before_anything_is_issued_carries_what_it_says",
    ),
    # the permission is asked before: a trader never gets so far
    R.SOURCE_KIND: (
        "tests/services/test_allowance_rules.py::test_a_trader_has_no_reserve_and_cannot_retire",
        "tests/services/test_allowance_rules.py::test_retirement_need_not_leave_the_reserve",
    ),
    R.PASSWORD_ISSUER: (
        "tests/services/test_four_eyes.py::test_who_issued_the_password_confirms_no_movement_of_it",
        "tests/services/test_four_eyes.py::test_the_password_of_the_proposal_and_the_present_one_count",
    ),
}
#: refusals about allowances that are no rule of a movement
OTHERS = {
    R.TARGET_EXISTS,  # reduction targets
    R.EXACT_NEEDS_FIGURE,  # a button of the page
    R.LOOKUPS_PAUSED,  # looking up account numbers
    R.STATEMENT_TOO_LONG,  # a paper's length
    R.SPAN_REVERSED,  # its span
    R.SPAN_UNREADABLE,
    R.RETIREMENT_NOW_LATE,  # a page that said otherwise; tests/participant/test_retirement_midnight.py
}


def named_tests(rule: R) -> tuple[str, str]:
    """(the test that sees it refuse, the one that sees it let pass)."""
    if rule in ELSEWHERE:
        return ELSEWHERE[rule]
    here = "tests/services/test_rule_catalogue.py"
    return f"{here}::test_rule_refuses[{rule.name}]", f"{here}::test_rule_lets_pass[{rule.name}]"


def rules_page() -> str:
    """docs/rules.md as the catalogue says it (``python -m tests.house.test_rules``)."""
    lines = [
        "# The rules of movements",
        "",
        "Made from the code by `python -m tests.house.test_rules > docs/rules.md`.",
        "A page shows all failing rules at once, in this order, with their figures.",
        "*preview*: the page before the button; *execution* and *confirmation*: again under lock; the same",
        "pure function serves both. Each test runs on SQLite and PostgreSQL; those of `SOURCE_KIND` are pure",
        "(a permission stands before it).",
    ]
    for head, rules in CATALOGUE:
        lines += ["", f"## {head}", ""]
        lines += [
            "| code | Japanese | English | asked at | refuses | lets pass |",
            "|---|---|---|---|---|---|",
        ]
        for rule, where in rules:
            ja, en = TEXTS[rule]
            cells = (f"`{rule.name}`", ja, en, where, *(f"`{one}`" for one in named_tests(rule)))
            lines.append(f"| {' | '.join(cell.replace('|', '／') for cell in cells)} |")
    return "\n".join(lines) + "\n"


def test_the_page_about_rules_is_the_catalogue_of_the_code() -> None:
    assert PAGE.read_text(encoding="utf-8") == rules_page()


def test_every_refusal_about_allowances_is_a_rule_of_the_catalogue() -> None:
    known = [rule for _head, rules in CATALOGUE for rule, _where in rules]
    assert len(known) == len(set(known))
    assert set(allowance_refusals.TEXTS) - set(known) == OTHERS


@pytest.mark.parametrize("rule", [rule for _head, rules in CATALOGUE for rule, _ in rules])
def test_every_rule_has_a_test_that_sees_it_refuse_and_one_that_sees_it_pass(rule: R) -> None:
    if rule not in ELSEWHERE:
        assert rule in CASES
        return
    for path, name in (one.split("::") for one in ELSEWHERE[rule]):
        assert re.search(rf"\b{name}\b", (ROOT / path).read_text(encoding="utf-8")), name


if __name__ == "__main__":
    print(rules_page(), end="")
