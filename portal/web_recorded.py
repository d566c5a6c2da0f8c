"""Acts on allowances, carried out so that a refused one is recorded (domain §8)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TypeVar

from sqlalchemy.exc import DBAPIError

from portal.errors import PortalError, Problem, Refused, Stale
from portal.extensions import db_session
from portal.services import refused_movements
from portal.services.refused_movements import Attempt
from portal.web import actor, carry_out

T = TypeVar("T")


def carry_out_recorded(work: Callable[[], T], attempt: Attempt) -> T:
    """As :func:`portal.web.carry_out`; what is refused or stale is written down after its rollback."""
    try:
        return carry_out(work)
    except (Refused, Stale) as refused:
        note_refused(attempt, refused.problems)
        raise


def note_refused(attempt: Attempt, problems: Iterable[Problem]) -> None:
    """Write down what was refused. That the page says so matters more: a busy database is no error here."""
    found = tuple(problems)
    with suppress(PortalError, DBAPIError):
        carry_out(lambda: refused_movements.note(db_session(), attempt, found, actor=actor()))
