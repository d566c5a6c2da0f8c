"""What may be done with an emissions report, and why not: one pure function for page and lock (domain §4).

The state changes stand in ``transitions.REPORT``; the acts that change no state stand here. The
same :func:`refusal` answers before the button and again under the lock (architecture, habit 2).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from portal import clock
from portal.errors import NotFound, Problem, Refusal
from portal.models import (
    PASSING_OPINIONS,
    EmissionsReport,
    FileKind,
    Opinion,
    Period,
    Phase,
    PhaseRule,
    ReportFile,
    ReportState,
    RequestAnswer,
    ReviewDocument,
    ReviewSide,
    SendBackRequest,
    VerificationReport,
    Verifier,
    VerifierAssignment,
)
from portal.permissions import Permission, Role, may
from portal.services.transitions import REPORT

#: the most a calculation report, an attachment or a verification report may weigh
FORM_LIMIT_MB = 10
FILE_LIMIT_MB = 20
ATTACHMENT_LIMIT = 10

_S = ReportState

#: acts that leave the report in its state: act → the state it needs, the permission
SIDE_ACTS: dict[str, tuple[ReportState, Permission]] = {
    "register_file": (_S.NOT_SUBMITTED, Permission.REPORT_OWN_EDIT),
    "attach_file": (_S.NOT_SUBMITTED, Permission.REPORT_OWN_EDIT),
    "remove_attachment": (_S.NOT_SUBMITTED, Permission.REPORT_OWN_EDIT),
    "request_send_back": (_S.VERIFICATION_REQUESTED, Permission.REPORT_OWN_EDIT),
    "save_draft": (_S.VERIFICATION_REQUESTED, Permission.REPORT_VERIFY),
    "register_verification": (_S.VERIFICATION_REQUESTED, Permission.REPORT_VERIFY),
    "grant_send_back": (_S.VERIFICATION_REQUESTED, Permission.REPORT_VERIFY),
    "decline_send_back": (_S.VERIFICATION_REQUESTED, Permission.REPORT_VERIFY),
    "answer_review": (_S.UNDER_REVIEW, Permission.REPORT_VERIFY),
    "send_review_document": (_S.UNDER_REVIEW, Permission.REPORT_REVIEW),
    "propose_revocation": (_S.APPROVED, Permission.REVOCATION_PROPOSE),
}
_FILE_ACTS = frozenset({"register_file", "attach_file", "remove_attachment"})
HANDING_IN = frozenset({"request_verification", "submit"})


class Turn(StrEnum):
    """Whose turn it is."""

    HOLDER = "holder"
    VERIFIER = "verifier"
    SECRETARIAT = "secretariat"
    NOBODY = "nobody"


@dataclass(frozen=True)
class ReportFacts:
    """What decides about one report, as plain values. Days are Tokyo's."""

    period: Period
    state: ReportState
    opens: date
    today: date
    has_file: bool
    attachments: int
    has_verifier: bool
    request_open: bool
    #: of the newest verification report of the current file by the present verifier
    opinion: Opinion | None
    #: a review document that the secretariat sent in this review waits for the verifier's answer
    question_open: bool
    #: the secretariat has sent a review document at all
    asked: bool
    #: its last one was never answered, in this review or an earlier one
    unanswered: bool = False
    revocation_open: bool = False
    #: fiscal years of which a factor that the current file uses has changed since
    outdated: tuple[int, ...] = ()


def permission_of(action: str) -> Permission:
    """Which permission an act needs, whatever the state. Raises ``KeyError`` for an unknown act."""
    if action in SIDE_ACTS:
        return SIDE_ACTS[action][1]
    return {edge.action: edge.permission for edge in REPORT.edges}[action]


def refusal(action: str, facts: ReportFacts) -> Problem | None:
    """The first rule that stands against ``action``, or ``None``. Pure."""
    if action == "request_verification" and facts.period is Period.ADJUSTMENT:
        return Problem(Refusal.NO_VERIFICATION_HERE)
    if action == "submit" and facts.period is not Period.ADJUSTMENT:
        return Problem(Refusal.WRONG_STATE)
    if not _state_fits(action, facts.state):
        return Problem(Refusal.FILES_LOCKED if action in _FILE_ACTS else Refusal.WRONG_STATE)
    if action in _FILE_ACTS | HANDING_IN and facts.today < facts.opens:
        return Problem(Refusal.PERIOD_NOT_OPEN, None, {"opens": facts.opens})
    if action in HANDING_IN and not facts.has_file:
        return Problem(Refusal.NO_VALID_REPORT)
    if action in HANDING_IN and facts.outdated:
        years = tuple(str(year) for year in facts.outdated)
        return Problem(Refusal.FACTORS_OUTDATED, None, {"years": years})
    rules = {
        "attach_file": (
            facts.attachments >= ATTACHMENT_LIMIT,
            Problem(Refusal.TOO_MANY_FILES, "file", {"limit": ATTACHMENT_LIMIT}),
        ),
        "request_verification": (not facts.has_verifier, Problem(Refusal.NO_VERIFIER)),
        "request_send_back": (facts.request_open, Problem(Refusal.REQUEST_OPEN)),
        "grant_send_back": (not facts.request_open, Problem(Refusal.NO_REQUEST)),
        "decline_send_back": (not facts.request_open, Problem(Refusal.NO_REQUEST)),
        "answer_review": (not facts.asked, Problem(Refusal.NO_QUESTION)),
        "propose_revocation": (facts.revocation_open, Problem(Refusal.REVOCATION_OPEN)),
    }
    against, problem = rules.get(action, (False, None))
    if against:
        return problem
    return _approval_refusal(facts) if action == "request_approval" else None


def _state_fits(action: str, state: ReportState) -> bool:
    if action in SIDE_ACTS:
        return SIDE_ACTS[action][0] is state
    return REPORT.edge(state, action) is not None


def _approval_refusal(facts: ReportFacts) -> Problem | None:
    if facts.request_open:
        return Problem(Refusal.REQUEST_UNANSWERED)
    if facts.opinion is None:
        return Problem(Refusal.VERIFICATION_MISSING)
    if facts.opinion not in PASSING_OPINIONS:
        return Problem(Refusal.OPINION_NOT_PASSING)
    return None


#: refusals worth a sentence where the button would be; the others only mean "not now"
_WORTH_SAYING = frozenset(
    {
        Refusal.PERIOD_NOT_OPEN,
        Refusal.NO_VALID_REPORT,
        Refusal.FACTORS_OUTDATED,
        Refusal.NO_VERIFIER,
        Refusal.TOO_MANY_FILES,
        Refusal.REQUEST_OPEN,
        Refusal.REQUEST_UNANSWERED,
        Refusal.VERIFICATION_MISSING,
        Refusal.OPINION_NOT_PASSING,
        Refusal.REVOCATION_OPEN,
    }
)


def possible(facts: ReportFacts, role: Role) -> tuple[tuple[str, ...], dict[str, Problem]]:
    """What a login of ``role`` may do now, and what it would expect to do but cannot yet, with why.

    ``revoke`` is never among them: it happens by confirming a proposal.
    """
    allowed: list[str] = []
    blocked: dict[str, Problem] = {}
    acts = [act for act, (state, need) in SIDE_ACTS.items() if state is facts.state and may(role, need)]
    for act in [*acts, *REPORT.actions_for(facts.state, role)]:
        if act == "revoke":
            continue
        problem = refusal(act, facts)
        if problem is None:
            allowed.append(act)
        elif problem.refusal in _WORTH_SAYING:
            blocked[act] = problem
    return tuple(allowed), blocked


def turn(facts: ReportFacts) -> Turn:
    """Whose turn it is: an unanswered review document is the verifier's."""
    if facts.state is _S.UNDER_REVIEW:
        return Turn.VERIFIER if facts.question_open else Turn.SECRETARIAT
    return {
        _S.NOT_SUBMITTED: Turn.HOLDER,
        _S.VERIFICATION_REQUESTED: Turn.VERIFIER,
        _S.APPROVAL_REQUESTED: Turn.SECRETARIAT,
        _S.SUBMITTED: Turn.SECRETARIAT,
    }.get(facts.state, Turn.NOBODY)


def rule_of(phase: Phase) -> PhaseRule:
    """The rule of ``phase`` that is in force."""
    rule = next((r for r in phase.rules if r.superseded_at is None), None)
    if rule is None:
        raise NotFound
    return rule


def window(rule: PhaseRule, period: Period) -> tuple[date, date]:
    """(the first day a report of ``period`` may be registered, the day it is due)."""
    return {
        Period.BASE: (rule.base_report_from, rule.base_report_due),
        Period.TARGET: (rule.target_report_from, rule.target_report_due),
        Period.ADJUSTMENT: (rule.adjustment_report_from, rule.adjustment_report_due),
    }[period]


def live_assignment(report: EmissionsReport) -> VerifierAssignment | None:
    """The assignment that has not ended, if any."""
    return next((a for a in report.assignments if a.ended_at is None), None)


def live_verifier(report: EmissionsReport) -> Verifier | None:
    """The verifier the report is assigned to now, if any."""
    assignment = live_assignment(report)
    return assignment.verifier if assignment is not None else None


def open_request(report: EmissionsReport) -> SendBackRequest | None:
    """The send-back request that waits for the verifier, if any."""
    return next((r for r in report.send_back_requests if r.answer is RequestAnswer.OPEN), None)


def granted_request(report: EmissionsReport) -> SendBackRequest | None:
    """The holder's own request by which the report came back to it, if it did."""
    asked = (r for r in report.send_back_requests if r.answer is RequestAnswer.GRANTED)
    return next((r for r in asked if r.answered_at == report.returned_at), None)


def live_attachments(report: EmissionsReport) -> list[ReportFile]:
    """The attachments that were not removed, oldest first."""
    return [f for f in report.files if f.kind is FileKind.ATTACHMENT and f.removed_at is None]


def current_verification(report: EmissionsReport) -> VerificationReport | None:
    """The newest verification report of the current file by the present verifier, if any."""
    assignment = live_assignment(report)
    if assignment is None or report.current_file_id is None:
        return None
    fitting = [
        v
        for v in report.verification_reports
        if v.report_file_id == report.current_file_id and v.verifier_id == assignment.verifier_id
    ]
    return max(fitting, key=lambda v: v.id, default=None)


def last_review_document(report: EmissionsReport) -> ReviewDocument | None:
    """The review document sent last, if any."""
    return max(report.review_documents, key=lambda d: d.id, default=None)


def facts_of(
    report: EmissionsReport, *, revocation_open: bool = False, outdated: tuple[int, ...] = ()
) -> ReportFacts:
    """The deciding values of ``report``, from what is loaded of it, and :func:`.factors.outdated`."""
    verification = current_verification(report)
    last = last_review_document(report)
    unanswered = last is not None and last.side is ReviewSide.SECRETARIAT
    return ReportFacts(
        period=report.period,
        state=report.state,
        opens=window(rule_of(report.holder.phase), report.period)[0],
        today=clock.today(),
        has_file=report.current_file_id is not None,
        attachments=len(live_attachments(report)),
        has_verifier=live_assignment(report) is not None,
        request_open=open_request(report) is not None,
        opinion=verification.opinion if verification is not None else None,
        question_open=unanswered and last is not None and last.sent_at >= report.state_since,
        asked=any(d.side is ReviewSide.SECRETARIAT for d in report.review_documents),
        revocation_open=revocation_open,
        unanswered=unanswered,
        outdated=outdated,
    )
