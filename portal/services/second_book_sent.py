"""The second book's own sum of what participants sent each other, held against what is kept of it.

As in ``second_book.py`` nothing of the first book's code is imported here.
"""

from __future__ import annotations

from portal.services.second_book_rows import Posting, Scheme, Told


def sent(told: Told, known: Scheme, posting: Posting) -> str | None:
    """Add a posting up; what differs if a sum is kept at its number and says otherwise.

    A transfer that is corrected counts no more from its correction on.
    """
    unit, quantity = int(posting.movement["unit_class_id"]), int(posting.movement["quantity"])
    if posting.kind == "transfer":
        told.sent[unit] += quantity
    elif posting.kind == "correction" and posting.movement["o_kind"] == "transfer":
        told.sent[unit] -= quantity
    kept = known.sent.get(posting.number)
    if kept is None:
        return None
    for unit in sorted({*kept, *told.sent}):
        here, there = kept.get(unit, 0), told.sent[unit]
        if here != there:
            return (
                f"{posting.name}: {here} units of class {unit} are said to have been transferred up to it,"
                f" its postings sum to {there}"
            )
    return None


def beyond_the_end(told: Told, known: Scheme) -> str | None:
    """A sum that is kept of more postings than there are: the ledger was cut off."""
    last = max(known.sent, default=0)
    if last <= told.number:
        return None
    return f"the chain ends at T-{told.number:06d}, transfers were added up to T-{last:06d}"
