"""The verifier's desk: what is assigned, by whose turn it is, page by page (issue "Verifier's desk").

Everything is asked of the database: the number of queries does not depend on the number of reports. Only
assigned reports exist here, and the search looks at what the list shows and its kana only. No allowance
figure.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select, true
from sqlalchemy.orm import Session, contains_eager, joinedload

from portal import clock
from portal.models import (
    EmissionsReport,
    Holder,
    Organisation,
    Period,
    Phase,
    PhaseRule,
    ReportState,
    RequestAnswer,
    ReviewDocument,
    ReviewSide,
    SendBackRequest,
    User,
    VerifierAssignment,
)
from portal.permissions import Permission
from portal.services import access
from portal.services.mail_words import fiscal_years
from portal.services.numbers import search_key
from portal.services.report_deadlines import DUE, WARNED_DAYS
from portal.services.report_rules import Turn
from portal.services.report_views import VERIFIER_DAYS, waiting_days

PER_PAGE = 30
#: more words than these nobody types
MOST_WORDS = 10
#: a deadline within so many days is near
SOON_DAYS = WARNED_DAYS


class Lateness(StrEnum):
    OVERDUE = "overdue"  # past the deadline
    SOON = "soon"  # the deadline is near
    WAITING = "waiting"  # lies with the verifier for long


class Order(StrEnum):
    SINCE = "since"
    DUE = "due"
    HOLDER = "holder"
    EMISSIONS = "emissions"


@dataclass(frozen=True)
class Wanted:
    """What the reader asks for. ``charge``: a user's id, 0 for nobody, ``None`` for all."""

    turn: Turn = Turn.VERIFIER
    words: str = ""
    state: ReportState | None = None
    charge: int | None = None
    late: Lateness | None = None
    order: Order = Order.SINCE
    descending: bool = False
    page: int = 1

    @property
    def narrowed(self) -> bool:
        """Whether anything but the turn is asked for."""
        return bool(self.words or self.state or self.late) or self.charge is not None


@dataclass(frozen=True)
class AssignedReport:
    """One assigned report. ``left`` whole days until ``due``, negative after it; ``emissions`` in t-CO2."""

    id: int
    holder: Holder
    period: Period
    fiscal_years: tuple[int, ...]
    state: ReportState
    since: datetime
    days: int
    due: date
    left: int
    emissions: int | None
    in_charge: User | None
    send_back_open: bool
    returned: bool
    question_open: bool
    done: bool
    #: handed in after its deadline
    late: bool
    #: lies with the verifier for more than VERIFIER_DAYS
    waiting_long: bool

    @property
    def overdue(self) -> bool:
        """Whether the deadline passed before it was approved."""
        return self.left < 0 and not self.done


@dataclass(frozen=True)
class DeskPage:
    """One page of the desk; ``counts`` of all that is assigned, by turn; ``page`` counts from 1."""

    rows: tuple[AssignedReport, ...]
    counts: dict[Turn, int]
    total: int
    page: int
    pages: int
    #: of those that wait for the verifier
    overdue: int
    waiting_long: int
    send_backs: int

    @property
    def first(self) -> int:
        return (self.page - 1) * PER_PAGE + 1


_R = EmissionsReport


def _last(column: Any) -> Any:
    """``column`` of the review document that was sent last."""
    return (
        select(column)
        .where(ReviewDocument.report_id == _R.id)
        .order_by(ReviewDocument.id.desc())
        .limit(1)
        .correlate(_R)
        .scalar_subquery()
    )


#: as report_rules.facts_of says: what was asked before this review waits no longer
_QUESTION_OPEN = and_(
    _R.state == ReportState.UNDER_REVIEW,
    _last(ReviewDocument.side) == ReviewSide.SECRETARIAT,
    _last(ReviewDocument.sent_at) >= _R.state_since,
)
_SEND_BACK_OPEN = (
    select(SendBackRequest.id)
    .where(SendBackRequest.report_id == _R.id, SendBackRequest.answer == RequestAnswer.OPEN)
    .correlate(_R)
    .exists()
)
#: whose turn it is, as report_rules.turn says of one report
TURN: Any = case(
    (_R.state == ReportState.NOT_SUBMITTED, Turn.HOLDER.value),
    (_R.state == ReportState.VERIFICATION_REQUESTED, Turn.VERIFIER.value),
    (_QUESTION_OPEN, Turn.VERIFIER.value),
    (
        _R.state.in_((ReportState.APPROVAL_REQUESTED, ReportState.UNDER_REVIEW, ReportState.SUBMITTED)),
        Turn.SECRETARIAT.value,
    ),
    else_=Turn.NOBODY.value,
)
_OPEN = _R.state.not_in((ReportState.APPROVED, ReportState.RECEIVED))


def _assigned(query: Any, actor: User) -> Any:
    """``query`` of reports, with holder, company, phase, rule and the live assignment to the reader's."""
    return (
        query.join(Holder, Holder.id == _R.holder_id)
        .join(Organisation, Organisation.id == Holder.representative_id)
        .join(Phase, Phase.id == Holder.phase_id)
        .join(PhaseRule, and_(PhaseRule.phase_id == Phase.id, PhaseRule.superseded_at.is_(None)))
        .join(
            VerifierAssignment,
            and_(VerifierAssignment.report_id == _R.id, VerifierAssignment.ended_at.is_(None)),
        )
        .where(VerifierAssignment.verifier_id == actor.verifier_id)
    )


def look(session: Session, actor: User, wanted: Wanted = Wanted()) -> DeskPage:
    """One page of what is assigned to the reader's verifier. Raises ``NotAllowed``."""
    access.check(actor, Permission.REPORT_ASSIGNED_VIEW)
    today = clock.today()
    counts = dict.fromkeys(Turn, 0)
    urgent = [0, 0, 0]
    sums = _assigned(
        select(
            TURN,
            func.count(),
            *(
                func.sum(case((condition, 1), else_=0))
                for condition in (today > DUE, _R.state_since < _long_ago(today), _SEND_BACK_OPEN)
            ),
        ).select_from(_R),
        actor,
    ).group_by(TURN)
    for turn, count, *marked in session.execute(sums):
        counts[Turn(turn)] = int(count)
        if turn == Turn.VERIFIER.value:
            urgent = [int(one or 0) for one in marked]
    asked = _narrowed(wanted, today)
    total = session.scalar(_assigned(select(func.count()).select_from(_R), actor).where(*asked)) or 0
    pages = max(1, -(-total // PER_PAGE))
    page = max(1, min(wanted.page, pages))
    found = session.execute(
        _rows(actor, wanted).where(*asked).limit(PER_PAGE).offset((page - 1) * PER_PAGE)
    ).all()
    return DeskPage(tuple(_row(one, today) for one in found), counts, total, page, pages, *urgent)


def _long_ago(today: date) -> datetime:
    """Whatever is older lies there for more than VERIFIER_DAYS, by days in Tokyo."""
    first = today - timedelta(days=VERIFIER_DAYS)
    return datetime(first.year, first.month, first.day, tzinfo=clock.TOKYO)


def _narrowed(wanted: Wanted, today: date) -> list[ColumnElement[bool]]:
    asked: list[ColumnElement[bool]] = [wanted.turn.value == TURN, _matching(wanted.words)]
    if wanted.state is not None:
        asked.append(_R.state == wanted.state)
    if wanted.charge is not None:
        nobody = VerifierAssignment.in_charge_id.is_(None)
        asked.append(VerifierAssignment.in_charge_id == wanted.charge if wanted.charge else nobody)
    if wanted.late is Lateness.OVERDUE:
        asked.append(and_(today > DUE, _OPEN))
    if wanted.late is Lateness.SOON:
        asked.append(and_(today <= DUE, today + timedelta(days=SOON_DAYS) >= DUE, _OPEN))
    if wanted.late is Lateness.WAITING:
        asked.append(and_(Turn.VERIFIER.value == TURN, _R.state_since < _long_ago(today)))
    return asked


def _matching(words: str) -> ColumnElement[bool]:
    """Every word stands in the company's name, the site's name, or their kana; nothing else is searched."""
    return and_(true(), *(_found(word) for word in words.split()[:MOST_WORDS]))


def _found(word: str) -> ColumnElement[bool]:
    plain, key = unicodedata.normalize("NFKC", word).casefold(), search_key(word)
    found = [func.lower(Holder.site_name).contains(plain, autoescape=True)]
    if key and "|" not in key:  # it parts the texts of a key
        found.append(Organisation.search_key.contains(key, autoescape=True))
        found += [
            _folded(column).contains(key, autoescape=True) for column in (Holder.site_name, Holder.site_kana)
        ]
    return or_(*found)


def _folded(column: Any) -> Any:
    """A name as a key has it, as far as the database can fold it."""
    return func.lower(func.replace(func.replace(column, " ", ""), "\u3000", ""))


def _rows(actor: User, wanted: Wanted) -> Select[Any]:
    column: Any = {
        Order.SINCE: _R.state_since,
        Order.DUE: DUE,
        Order.HOLDER: Organisation.name_kana,
        Order.EMISSIONS: func.coalesce(_R.emissions, -1),
    }[wanted.order]
    query = _assigned(
        select(
            _R,
            VerifierAssignment,
            TURN.label("turn"),
            DUE.label("due"),
            _SEND_BACK_OPEN.label("send_back"),
            _QUESTION_OPEN.label("question"),
        ),
        actor,
    )
    options = (
        contains_eager(_R.holder).options(
            contains_eager(Holder.representative), contains_eager(Holder.phase)
        ),
        joinedload(VerifierAssignment.in_charge),
    )
    order = column.desc() if wanted.descending else column.asc()
    found: Select[Any] = query.options(*options).order_by(order, _R.id)
    return found


def _row(found: Any, today: date) -> AssignedReport:
    report, assignment, turn, due, send_back, question = found
    days = waiting_days(report.state_since)
    return AssignedReport(
        id=report.id,
        holder=report.holder,
        period=report.period,
        fiscal_years=fiscal_years(report.holder.phase, report.period),
        state=report.state,
        since=report.state_since,
        days=days,
        due=due,
        left=(due - today).days,
        emissions=report.emissions,
        in_charge=assignment.in_charge,
        send_back_open=bool(send_back),
        returned=report.returned_reason is not None,
        question_open=bool(question),
        done=turn == Turn.NOBODY.value,
        late=report.late,
        waiting_long=turn == Turn.VERIFIER.value and days > VERIFIER_DAYS,
    )
