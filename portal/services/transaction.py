"""The only place that commits and rolls back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from portal import clock
from portal.errors import InUse, Refusal, Stale, refuse
from portal.services.snapshot import one_moment

T = TypeVar("T")

#: what a form's key made: one that is still in the way after every try is no race but another's key
_KEYS = ("done_once", "uq_movement_idempotency_key", "movement.idempotency_key")
#: lost races that a second try settles: the retry then finds what the winner did
_RACES = (
    *_KEYS,
    "number_series",
    "uq_phase_proposal_open",
    "uq_factor_proposal_open",
    "uq_emission_factor_in_force",
    "uq_user_login_id",
    "user.login_id",
    "uq_publication_open",
    "fk_document_sha256",  # the same bytes stored and thrown away at one moment
)
#: PostgreSQL: serialization failure, deadlock, lock not available
_RETRY_STATES = {"40001", "40P01", "55P03"}


@contextmanager
def one_transaction(session: Session) -> Iterator[Session]:
    """Commit what happens inside, all of it or none; one moment judges and stamps it (``clock.one_act``).

    Raises :class:`Stale` when a row was changed by somebody else in between.
    """
    try:
        with clock.one_act():
            yield session
            session.commit()
    except StaleDataError as error:
        session.rollback()
        raise Stale from error
    except BaseException:
        session.rollback()
        raise


def run(session: Session, work: Callable[[], T], *, attempts: int = 4) -> T:
    """Do ``work`` in one transaction; lost races are tried again (the forms carry their own key).

    Whatever was read before is given up first, so that the work sees the present state and, on
    SQLite, begins IMMEDIATE. Raises :class:`InUse` if the database stays busy, ``Refused(KEY_REUSED)`` if a
    key stays taken.
    """
    session.rollback()
    for left in reversed(range(attempts)):
        try:
            with one_transaction(session):
                return work()
        except DBAPIError as error:
            if not _worth_another_try(error):
                raise
            # SQLite has waited its whole time already: nobody sits before a page for four of them
            if left == 0 or _sqlite_is_locked(error):
                raise (refuse(Refusal.KEY_REUSED) if _names(error, _KEYS) else InUse()) from error
    raise AssertionError("unreachable")


def end_reading(session: Session) -> None:
    """Give up what was read so far, so that no lock is held while something slow runs outside.

    Between transactions only. Raises ``RuntimeError`` if changes would be lost by it.
    """
    if session.new or session.dirty or session.deleted:
        raise RuntimeError("there are changes that were not committed")
    session.rollback()


def give_up(session: Session) -> None:
    """End whatever was begun without keeping it (an error page reads afresh)."""
    session.rollback()


def begin_reading(session: Session) -> None:
    """Give up what was begun and read on, all as of one moment; nothing can be written (:func:`run` can).

    A page is often several statements: what is committed between two of them is seen by both or by none.
    """
    session.rollback()
    one_moment(session)


def is_busy(error: DBAPIError) -> bool:
    """Whether somebody else held the database for longer than one waits."""
    if getattr(error.orig, "sqlstate", None) in _RETRY_STATES:
        return True
    return _sqlite_is_locked(error)


def _worth_another_try(error: DBAPIError) -> bool:
    if isinstance(error, IntegrityError):
        return _names(error, _RACES)
    return is_busy(error)


def _names(error: DBAPIError, names: Iterable[str]) -> bool:
    return isinstance(error, IntegrityError) and any(name in str(error.orig) for name in names)


def _sqlite_is_locked(error: DBAPIError) -> bool:
    return isinstance(error, OperationalError) and "database is locked" in str(error.orig)
