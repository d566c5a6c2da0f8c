"""The second book: the ledger told again by other code, from the stored rows alone (safety 10).

It shares no rule with the first: it imports neither ledger nor movement services, reads plain columns
(``second_book_rows.py``), and knows the scheme's arithmetic only from domain §5, written down here once
more. What it finds is compared with what the portal believes. It reads in portions, as of one moment,
and stops at the first thing that differs.

Checked in ledger order: numbers without gaps; the stored bytes, their hash and their predecessor; entries
equal to the bytes, hashes to what earlier comparisons have read, transfers to the sums that are kept of
them; every unit class sums to zero; no account but AST-1 below zero; every posting is its movement, of a kind
that may join these two accounts and take these units, decided by a second person where two are needed;
nothing leaves AST-2, AST-101, AST-201 but by a correction, which is the mirror image of what it corrects,
once; outgoing movements left the commitment reserve; every entry says what the account holds after it, and
entries rise in number as their postings do. Then the head of the chain, what belongs to no posting, balances,
the sums of each class, promises; and every issue is base − target, once.

Where the rows do not tell what stood at the time (a phase's rule that was replaced, an approval that was
taken back) the mildest reading counts: a comparison that cries wolf would stop the scheme.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from portal.services.second_book_events import events_of, records, witnessed
from portal.services.second_book_issues import issues
from portal.services.second_book_rows import (
    Participant,
    Posting,
    Scheme,
    Told,
    comes_after_approval,
    moment,
    portions,
    scheme,
)
from portal.services.second_book_sent import beyond_the_end, sent

log = logging.getLogger(__name__)

#: the accounts of the scheme, as domain §1 numbers them
MINT, RETIRED, CANCELLED, OFFSET = 1, 2, 101, 201
FINAL = (RETIRED, CANCELLED, OFFSET)
LARGEST = 2**53 - 1

#: kind → (what the giving account may be, what the taking one may be), by kind of account
_MAY_JOIN = {
    "issue": ({"issuance"}, {"compliance"}),
    "issue_jver": ({"issuance"}, {"compliance", "trading"}),
    "transfer": ({"compliance", "trading"}, {"compliance", "trading"}),
    "retire": ({"compliance"}, {"retirement"}),
    "cancel": ({"compliance", "trading"}, {"cancellation"}),
    "offset": ({"compliance", "trading"}, {"offset"}),
    "carry_over": ({"compliance"}, {"compliance"}),
}
_TWO_PERSONS = {"issue", "issue_jver", "carry_over", "correction"}


@dataclass(frozen=True)
class BookResult:
    """What the second book found; ``problem`` is the first thing that differs. Figures in units."""

    ok: bool
    problem: str | None
    transactions: int
    entries: int
    last_number: int
    #: of the last posting read, so that a past that is written anew differs from it
    last_hash: str = ""


class _Differs(Exception):
    pass


def compare(session: Session) -> BookResult:
    """Tell the ledger again and compare; call it in a transaction that reads as of one moment.

    Nothing is written. Rows that cannot be read at all (a moment that is none, a class that no phase has)
    are a difference too: whoever could write them could hide anything behind them. Only what the
    database itself refuses is raised.
    """
    told = Told()
    try:
        known = scheme(session)
        for some in portions(session):
            said = events_of(session, some)
            for posting in some:
                told.number += 1
                if posting.number != told.number:
                    raise _Differs(f"T-{told.number:06d} is missing")
                _chain(told, known, posting)
                _movement(told, known, posting)
                _units(known, posting)
                _reserve(session, told, known, posting)
                _add(told, known, posting)
                _said(told, posting)
                _agree(sent(told, known, posting))
                told.unwitnessed = told.unwitnessed or witnessed(posting, said, posting.kind in _TWO_PERSONS)
        _agree(beyond_the_end(told, known))
        _head(session, told)
        _left_overs(session, told)
        _balances(session, told)
        _promises(session)
        _agree(issues(session))
        _agree(told.unwitnessed)
        _agree(records(session))
    except _Differs as differs:
        return BookResult(False, str(differs), told.number, told.entries, told.number)
    except DBAPIError:
        raise
    except Exception as error:
        log.exception("the second book cannot read the rows")
        problem = f"the rows after T-{told.number:06d} cannot be read: {type(error).__name__}: {error}"
        return BookResult(False, problem, told.number, told.entries, told.number)
    return BookResult(True, None, told.number, told.entries, told.number, told.last_hash)


def _agree(difference: str | None) -> None:
    if difference is not None:
        raise _Differs(difference)


def _chain(told: Told, known: Scheme, posting: Posting) -> None:
    name = posting.name
    if hashlib.sha256(posting.stored).hexdigest() != posting.hash:
        raise _Differs(f"{name}: the hash is not that of the stored bytes")
    if posting.previous != told.last_hash:
        raise _Differs(f"{name} does not follow the hash of its predecessor")
    if known.read.get(posting.number, posting.hash) != posting.hash:
        raise _Differs(f"{name} is not what a comparison has read there: it was written anew, or one before")
    told.last_hash = posting.hash
    try:
        said = dict(json.loads(posting.stored))
        at = moment(said.get("at"))
    except (ValueError, TypeError) as error:
        raise _Differs(f"{name}: the stored bytes cannot be read") from error
    row = {
        "number": posting.number,
        "kind": posting.kind,
        "movement": posting.movement["movement_id"],
        "reverses": posting.reverses,
        "by": posting.by,
        "entries": [list(side) for side in posting.sides],
        "previous": posting.previous,
    }
    for key, value in row.items():
        if said.get(key) != value:
            raise _Differs(f"{name}: the rows say {value!r} for {key}, the stored bytes {said.get(key)!r}")
    if at != posting.at:
        raise _Differs(f"{name}: the moment differs from the stored bytes")


def _movement(told: Told, known: Scheme, posting: Posting) -> None:
    """The posting is its movement, made by whom it may be made, between accounts that it may join."""
    name, row = posting.name, posting.movement
    if row["m_kind"] is None or row["m_state"] != "executed":
        raise _Differs(f"{name} has no executed movement")
    if (row["m_kind"], row["m_reverses"]) != (posting.kind, posting.reverses):
        raise _Differs(f"{name} is of another kind than its movement")
    if posting.kind in _TWO_PERSONS and row["decided_by_id"] in (None, row["proposed_by_id"]):
        raise _Differs(f"{name} was not decided by a second person")
    if row["decided_by_id"] != posting.by:
        raise _Differs(f"{name} was posted by another person than decided its movement")
    if not 0 < int(row["quantity"]) <= LARGEST or _due(posting) != posting.sides:
        raise _Differs(f"{name}: the entries are not those of its movement")
    source, target = int(row["source_id"]), int(row["target_id"])
    if posting.kind == "correction":
        mirror = (row["target_id"], row["source_id"], row["unit_class_id"], row["quantity"])
        if mirror != (row["o_source"], row["o_target"], row["o_class"], row["o_quantity"]):
            raise _Differs(f"{name} is not the mirror image of what it corrects")
        if posting.reverses in told.reversed or row["o_kind"] in ("correction", "carry_over"):
            raise _Differs(f"{name} corrects T-{posting.reverses or 0:06d}, which cannot be corrected again")
        told.reversed.add(posting.reverses or 0)
        return
    giving, taking = _MAY_JOIN.get(posting.kind, (set(), set()))
    if known.accounts.get(source) not in giving or known.accounts.get(target) not in taking:
        raise _Differs(f"{name}: {posting.kind} may not join AST-{source} and AST-{target}")


def _due(posting: Posting) -> list[tuple[int, int, int]]:
    """The entries that the movement asks for."""
    row = posting.movement
    quantity, source, target = int(row["quantity"]), int(row["source_id"]), int(row["target_id"])
    unit, into = int(row["unit_class_id"]), int(row["target_class_id"] or 0)
    if posting.kind != "carry_over":
        return sorted([(source, unit, -quantity), (target, unit, quantity)])
    return sorted(
        [(source, unit, -quantity), (MINT, unit, quantity), (MINT, into, -quantity), (target, into, quantity)]
    )


def _units(known: Scheme, posting: Posting) -> None:
    """A holder is issued, and retires, JAA of its own phase; jVER are issued as such and may be retired."""
    unit, row = int(posting.movement["unit_class_id"]), posting.movement
    if posting.kind == "issue":
        taker = known.participants[int(row["target_id"])]
        fits = unit == taker.unit_class and row["holder_id"] == taker.holder
    elif posting.kind == "issue_jver":
        fits = unit == known.jver
    elif posting.kind == "retire":
        fits = unit in (known.jver, known.participants[int(row["source_id"])].unit_class)
    else:
        return
    if not fits:
        raise _Differs(f"{posting.name}: {posting.kind} may not move units of class {unit} there")


def _reserve(session: Session, told: Told, known: Scheme, posting: Posting) -> None:
    """Domain §5: every outgoing movement but retirement leaves the reserve in the account."""
    if posting.kind not in ("transfer", "cancel", "offset"):
        return
    row = posting.movement
    giver = known.participants.get(int(row["source_id"]))
    if giver is None or giver.unit_class != int(row["unit_class_id"]) or giver.uncertain:
        return
    left = told.balances[(giver.account, giver.unit_class)] - int(row["quantity"])
    due = _due_reserve(known, giver)
    if left >= due:
        return
    if giver.figure is not None and _retired_enough(known, giver, giver.figure[1]):
        # retired, and free once approved: were the units sold before the approval?
        if not giver.approved:
            giver.approved = comes_after_approval(session, int(row["movement_id"]), giver.figure[0])
        if giver.approved:
            return
    raise _Differs(f"{posting.name} left {left} units in AST-{giver.account}, the reserve was {due}")


def _due_reserve(known: Scheme, giver: Participant) -> int:
    counts_jver = any(one.jver_counts_for_reserve for one in known.readings[giver.unit_class])
    retired = giver.retired_jaa + (giver.retired_jver if counts_jver else 0)
    return max(0, giver.issued - max(giver.targets, default=0) - retired)


def _retired_enough(known: Scheme, giver: Participant, figure: int) -> bool:
    return any(
        one.released_by_compliance
        and giver.retired_jaa + (giver.retired_jver if one.jver_counts_for_compliance else 0) >= figure
        for one in known.readings[giver.unit_class]
    )


def _add(told: Told, known: Scheme, posting: Posting) -> None:
    sums: dict[int, int] = defaultdict(int)
    for account, unit_class, quantity in posting.sides:
        sums[unit_class] += quantity
        if quantity < 0 and account in FINAL and posting.kind != "correction":
            raise _Differs(f"{posting.name} takes units out of AST-{account}")
        told.balances[(account, unit_class)] += quantity
        if account != MINT and told.balances[(account, unit_class)] < 0:
            raise _Differs(f"{posting.name} takes AST-{account} below zero")
    if any(sums.values()):
        raise _Differs(f"{posting.name} does not sum to zero")
    told.entries += len(posting.sides)
    for account, unit_class, quantity in posting.sides:
        own = known.participants.get(account)
        if own is not None:
            _count(known, own, posting, unit_class, quantity)


def _said(told: Told, posting: Posting) -> None:
    """What every entry says of the balance after it, in rising order; how far moments lag behind numbers."""
    for entry, account, unit_class, after in posting.stood:
        there = told.balances[(account, unit_class)]
        if after != there:
            raise _Differs(
                f"{posting.name} says that AST-{account} then held {after} of unit class {unit_class},"
                f" its entries sum to {there}"
            )
        if entry <= told.last_entry:
            raise _Differs(f"{posting.name}: entry {entry} is older than those of the posting before")
        told.last_entry = entry
    if told.latest is None or posting.at > told.latest:
        told.latest = posting.at
    told.behind = max(told.behind, told.latest - posting.at)


def _count(known: Scheme, own: Participant, posting: Posting, unit_class: int, quantity: int) -> None:
    """Issued to and retired from a holder; a correction counts back what it corrects."""
    kind = posting.movement["o_kind"] if posting.kind == "correction" else posting.kind
    if kind == "issue" and unit_class == own.unit_class:
        own.issued += quantity
    if kind == "retire" and unit_class == own.unit_class:
        own.retired_jaa -= quantity
    if kind == "retire" and unit_class == known.jver:
        own.retired_jver -= quantity


def _head(session: Session, told: Told) -> None:
    head = session.execute(text("SELECT last_number, last_hash, behind FROM ledger_head")).first()
    if head is None or (int(head[0]), str(head[1])) != (told.number, told.last_hash):
        says = "is missing" if head is None else f"says T-{int(head[0]):06d}, {head[1][:12] or 'no hash'}"
        raise _Differs(f"the chain ends at T-{told.number:06d}, {told.last_hash[:12]}; its head {says}")
    if timedelta(seconds=int(head[2])) < told.behind:
        raise _Differs(f"the head of the chain says {head[2]} s for what was stamped {told.behind} too early")


def _left_overs(session: Session, told: Told) -> None:
    """Entries without a transaction, executed movements never posted, postings that were read once."""
    lost = session.execute(
        text(
            "SELECT e.id FROM ledger_entry e LEFT JOIN ledger_transaction t ON t.id = e.transaction_id"
            " WHERE t.id IS NULL ORDER BY e.id LIMIT 1"
        )
    ).first()
    if lost is not None:
        raise _Differs(f"entry {lost[0]} belongs to no transaction")
    unposted = session.execute(
        text(
            "SELECT m.id FROM movement m LEFT JOIN ledger_transaction t ON t.movement_id = m.id"
            " WHERE m.state = 'executed' AND t.id IS NULL ORDER BY m.id LIMIT 1"
        )
    ).first()
    if unposted is not None:
        raise _Differs(f"movement {unposted[0]} is called executed and was never posted")
    read = session.scalar(text("SELECT max(last_number) FROM book_check WHERE ok")) or 0
    if int(read) > told.number:
        raise _Differs(f"the chain ends at T-{told.number:06d}, a comparison has read T-{int(read):06d}")


def _balances(session: Session, told: Told) -> None:
    kept = {
        (int(account), int(unit_class)): int(quantity)
        for account, unit_class, quantity in session.execute(
            text("SELECT account_id, unit_class_id, quantity FROM holding")
        )
    }
    for account, unit_class in sorted({*kept, *told.balances}):
        here, there = kept.get((account, unit_class), 0), told.balances.get((account, unit_class), 0)
        if here != there:
            raise _Differs(
                f"AST-{account}: the balance of unit class {unit_class} is {here}, its entries sum to {there}"
            )
    for unit_class in sorted({unit_class for _account, unit_class in told.balances}):
        issued = -told.balances.get((MINT, unit_class), 0)
        elsewhere = sum(q for (a, c), q in told.balances.items() if c == unit_class and a != MINT)
        if issued != elsewhere:
            raise _Differs(f"unit class {unit_class}: {issued} issued, {elsewhere} found")


def _promises(session: Session) -> None:
    """What a holding has promised is what waiting corrections and carry-overs will take out of it."""
    waiting: dict[tuple[int, int], int] = defaultdict(int)
    for account, unit_class, quantity in session.execute(
        text(
            "SELECT source_id, unit_class_id, quantity FROM movement"
            " WHERE state = 'proposed' AND kind IN ('correction', 'carry_over')"
        )
    ):
        waiting[(int(account), int(unit_class))] += int(quantity)
    kept = {
        (int(account), int(unit_class)): int(promised)
        for account, unit_class, promised in session.execute(
            text("SELECT account_id, unit_class_id, promised FROM holding WHERE promised <> 0")
        )
    }
    for key in sorted({*waiting, *kept}):
        if waiting.get(key, 0) != kept.get(key, 0):
            raise _Differs(
                f"AST-{key[0]} has promised {kept.get(key, 0)} of unit class {key[1]},"
                f" its proposals sum to {waiting.get(key, 0)}"
            )
