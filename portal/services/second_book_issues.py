"""The second book's look at the issues: base − target, once (domain §5).

As in ``second_book.py`` nothing of the first book's code is imported here.
"""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.orm import Session


def issues(session: Session) -> str | None:
    """What differs if an issue that stands is not base − target, or there is more than one to a holder."""
    rows = session.execute(
        text(
            "SELECT m.holder_id, count(m.id), max(m.target_id), sum(m.quantity) FROM movement m"
            " JOIN ledger_transaction t ON t.movement_id = m.id"
            " LEFT JOIN ledger_transaction back ON back.reverses_id = t.id"
            " WHERE m.kind = 'issue' AND m.state = 'executed' AND back.id IS NULL"
            " GROUP BY m.holder_id ORDER BY m.holder_id"
        )
    ).all()
    due = {
        holder: (base, target)
        for holder, base, target in session.execute(
            text(
                "SELECT h.id, r.confirmed_emissions, g.quantity FROM holder h"
                " LEFT JOIN emissions_report r ON r.holder_id = h.id AND r.period = 'base'"
                " LEFT JOIN reduction_target g ON g.holder_id = h.id AND g.state = 'confirmed'"
                " AND g.superseded_at IS NULL"
            )
        )
    }
    for holder, count, account, quantity in rows:
        base, target = due.get(holder, (None, None))
        if int(count) != 1:
            return f"AST-{account} was issued units {count} times"
        if base is None or target is None or int(quantity) != int(base) - int(target):
            return (
                f"AST-{account} was issued {quantity} units, base − target is {base or '?'} − {target or '?'}"
            )
    return None
