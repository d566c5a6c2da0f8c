"""A report's life in plain Python, beside the services: what may happen, and what is so afterwards.

Written from domain §4, not from the portal's tables: the two must agree after every step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

HOLDER, OFFICE, VERIFIER = ("a", "b"), ("officer", "approver", "second"), ("v",)
APPROVERS = ("approver", "second")
#: everybody who tries; the rival verifier and the stranger have no part in this report
PEOPLE = (*HOLDER, *VERIFIER, *OFFICE, "viewer", "rival", "stranger")
PASSING = ("unqualified", "qualified")


@dataclass(frozen=True)
class Model:
    """One base-year report. ``verified`` is the opinion on the current file; events are the report's own."""

    today: date
    opens: date
    due: date
    state: str = "not_submitted"
    files: int = 0
    figure: int | None = None
    attachments: int = 0
    asked_back: bool = False
    verified: str | None = None
    papers: int = 0
    questions: int = 0
    answers: int = 0
    #: the minute of the clock, when the state began, and when the last question was sent that has no answer
    now: datetime = datetime.min
    since: datetime = datetime.min
    asked: datetime | None = None
    turn: str = "holder"
    confirmed: int | None = None
    late: bool = False
    handed_in: bool = False
    returned: bool = False
    proposer: str | None = None
    #: when the revocation was proposed that waits
    proposed: datetime = datetime.max
    clerk: str | None = None
    events: int = 0


@dataclass(frozen=True)
class Act:
    """One act: who may, in which states, what besides must hold, and what is so afterwards."""

    who: tuple[str, ...]
    states: tuple[str, ...]
    after: Callable[[Model, str, Any], dict[str, Any]]
    holds: Callable[[Model, str], bool] = field(default=lambda m, who: True)
    events: Callable[[Model], int] = field(default=lambda m: 1)
    #: whether the form carries a key: the second press gives the first answer
    keyed: bool = False


def _back(model: Model, _who: str, _given: Any) -> dict[str, Any]:
    return {"state": "not_submitted", "asked_back": False, "returned": True}


_HERE = ("approval_requested", "under_review")

ACTS: dict[str, Act] = {
    "register_file": Act(
        HOLDER,
        ("not_submitted",),
        lambda m, who, figure: {"files": m.files + 1, "figure": figure, "verified": None},
        lambda m, who: m.today >= m.opens,
        keyed=True,
    ),
    "attach_file": Act(
        HOLDER,
        ("not_submitted",),
        lambda m, who, _: {"attachments": m.attachments + 1},
        lambda m, who: m.today >= m.opens and m.attachments < 10,
        keyed=True,
    ),
    "request_verification": Act(
        HOLDER,
        ("not_submitted",),
        lambda m, who, _: {
            "state": "verification_requested",
            "late": m.late or (not m.handed_in and m.today > m.due),
            "handed_in": True,
            "returned": False,
        },
        lambda m, who: m.today >= m.opens and m.files > 0,
    ),
    "request_send_back": Act(
        HOLDER,
        ("verification_requested",),
        lambda m, who, _: {"asked_back": True},
        lambda m, who: not m.asked_back,
        keyed=True,
    ),
    "register_verification": Act(
        VERIFIER,
        ("verification_requested",),
        lambda m, who, opinion: {"verified": opinion, "papers": m.papers + 1},
        keyed=True,
    ),
    "grant_send_back": Act(
        VERIFIER, ("verification_requested",), _back, lambda m, who: m.asked_back, lambda m: 2
    ),
    "decline_send_back": Act(
        VERIFIER,
        ("verification_requested",),
        lambda m, who, _: {"asked_back": False},
        lambda m, who: m.asked_back,
    ),
    "return_to_holder": Act(
        VERIFIER, ("verification_requested",), _back, events=lambda m: 2 if m.asked_back else 1
    ),
    "request_approval": Act(
        VERIFIER,
        ("verification_requested",),
        lambda m, who, _: {"state": "approval_requested", "returned": False},
        lambda m, who: not m.asked_back and m.verified in PASSING,
    ),
    "start_review": Act(
        OFFICE, ("approval_requested",), lambda m, who, _: {"state": "under_review", "returned": False}
    ),
    "return_to_verifier": Act(
        OFFICE, _HERE, lambda m, who, _: {"state": "verification_requested", "returned": True}
    ),
    "send_review_document": Act(
        OFFICE,
        ("under_review",),
        lambda m, who, _: {"questions": m.questions + 1, "asked": m.now},
        keyed=True,
    ),
    "answer_review": Act(
        VERIFIER,
        ("under_review",),
        lambda m, who, _: {"answers": m.answers + 1, "asked": None},
        lambda m, who: m.questions > 0,
        keyed=True,
    ),
    "approve": Act(
        APPROVERS,
        ("under_review",),
        lambda m, who, _: {"state": "approved", "confirmed": m.figure, "returned": False},
    ),
    "propose_revocation": Act(
        OFFICE,
        ("approved",),
        lambda m, who, _: {"proposer": who, "proposed": m.now},
        lambda m, who: m.proposer is None,
        lambda m: 0,
        keyed=True,
    ),
    "confirm_revocation": Act(
        APPROVERS,
        ("approved",),
        lambda m, who, _: {"state": "under_review", "confirmed": None, "proposer": None, "returned": False},
        lambda m, who: m.proposer not in (None, who) and m.now < m.proposed + timedelta(days=14),
    ),
    "withdraw_revocation": Act(
        OFFICE,
        ("approved",),
        lambda m, who, _: {"proposer": None},
        # its proposer withdraws, an approver declines
        lambda m, who: m.proposer is not None and (m.proposer == who or who in APPROVERS),
        lambda m: 0,
    ),
    "take": Act(
        OFFICE,
        _HERE,
        lambda m, who, _: {"clerk": who},
        lambda m, who: m.clerk in (None, who),
        lambda m: 1 if m.clerk is None else 0,
    ),
}


def done(model: Model, act: str, who: str, given: Any = None) -> Model | None:
    """What is so after ``who`` did ``act``; ``None``: it is refused and all is as before."""
    rule = ACTS[act]
    if who not in rule.who or model.state not in rule.states or not rule.holds(model, who):
        return None
    after = replace(model, **rule.after(model, who, given), events=model.events + rule.events(model))
    if after.state != model.state:
        after = replace(after, since=model.now)
    return replace(after, turn=_turn(after))


def _turn(model: Model) -> str:
    """Whose turn it is: a question of an earlier review keeps nobody waiting."""
    waits = model.asked is not None and model.asked >= model.since
    return {
        "not_submitted": "holder",
        "verification_requested": "verifier",
        "approval_requested": "secretariat",
        "under_review": "verifier" if waits else "secretariat",
        "approved": "nobody",
    }[model.state]
