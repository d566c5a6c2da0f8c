"""Reports in every state, brought there by the services alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_CEILING, Decimal

from sqlalchemy.orm import Session

from portal import clock
from portal.models import EmissionsReport, Holder, Period, ReportFile, ReportState, User, Verifier
from portal.permissions import Role
from portal.services import report_forms, reports, reviews, verification
from portal.services.checklist import ITEMS, Answer, Given
from portal.services.demo.assigning import assign_holder
from portal.services.spreadsheets.calculation_form import read_form
from portal.services.spreadsheets.filled import fill_form
from portal.services.spreadsheets.form_types import FormIdentity, FormReading
from tests.factories import registration as make
from tests.factories.replayed import replayed

#: when a report of the period may be registered, by the dates of ``make.DATES``
WHEN = {
    Period.BASE: "2013-11-05 10:00",
    Period.TARGET: "2015-06-01 10:00",
    Period.ADJUSTMENT: "2016-05-10 10:00",
}
PDF = b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(32)


@dataclass
class Scheme:
    """A holder with its verifier and the secretariat."""

    holder: Holder
    verifier: Verifier
    officer: User
    approver: User
    viewer: User

    def report(self, period: Period = Period.BASE) -> EmissionsReport:
        return next(r for r in self.holder.reports if r.period is period)

    @property
    def a(self) -> User:
        return self.login(Role.HOLDER_A)

    @property
    def b(self) -> User:
        return self.login(Role.HOLDER_B)

    @property
    def v(self) -> User:
        return self.verifier.users[0]

    def login(self, role: Role) -> User:
        """The login of ``role`` in this scheme; there is no trader."""
        people = [*self.holder.users, *self.verifier.users, self.officer, self.approver, self.viewer]
        return next(user for user in people if user.role is role)


def at(moment: str) -> None:
    """Stop the clock at a Tokyo wall time."""
    clock.set_time(datetime.fromisoformat(moment).replace(tzinfo=clock.TOKYO))


@replayed
def scheme(session: Session, *, assigned: bool = True) -> Scheme:
    """A small scheme on 5 November 2013; its base- and target-year reports lie with its verifier."""
    at(WHEN[Period.BASE])
    made = Scheme(
        make.holder(session, mail_b="b@tsubame.example"),
        make.verifier(session),
        *(make.office(session, role) for role in (Role.OFFICER, Role.APPROVER, Role.VIEWER)),
    )
    if assigned:
        assign_holder(session, made.holder.id, made.verifier.id, actor=made.officer)
    session.flush()
    return made


def form(session: Session, report: EmissionsReport, tonnes: int = 7_460) -> bytes:
    """The report's form, filled in with electricity so that it says ``tonnes`` t-CO2."""
    return filled(session, report, tonnes)[0]


def filled(session: Session, report: EmissionsReport, tonnes: int = 7_460) -> tuple[bytes, FormReading]:
    """The filled form and what it says, read in this process; made once for each form and figure."""
    expected = report_forms.expectation(session, report)
    key = (expected.identity, tonnes)
    if key not in _filled:
        total = (Decimal(tonnes) / Decimal("0.00055")).to_integral_value(ROUND_CEILING)
        months = [total // 12] * 11
        months.append(total - sum(months))
        years = dict.fromkeys(expected.identity.fiscal_years, months)
        data = fill_form(expected, [("受電", "electricity", years)])
        _filled[key] = data, read_form(data, expected)
    return _filled[key]


_filled: dict[tuple[FormIdentity, int], tuple[bytes, FormReading]] = {}


def register(session: Session, report: EmissionsReport, tonnes: int = 7_460, *, actor: User) -> ReportFile:
    """Register a form that says ``tonnes`` t-CO2."""
    data, reading = filled(session, report, tonnes)
    name = report_forms.file_name(report)
    return reports.register_file(session, report.id, name, data, actor=actor, reading=reading)


def work(opinion: str = "unqualified") -> verification.Work:
    """A checklist without an open item, and the findings that ``opinion`` needs."""
    answers = {item.code: Given(Answer.CONFORMS) for item in ITEMS}
    return verification.Work(answers, "" if opinion == "unqualified" else "検針日のずれが1か所ありました。")


def verify(session: Session, made: Scheme, report: EmissionsReport, opinion: str = "unqualified") -> None:
    """Register a verification report of the current file."""
    verification.register_verification(
        session, report.id, "検証報告書.pdf", PDF, opinion, report.emissions, work(opinion), actor=made.v
    )


def _steps(
    session: Session, made: Scheme, report: EmissionsReport
) -> dict[ReportState, Callable[[], object]]:
    """State → what brings the report there from the state before."""

    def request_approval() -> None:
        verify(session, made, report)
        verification.request_approval(session, report.id, actor=made.v)

    if report.period is Period.ADJUSTMENT:
        return {
            ReportState.SUBMITTED: lambda: reports.submit(session, report.id, actor=made.a),
            ReportState.RECEIVED: lambda: reviews.receive(session, report.id, actor=made.officer),
        }
    return {
        ReportState.VERIFICATION_REQUESTED: lambda: reports.request_verification(
            session, report.id, actor=made.a
        ),
        ReportState.APPROVAL_REQUESTED: request_approval,
        ReportState.UNDER_REVIEW: lambda: reviews.start_review(session, report.id, actor=made.officer),
        ReportState.APPROVED: lambda: reviews.approve(session, report.id, actor=made.approver),
    }


@replayed
def bring(
    session: Session, made: Scheme, state: ReportState, period: Period | None = None, tonnes: int = 7_460
) -> EmissionsReport:
    """The report of ``period`` in ``state``, from its first file on."""
    adjustment = state in (ReportState.SUBMITTED, ReportState.RECEIVED)
    report = made.report(period or (Period.ADJUSTMENT if adjustment else Period.BASE))
    at(WHEN[report.period])
    register(session, report, tonnes, actor=made.a)
    for reached, step in _steps(session, made, report).items():
        if report.state is state:
            break
        step()
        assert report.state is reached
    session.flush()
    return report
