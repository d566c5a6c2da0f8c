"""How many units participants have sent each other: added up each night, so that no page does it again.

What has a number in the ledger stands, and so does all that came before it. So the sum up to a number never
changes and is kept once (``TransferTotal``), for every :data:`EVERY` postings; a page adds what comes between
the last such number and its moment. No clock has a part in it. The proof of the ledger and the second book
hold what is kept against the postings.
"""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from typing import Any

from sqlalchemy import Select, case, func, insert, select
from sqlalchemy.orm import Session, aliased

from portal.models import LedgerEntry, LedgerHead, LedgerTransaction, MovementKind, TransferTotal, UnitClass
from portal.services import jobs
from portal.services.jobs import Work
from portal.services.ledger_days import Edge
from portal.services.transaction import begin_reading, run

#: postings between two sums that are kept: the most that a page reads beside those since last night
EVERY = 5_000
#: sums that one transaction of the night makes
PORTION = 10


def transferred(session: Session, edge: Edge | None = None) -> dict[int, int]:
    """Units of each class that changed hands between participants, now or before ``edge``; by class id.

    A corrected transfer does not count from the moment of its correction on. Three queries.
    """
    number = select(func.max(TransferTotal.number))
    start = session.scalar(number if edge is None else number.where(TransferTotal.number < edge.first_number))
    found = defaultdict(int, _kept(session, start or 0))
    later = _moved(LedgerEntry.unit_class_id).where(LedgerTransaction.id > (start or 0))
    for unit_class, units in session.execute(later if edge is None else later.where(edge.posted_before())):
        found[unit_class] += int(units)
    return found


def _kept(session: Session, number: int) -> dict[int, int]:
    query = select(TransferTotal.unit_class_id, TransferTotal.units).where(TransferTotal.number == number)
    return {unit_class: units for unit_class, units in session.execute(query)}


def _moved(*by: Any) -> Select[Any]:
    """(``by``, units) that transfers moved, less what was corrected of them."""
    original = aliased(LedgerTransaction)
    units = case((original.id.is_(None), LedgerEntry.quantity), else_=-LedgerEntry.quantity)
    return (
        select(*by, func.sum(units))
        .select_from(LedgerTransaction)
        .join(LedgerEntry, LedgerEntry.transaction_id == LedgerTransaction.id)
        .outerjoin(original, original.id == LedgerTransaction.reverses_id)
        .where(
            LedgerTransaction.kind.in_((MovementKind.TRANSFER, MovementKind.CORRECTION)),
            func.coalesce(original.kind, LedgerTransaction.kind) == MovementKind.TRANSFER,
            LedgerEntry.quantity > 0,
        )
        .group_by(*by)
    )


def add_up(session: Session, *, every: int, most: int) -> int:
    """Keep the sums at the next ``most`` multiples of ``every`` that the ledger has passed; how many."""
    ends = _due(session, every)[:most]
    if not ends:
        return 0
    start = session.scalar(select(func.max(TransferTotal.number))) or 0
    sums = defaultdict(int, _kept(session, start))
    block = ((LedgerTransaction.id - 1) // every).label("block")
    query = _moved(block, LedgerEntry.unit_class_id).where(LedgerTransaction.id.between(start + 1, ends[-1]))
    moved: dict[int, dict[int, int]] = defaultdict(dict)
    for number, unit_class, units in session.execute(query):
        moved[(int(number) + 1) * every][unit_class] = int(units)
    classes = session.scalars(select(UnitClass.id).order_by(UnitClass.id)).all()
    rows = []
    for end in ends:
        for unit_class, units in moved[end].items():
            sums[unit_class] += units
        rows += [{"number": end, "unit_class_id": one, "units": sums[one]} for one in classes]
    session.execute(insert(TransferTotal), rows)
    return len(ends)


def _due(session: Session, every: int) -> range:
    start = session.scalar(select(func.max(TransferTotal.number))) or 0
    end = session.scalars(select(LedgerHead.last_number)).one()
    return range((start // every + 1) * every, end + 1, every)


@jobs.handler("add_up_transfers", nightly=True)
def add_up_transfers(work: Work) -> dict[str, Any]:
    """Keep the sums of all that was posted since; how many. What is done twice is done once."""
    done = 0
    with work.open_session() as session:
        begin_reading(session)
        total = len(_due(session, EVERY))
        while done < total:
            done += run(session, partial(add_up, session, every=EVERY, most=PORTION))
            work.progress(done, total)
    return {"sums": done}
