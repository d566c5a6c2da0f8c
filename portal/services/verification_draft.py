"""What a verifier has written about an assigned report so far (issue "Verifier's desk").

A draft belongs to the assignment: the next verifier starts empty, and neither holder nor office ever see one.
*Decided*: it is kept when the verification report is registered and when the report goes back, so that the
next version starts with the last answers, each marked with the version it was given for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from portal import clock
from portal.errors import Problem, Refusal, Refused, Stale
from portal.models import EmissionsReport, Opinion, User, VerificationDraft, VerifierAssignment
from portal.permissions import Permission
from portal.services import access, audit, checklist, once
from portal.services.audit import EventTag
from portal.services.checklist import Answers, Given
from portal.services.report_rules import live_assignment
from portal.services.report_steps import begin

FINDINGS_LIMIT = 4000
_VERIFIED_LIMIT = 40
#: kept beside the items: the version opinion, figure and findings were written for
_RESULT = "result"


@dataclass(frozen=True)
class Written:
    """The form of the result as typed. ``confirmed``: answers of a version before hold for this one."""

    answers: Answers
    opinion: str = ""
    verified: str = ""
    findings: str = ""
    confirmed: bool = False


@dataclass(frozen=True)
class DraftView:
    """A draft as its page shows it. ``row_version`` 0: nothing was saved yet.

    ``result_version`` is the version of the report that opinion, figure and findings were written for.
    """

    row_version: int
    written: Written
    result_version: int | None = None
    saved_by: str | None = None
    saved_at: datetime | None = None

    def carried(self, version: int) -> list[str]:
        """The codes of the items that were answered for another version than ``version``."""
        return [
            code
            for code, one in self.written.answers.items()
            if one.answer and one.version not in (None, version)
        ]


NOTHING = DraftView(0, Written({}))


def current_version(report: EmissionsReport) -> int:
    """The number of the version that counts; 0 without one."""
    return report.current_file.version_number if report.current_file is not None else 0


def draft_view(session: Session, report_id: int, actor: User) -> DraftView:
    """The draft of the reader's own assignment. Raises ``NotAllowed`` or ``NotFound``."""
    access.check(actor, Permission.REPORT_VERIFY)
    report = access.get_visible(session, EmissionsReport, report_id, actor)
    row = _row(session, _own(report, actor))
    if row is None:
        return NOTHING
    result = row.checklist.get(_RESULT, {})
    return DraftView(
        row.version,
        Written(
            checklist.answers_from(row.checklist), row.opinion or "", row.verified or "", row.findings or ""
        ),
        result.get("version"),
        row.saved_by.name,
        row.saved_at,
    )


def _own(report: EmissionsReport, actor: User) -> VerifierAssignment:
    assignment = live_assignment(report)
    assert assignment is not None and assignment.verifier_id == actor.verifier_id  # it is visible
    return assignment


def _row(session: Session, assignment: VerifierAssignment) -> VerificationDraft | None:
    return session.scalars(
        select(VerificationDraft)
        .where(VerificationDraft.assignment_id == assignment.id)
        .options(joinedload(VerificationDraft.saved_by))
        .execution_options(populate_existing=True)
    ).one_or_none()


def save_draft(
    session: Session,
    report_id: int,
    written: Written,
    *,
    actor: User,
    version: int | None = None,
    draft_version: int | None = None,
    key: str | None = None,
) -> VerificationDraft:
    """Keep what is written so far, finished or not, while verification is requested.

    ``version`` is the report's, ``draft_version`` the draft's as the page showed it (0: none): if a
    colleague saved meanwhile the page is ``Stale``. Raises ``Refused`` with WRONG_STATE, or with what no
    draft can hold either (CHOICE_UNKNOWN, TOO_LONG).
    """
    access.check(actor, Permission.REPORT_VERIFY)
    content = {"report": report_id, "written": repr(written)}
    # locked before the key is looked up: of two presses at once the second waits for the first's answer
    access.get_visible(session, EmissionsReport, report_id, actor, lock=True)
    made = once.earlier(session, key, "save_draft", content, actor=actor)
    if made is not None:
        return session.get_one(VerificationDraft, made)
    report = begin(session, report_id, "save_draft", actor=actor, version=version)
    expect(session, report, draft_version, actor)
    problems = shape_problems(written)
    if problems:
        raise Refused(*problems)
    row = keep(session, report, judged_for(session, report, written, actor), actor=actor)
    audit.record(
        session,
        EventTag.VERIFICATION_DRAFT_SAVED,
        row,
        actor=actor,
        report=report.id,
        number=current_version(report),
    )
    once.remember(session, key, "save_draft", content, row.id, actor=actor)
    return row


def shape_problems(written: Written) -> list[Problem]:
    """What not even a draft can hold. Pure."""
    problems = checklist.shape_problems(written.answers)
    if written.opinion and written.opinion not in list(Opinion):
        problems.append(Problem(Refusal.CHOICE_UNKNOWN, "opinion"))
    for field, text, limit in (
        ("verified", written.verified, _VERIFIED_LIMIT),
        ("findings", written.findings, FINDINGS_LIMIT),
    ):
        if len(text) > limit:
            problems.append(Problem(Refusal.TOO_LONG, field, {"limit": limit}))
    return problems


def judged_for(session: Session, report: EmissionsReport, written: Written, actor: User) -> Written:
    """``written`` with each answer marked by the version it was given for.

    An answer that stands as it was keeps its mark, unless it was confirmed; all others are given now.
    """
    number = current_version(report)
    row = _row(session, _own(report, actor))
    kept = checklist.answers_from(row.checklist) if row is not None else {}

    def marked(code: str, one: Given) -> Given:
        was = kept.get(code)
        same = was is not None and (was.answer, was.remark) == (one.answer, one.remark)
        return replace(one, version=was.version if same and was and not written.confirmed else number)

    answers = {code: marked(code, one) for code, one in checklist.tidied(written.answers).items()}
    return replace(
        written,
        answers=answers,
        verified=written.verified.strip(),
        findings=written.findings.strip(),
    )


def expect(session: Session, report: EmissionsReport, draft_version: int | None, actor: User) -> None:
    """Raise ``Stale`` for a page older than the draft of the locked ``report``; ``None`` asks nothing."""
    if draft_version is None:
        return
    row = _row(session, _own(report, actor))
    if draft_version != (row.version if row is not None else 0):
        raise Stale


def keep(session: Session, report: EmissionsReport, written: Written, *, actor: User) -> VerificationDraft:
    """Write ``written`` into the draft of the locked ``report``."""
    assignment = _own(report, actor)
    row = _row(session, assignment)
    content: dict[str, Any] = {code: one.as_dict() for code, one in written.answers.items()}
    content[_RESULT] = {"version": current_version(report)}
    if row is None:
        row = VerificationDraft(assignment_id=assignment.id)
        session.add(row)
    row.checklist = content
    row.opinion = written.opinion or None
    row.verified = written.verified or None
    row.findings = written.findings or None
    row.saved_by_id = actor.id
    row.saved_at = clock.now()
    session.flush()
    return row
