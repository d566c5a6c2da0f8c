"""What the pages about reports show, without a query for each row (domain §4).

Everything here is emissions: no allowance figure, so that login B and verifiers may read all of it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, defer, joinedload, selectinload
from sqlalchemy.orm.interfaces import ORMOption

from portal import clock
from portal.errors import Problem
from portal.models import (
    ApprovalRevocation,
    EmissionsReport,
    FileKind,
    Holder,
    Period,
    Phase,
    ReportFile,
    ReportState,
    ReviewDocument,
    ReviewSide,
    RevocationState,
    SendBackRequest,
    User,
    VerificationReport,
    Verifier,
    VerifierAssignment,
)
from portal.permissions import SECRETARIAT, Permission, may
from portal.services import access, factors, report_rules
from portal.services.mail_words import fiscal_years
from portal.services.report_files import check_reader
from portal.services.report_lines import (
    FileVersion,
    ReviewLine,
    ReviewStatus,
    VerificationLine,
    files_of,
    review_line,
    review_status,
    verification_line,
)
from portal.services.report_rules import Turn
from portal.services.report_timeline import TimeLineEntry, time_lines
from portal.services.spreadsheets.form_types import FormReading

#: a report lying with the verifier for more days than these is pointed out on its desk
VERIFIER_DAYS = 30


@dataclass(frozen=True)
class SourceFigure:
    """A line of the current file: activity in ``unit``, ``emissions`` in t-CO2 to full precision."""

    fiscal_year: int
    name: str
    factor_code: str
    unit: str
    activity: str
    emissions: Fraction


@dataclass(frozen=True)
class ReportView:
    """Everything a page shows of one report, and what its reader may do with it now.

    ``actions`` are names of ``transitions.REPORT`` and ``report_rules.SIDE_ACTS``; ``blocked`` says of
    an expected act why it is not possible yet. Figures in t-CO2.
    """

    id: int
    version: int
    holder: Holder
    period: Period
    fiscal_years: tuple[int, ...]
    state: ReportState
    state_since: datetime
    verifier: str | None
    verified: bool  # False: this period knows no verification
    emissions: int | None
    confirmed_emissions: int | None
    confirmed_at: datetime | None
    late: bool
    opens: date
    due: date
    returned_reason: str | None
    returned_at: datetime | None
    #: it came back because its holder asked for it
    granted: SendBackRequest | None
    #: who returned it; a participant does not see who acts in the office
    returned_by: User | None
    versions: tuple[FileVersion, ...]
    attachments: tuple[FileVersion, ...]
    verifications: tuple[VerificationLine, ...]
    verification: VerificationLine | None
    review_documents: tuple[ReviewLine, ...]
    review_status: ReviewStatus
    send_back: SendBackRequest | None
    revocation: ApprovalRevocation | None
    turn: Turn
    your_turn: bool
    actions: tuple[str, ...]
    blocked: dict[str, Problem]
    #: fiscal years of which a factor that the current file uses has changed since; none once it is final
    outdated: tuple[int, ...]
    time_line: tuple[TimeLineEntry, ...]

    @property
    def current_file(self) -> FileVersion | None:
        """The version that counts, if there is one."""
        return next((v for v in self.versions if v.current), None)

    @property
    def rounds(self) -> int:
        """How many questions were asked."""
        return max((d.round for d in self.review_documents), default=0)

    @property
    def waiting_days(self) -> int:
        """Whole days in the present state."""
        return waiting_days(self.state_since)

    @property
    def days_left(self) -> int:
        """Whole days until the report is due; negative after it."""
        return (self.due - clock.today()).days

    def may(self, action: str) -> bool:
        """Whether the reader may do ``action`` now."""
        return action in self.actions


def waiting_days(since: datetime) -> int:
    """Whole calendar days (Tokyo) since a moment."""
    return (clock.today() - clock.in_tokyo(since).date()).days


def holder_reports(session: Session, actor: User) -> list[ReportView]:
    """The reader's own reports in the order of the periods. Logins A and B see the same."""
    access.check(actor, Permission.REPORT_OWN_VIEW)
    return _views(session, access.visible(EmissionsReport, actor), actor)


def report_view(session: Session, report_id: int, actor: User) -> ReportView:
    """One report for whoever may see it. Raises ``NotAllowed`` or ``NotFound``."""
    check_reader(actor)
    report = access.get_visible(session, EmissionsReport, report_id, actor)
    query = access.visible(EmissionsReport, actor).where(EmissionsReport.id == report.id)
    return _views(session, query, actor)[0]


def period_view(session: Session, period: Period, actor: User) -> ReportView:
    """The reader's own report of ``period``. Raises ``NotAllowed``."""
    return next(view for view in holder_reports(session, actor) if view.period is period)


def source_figures(session: Session, report_id: int, actor: User) -> tuple[SourceFigure, ...]:
    """The lines of the current file as the reader of the form found them; empty without a file."""
    check_reader(actor)
    report = access.get_visible(session, EmissionsReport, report_id, actor)
    file = report.current_file
    if file is None or file.reading is None:
        return ()
    reading = FormReading.from_dict(file.reading)
    return tuple(
        SourceFigure(
            line.fiscal_year, line.name, line.factor_code, line.unit, f"{line.activity:f}", line.emissions
        )
        for line in reading.lines
    )


def base_emissions(session: Session, holder_id: int) -> int | None:
    """The confirmed base-year emissions of a holder (t-CO2), for comparison; ``None`` until approved.

    Decided: whoever may see any report of the holder reads this one figure beside it, also a verifier
    to whom only the target-year report is assigned. It is what the target year is judged against.
    """
    return session.scalars(
        select(EmissionsReport.confirmed_emissions).where(
            EmissionsReport.holder_id == holder_id, EmissionsReport.period == Period.BASE
        )
    ).one_or_none()


@dataclass(frozen=True)
class DeskRow:
    """One report in the office's queue: the row of a list."""

    id: int
    holder: Holder
    period: Period
    fiscal_years: tuple[int, ...]
    state: ReportState
    since: datetime
    days: int
    emissions: int | None
    verifier: str | None
    turn: Turn
    done: bool
    overdue: bool
    send_back_open: bool
    returned: bool
    question_open: bool
    late: bool


_QUEUE = (ReportState.APPROVAL_REQUESTED, ReportState.UNDER_REVIEW, ReportState.SUBMITTED)


def review_queue(session: Session, actor: User) -> list[DeskRow]:
    """What lies with the secretariat, the oldest first; an open question to a verifier counts too."""
    access.check(actor, Permission.REPORT_ALL_VIEW)
    return _rows(session, select(EmissionsReport).where(EmissionsReport.state.in_(_QUEUE)))


def _rows(session: Session, query: Select[EmissionsReport]) -> list[DeskRow]:
    reports = session.scalars(
        query.options(*_plain()).order_by(EmissionsReport.state_since, EmissionsReport.id)
    ).all()
    return [_row(report) for report in reports]


def _row(report: EmissionsReport) -> DeskRow:
    facts = report_rules.facts_of(report)
    verifier = report_rules.live_verifier(report)
    turn = report_rules.turn(facts)
    days = waiting_days(report.state_since)
    return DeskRow(
        id=report.id,
        holder=report.holder,
        period=report.period,
        fiscal_years=fiscal_years(report.holder.phase, report.period),
        state=report.state,
        since=report.state_since,
        days=days,
        emissions=report.emissions,
        verifier=verifier.label if verifier is not None else None,
        turn=turn,
        done=turn is Turn.NOBODY,
        overdue=turn is Turn.VERIFIER and days > VERIFIER_DAYS,
        send_back_open=facts.request_open,
        returned=report.returned_reason is not None,
        question_open=facts.question_open and report.state is ReportState.UNDER_REVIEW,
        late=report.late,
    )


def _plain() -> list[ORMOption]:
    """What every list of reports needs, each in one further query."""
    holder = joinedload(EmissionsReport.holder)
    return [
        holder.joinedload(Holder.representative),
        holder.joinedload(Holder.account),
        holder.joinedload(Holder.phase).selectinload(Phase.rules),
        selectinload(EmissionsReport.assignments)
        .joinedload(VerifierAssignment.verifier)
        .joinedload(Verifier.organisation),
        selectinload(EmissionsReport.files).options(
            defer(ReportFile.reading), joinedload(ReportFile.document), joinedload(ReportFile.uploaded_by)
        ),
        selectinload(EmissionsReport.verification_reports),
        selectinload(EmissionsReport.review_documents),
        selectinload(EmissionsReport.send_back_requests),
    ]


def _views(session: Session, query: Select[EmissionsReport], actor: User) -> list[ReportView]:
    full = [
        *_plain(),
        selectinload(EmissionsReport.verification_reports).joinedload(VerificationReport.document),
        selectinload(EmissionsReport.verification_reports)
        .joinedload(VerificationReport.verifier)
        .joinedload(Verifier.organisation),
        selectinload(EmissionsReport.review_documents).options(
            joinedload(ReviewDocument.document), joinedload(ReviewDocument.sent_by)
        ),
        joinedload(EmissionsReport.returned_by).joinedload(User.verifier).joinedload(Verifier.organisation),
    ]
    reports = session.scalars(query.options(*full).execution_options(populate_existing=True)).all()
    lines = time_lines(session, reports, actor)
    revocations = _revocations(session, [report.id for report in reports])
    old = factors.outdated(session, [report for report in reports if report.state not in _FINAL])
    views = [
        _view(report, actor, lines[report.id], revocations.get(report.id), old.get(report.id, ()))
        for report in reports
    ]
    order = list(Period)
    return sorted(views, key=lambda view: (view.holder.id, order.index(view.period)))


def _revocations(session: Session, ids: Collection[int]) -> dict[int, ApprovalRevocation]:
    rows = session.scalars(
        select(ApprovalRevocation)
        .where(ApprovalRevocation.report_id.in_(ids), ApprovalRevocation.state == RevocationState.PROPOSED)
        .options(joinedload(ApprovalRevocation.proposed_by))
    )
    return {row.report_id: row for row in rows}


_FINAL = (ReportState.APPROVED, ReportState.RECEIVED)
_SIDE_OF = {
    Permission.REPORT_OWN_EDIT: Turn.HOLDER,
    Permission.REPORT_VERIFY: Turn.VERIFIER,
    Permission.REPORT_REVIEW: Turn.SECRETARIAT,
}


def _view(
    report: EmissionsReport,
    actor: User,
    time_line: tuple[TimeLineEntry, ...],
    revocation: ApprovalRevocation | None,
    outdated: tuple[int, ...],
) -> ReportView:
    facts = report_rules.facts_of(report, revocation_open=revocation is not None, outdated=outdated)
    actions, blocked = report_rules.possible(facts, actor.role)
    turn = report_rules.turn(facts)
    opens, due = report_rules.window(report_rules.rule_of(report.holder.phase), report.period)
    verifier = report_rules.live_verifier(report)
    # why a verifier before gave it back is between that one and the holder
    strange = _by_another_verifier(report, actor)
    verifications = tuple(
        verification_line(report, row)
        for row in report.verification_reports
        if actor.verifier_id in (None, row.verifier_id)
    )
    return ReportView(
        id=report.id,
        version=report.version,
        holder=report.holder,
        period=report.period,
        fiscal_years=fiscal_years(report.holder.phase, report.period),
        state=report.state,
        state_since=report.state_since,
        verifier=verifier.label if verifier is not None else None,
        verified=report.period is not Period.ADJUSTMENT,
        emissions=report.emissions,
        confirmed_emissions=report.confirmed_emissions,
        confirmed_at=report.confirmed_at,
        late=report.late,
        opens=opens,
        due=due,
        returned_reason=None if strange else report.returned_reason,
        returned_at=None if strange else report.returned_at,
        granted=None if strange else report_rules.granted_request(report),
        returned_by=_returned_by(report, actor),
        versions=files_of(report, FileKind.CALCULATION),
        attachments=files_of(report, FileKind.ATTACHMENT),
        verifications=verifications,
        verification=next((v for v in reversed(verifications) if v.current), None),
        review_documents=tuple(
            review_line(row) for row in report.review_documents if _of_its_work(row, actor)
        ),
        review_status=review_status(facts),
        send_back=report_rules.open_request(report),
        revocation=revocation,
        turn=turn,
        your_turn=any(side is turn and may(actor.role, permission) for permission, side in _SIDE_OF.items()),
        actions=actions,
        blocked=blocked,
        outdated=outdated,
        time_line=time_line,
    )


def _of_its_work(row: ReviewDocument, reader: User) -> bool:
    """A verifier reads the office's questions and its own answers, not those of a verifier before."""
    own = row.sent_by.verifier_id == reader.verifier_id
    return reader.verifier_id is None or row.side is ReviewSide.SECRETARIAT or own


def _by_another_verifier(report: EmissionsReport, reader: User) -> bool:
    by = report.returned_by
    return (
        reader.verifier_id is not None and by is not None and by.verifier_id not in (None, reader.verifier_id)
    )


def _returned_by(report: EmissionsReport, reader: User) -> User | None:
    by = report.returned_by
    hidden = by is not None and by.role in SECRETARIAT and reader.role not in SECRETARIAT
    return None if hidden or _by_another_verifier(report, reader) else by
