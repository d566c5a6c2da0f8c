"""Whether what is public still says what the record says (issue: published table).

A released table of emissions is compared at once when an approval is taken back, and every night. What
differs is kept with its day, told to the office once, and stands in a queue until it is replaced, ended,
or true again. Totals of allowances change with every movement: they are compared on their own page only.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from portal import clock
from portal.models import Publication, PublicationState, PublicationSubject, User
from portal.services import audit, jobs
from portal.services.audit import EventTag
from portal.services.jobs import Work
from portal.services.mail import MailKind, notify
from portal.services.publications import SUBJECTS, outdated
from portal.services.transaction import run


def compare(session: Session, *, actor: User | None = None, phase_id: int | None = None) -> int:
    """Compare the released tables of emissions (of one phase) with the record; how many differ."""
    query = (
        select(Publication)
        .where(
            Publication.state == PublicationState.RELEASED,
            Publication.subject == PublicationSubject.EMISSIONS,
        )
        .options(joinedload(Publication.phase))
        .order_by(Publication.id)
        .with_for_update(of=Publication)
        .execution_options(populate_existing=True)
    )
    if phase_id is not None:
        query = query.where(Publication.phase_id == phase_id)
    session.flush()
    return sum(_compare(session, row, actor) for row in session.scalars(query).all())


def _compare(session: Session, row: Publication, actor: User | None) -> bool:
    differs = outdated(session, row)
    if not differs:
        row.differs_since = None
    elif row.differs_since is None:
        row.differs_since = clock.now()
        number, kind = row.phase.number, row.subject.value
        audit.record(session, EventTag.PUBLICATION_OUTDATED, row, actor=actor, number=number, kind=kind)
        notify(
            session,
            MailKind.PUBLICATION_OUTDATED,
            actor=actor,
            row=row,
            phase=row.phase.number,
            subject=SUBJECTS[row.subject],
        )
    return differs


@jobs.handler("compare_publications", nightly=True)
def compare_publications(work: Work) -> dict[str, Any]:
    """Compare every released table of emissions with the record; how many differ."""
    with work.open_session() as session:
        return {"differ": run(session, partial(compare, session))}
