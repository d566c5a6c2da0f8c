"""Whether an issue stands: the one answer that rules, queues, targets and revocations ask for (safety 4).

An issue stands while it is proposed, or executed and not posted back. A corrected one is history: its
holder may get another target, lose its approval, and be issued again. The database counts the attempts
(``migrations/issue_triggers.py``).
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, bindparam, exists, func, select
from sqlalchemy.orm import aliased

from portal.models import LedgerTransaction, Movement, MovementKind, MovementState

_LIVE = (MovementState.PROPOSED, MovementState.EXECUTED)


def _issues(made: Any) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Proposed and executed issues; as literals, or the partial index over them would not be looked at."""
    kind = bindparam("kind", MovementKind.ISSUE, made.kind.type, unique=True, literal_execute=True)
    states = bindparam(
        "states", list(_LIVE), made.state.type, unique=True, expanding=True, literal_execute=True
    )
    return made.kind == kind, made.state.in_(states)


def _corrected(made: Any) -> ColumnElement[bool]:
    posted, back = aliased(LedgerTransaction), aliased(LedgerTransaction)
    return exists().where(posted.movement_id == made.id, back.reverses_id == posted.id).correlate(made)


def stands(made: Any = Movement) -> ColumnElement[bool]:
    """Whether a movement is an issue that stands; ``made`` may be an alias of ``Movement``."""
    return _issues(made)[0] & _issues(made)[1] & ~_corrected(made)


def has_one(holder_id: Any, *without: int) -> ColumnElement[bool]:
    """Whether the holder (a column, or a number) has an issue that stands, these movements left out."""
    made = aliased(Movement)
    found = exists().where(made.holder_id == holder_id, stands(made))
    return found.where(made.id.not_in(without)) if without else found


def attempt_of(holder_id: Any) -> ScalarSelect[int]:
    """Which issue of the holder the next one is: 1, and one more for each that was corrected."""
    made = aliased(Movement)
    return (
        select(func.count() + 1)
        .where(made.holder_id == holder_id, *_issues(made), _corrected(made))
        .scalar_subquery()
    )
