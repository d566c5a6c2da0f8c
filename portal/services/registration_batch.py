"""Many applications recorded at once, by the rules of the desk (``registration.record_application``)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.errors import Problem, Refusal, Refused
from portal.models import Phase, RegistrationApplication, User
from portal.permissions import Permission
from portal.services import access, audit
from portal.services.audit import EventTag
from portal.services.numbers import next_number
from portal.services.registration import application_number, application_row, series_of, tell_received
from portal.services.registration_data import ApplicationData, form_problems, json_of, normalised


def reserve_numbers(session: Session, items: Sequence[ApplicationData]) -> dict[str, int]:
    """The first number of each series that ``items`` need; the series are locked from here on.

    Taken before anything is compared with the register: whoever records meanwhile waits.
    """
    phases = _phase_numbers(session, items)
    wanted = Counter(series_of(one.kind, phases.get(one.phase_id)) for one in items)
    # in one order, so that two batches never wait for each other
    return {
        series: next_number(session, f"application:{series}", count=count)
        for series, count in sorted(wanted.items())
    }


def record_applications(
    session: Session, items: Sequence[ApplicationData], numbers: dict[str, int], *, actor: User
) -> list[RegistrationApplication]:
    """Record ``items`` as received, in their order, with ``numbers`` from :func:`reserve_numbers`.

    Everything is judged as at the desk. Raises ``Refused`` with the problems of the first item that has
    any; then the caller's transaction is to be given up.
    """
    access.check(actor, Permission.REGISTRATION_EDIT)
    phases = _phase_numbers(session, items)
    following = dict(numbers)
    made: list[tuple[RegistrationApplication, ApplicationData]] = []
    for item in items:
        data = normalised(item)
        problems = form_problems(data)
        if data.phase_id is not None and data.phase_id not in phases:
            problems.insert(0, Problem(Refusal.PHASE_NEEDED, "phase_id"))
        if problems:
            raise Refused(*problems)
        series = series_of(data.kind, phases.get(data.phase_id))
        made.append((application_row(application_number(series, following[series]), data, actor=actor), data))
        following[series] += 1
    session.add_all(row for row, _data in made)
    facts = ((row, {"number": row.number, "after": json_of(data)}) for row, data in made)
    audit.record_all(session, EventTag.APPLICATION_RECORDED, facts, actor=actor)
    for row, _data in made:
        tell_received(session, row, actor=actor)
    return [row for row, _data in made]


def _phase_numbers(session: Session, items: Sequence[ApplicationData]) -> dict[int | None, int]:
    wanted = {one.phase_id for one in items if one.phase_id is not None}
    query = select(Phase.id, Phase.number).where(Phase.id.in_(wanted))
    return {phase_id: number for phase_id, number in session.execute(query)}
