"""What the pages of a retirement say of its deadline: that it is over, or that this is the last day."""

from __future__ import annotations

from datetime import date

from portal import clock
from portal.extensions import db_session
from portal.models import MovementKind
from portal.services import statements
from portal.services.allowances import Draft


def _deadline(plan: Draft) -> date | None:
    if plan.kind is not MovementKind.RETIRE:
        return None
    return statements.retirement_deadline(db_session(), plan.source)


def deadline_over(plan: Draft) -> date | None:
    """The deadline, if this is a retirement after it: possible, but it meets no target."""
    deadline = _deadline(plan)
    return deadline if deadline is not None and clock.today() > deadline else None


def last_day(plan: Draft) -> date | None:
    """The deadline, if this is a retirement of its very last day."""
    deadline = _deadline(plan)
    return deadline if deadline == clock.today() else None
