"""What a letter asks of an applicant: why, in words that can be printed, and by when (domain §3, decided)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from sqlalchemy.orm import Session

from portal import clock
from portal.errors import Problem, Refusal, Refused
from portal.models import RegistrationApplication
from portal.services import workflow
from portal.services.letter_words import ANSWER_WITHIN
from portal.services.registration_checks import application_dues
from portal.services.registration_data import glyph_problem

#: a later day is a slip of the hand
LONGEST = timedelta(days=180)


def usual_answer_by(session: Session, application: RegistrationApplication) -> date:
    """Fourteen days from now, but not after the phase's day for applications while that lies ahead."""
    today = clock.today()
    phase_id = application.phase_id
    due = application_dues(session).get(phase_id) if phase_id is not None else None
    within = today + ANSWER_WITHIN
    return min(within, due) if due is not None and due > today else within


def _day_problems(answer_by: date) -> list[Problem]:
    today = clock.today()
    if answer_by <= today:
        return [Problem(Refusal.ANSWER_BY_PAST, "answer_by")]
    last = today + LONGEST
    return [Problem(Refusal.ANSWER_BY_FAR, "answer_by", {"last": last})] if answer_by > last else []


def printable(reason: str, others: Sequence[Problem] = ()) -> str:
    """The reason as a letter will say it.

    Raises ``Refused`` with what is wrong with it at ``reason`` (GLYPH_MISSING for what the letter font
    lacks), and with ``others``.
    """
    found, why = list(others), ""
    try:
        why = workflow.clean_reason(reason, needed=True) or ""
    except Refused as refused:
        found = [*refused.problems, *found]
    problem = glyph_problem(why, "reason")
    if problem is not None:
        found.insert(0, problem)
    if found:
        raise Refused(*found)
    return why


def judged(
    session: Session, application: RegistrationApplication, reason: str, answer_by: date | None
) -> tuple[str, date]:
    """Reason and day of a request for a correction; without a day the usual one stands.

    Raises ``Refused`` as :func:`printable`, and with ANSWER_BY_PAST or ANSWER_BY_FAR at ``answer_by``.
    """
    due = answer_by or usual_answer_by(session, application)
    return printable(reason, _day_problems(due)), due
