"""The cap of a phase: proposed with its dates by two persons, kept by every issue (issue rules)."""

from __future__ import annotations

import secrets
from dataclasses import replace

import pytest
from sqlalchemy.orm import Session

from portal.errors import PortalError, Refusal
from portal.models import MAX_QUANTITY, PhaseRule
from portal.services import issuance, phase_proposals, phases
from portal.services.transaction import one_transaction
from tests.factories import settlement as make


@pytest.fixture
def cohort(session: Session) -> make.Cohort:
    with one_transaction(session):
        return make.cohort(session)


def with_cap(session: Session, cohort: make.Cohort, cap: int | None) -> PhaseRule:
    """Give the phase a cap by two persons."""
    now = phases.dates_of(phases.rule_in_force(session, cohort.phase))
    made = phase_proposals.propose_rule(
        session, cohort.phase.id, replace(now, issue_cap=cap), reason="配分の上限", actor=cohort.officer
    )
    phase = phase_proposals.confirm_proposal(session, made.id, actor=cohort.approver)
    return phases.rule_in_force(session, phase)


def issue(session: Session, cohort: make.Cohort) -> int:
    with one_transaction(session):
        return issuance.propose_issue(
            session, cohort.market.holder.id, key=secrets.token_hex(8), actor=cohort.officer
        ).id


def test_a_cap_is_a_value_of_the_phase_by_two_persons(session: Session, cohort: make.Cohort) -> None:
    with one_transaction(session):
        assert with_cap(session, cohort, 8_500).issue_cap == 8_500
    with one_transaction(session):
        assert with_cap(session, cohort, None).issue_cap is None


def test_an_issue_just_within_the_cap_goes_ahead_and_one_unit_more_does_not(
    session: Session, cohort: make.Cohort
) -> None:
    with one_transaction(session):
        with_cap(session, cohort, 8_499)
    with pytest.raises(PortalError) as raised:
        issue(session, cohort)
    (problem,) = raised.value.problems
    assert problem.refusal is Refusal.CAP_REACHED
    assert problem.text("ja") == (
        "この期に発行できるのは8,499 JAAまでです。発行済みと起案中は合わせて0 JAAで、残りは8,499 JAAです。"
    )
    with one_transaction(session):
        with_cap(session, cohort, 8_500)
    assert issue(session, cohort)


def test_what_is_proposed_uses_the_cap_up(session: Session, cohort: make.Cohort) -> None:
    with one_transaction(session):
        with_cap(session, cohort, 8_539)
    issue(session, cohort)
    with pytest.raises(PortalError) as raised, one_transaction(session):
        issuance.propose_issue(session, cohort.second.id, key="k", actor=cohort.officer)
    (problem,) = raised.value.problems
    assert problem.figures == {"cap": 8_539, "issued": 8_500, "left": 39}


def test_a_cap_is_not_set_below_what_is_issued_or_proposed(session: Session, cohort: make.Cohort) -> None:
    issue(session, cohort)
    with pytest.raises(PortalError) as raised, one_transaction(session):
        with_cap(session, cohort, 8_499)
    (problem,) = raised.value.problems
    assert (problem.refusal, problem.field) == (Refusal.NUMBER_RANGE, "issue_cap")
    with one_transaction(session):
        with_cap(session, cohort, 8_500)


@pytest.mark.parametrize("cap", [0, -1, MAX_QUANTITY + 1])
def test_a_cap_that_is_no_quantity_is_refused(cap: int) -> None:
    (problem,) = phases.value_problems({"issue_cap": cap})
    assert (problem.refusal, problem.field) == (Refusal.NUMBER_RANGE, "issue_cap")


def test_a_corrected_issue_gives_the_cap_back(session: Session, cohort: make.Cohort) -> None:
    from portal.services.issue_cases import terms_of

    with one_transaction(session):
        with_cap(session, cohort, 8_500)
    made = issue(session, cohort)
    with one_transaction(session):
        movement = issuance.confirm(session, made, version=1, actor=cohort.approver)
    assert movement.transaction is not None
    assert terms_of(session, cohort.phase.id).left == 0
    with one_transaction(session):
        wrong = issuance.propose_correction(
            session, movement.transaction.id, "誤り", key="c", actor=cohort.officer
        )
        issuance.confirm(session, wrong.id, version=wrong.version, actor=cohort.approver)
    assert terms_of(session, cohort.phase.id).left == 8_500
