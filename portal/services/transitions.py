"""Every workflow's transition table: state, action → next state, permission, audit tag, mail kind."""

from __future__ import annotations

from portal.models import (
    ApplicationState,
    DecisionState,
    MovementState,
    ReportState,
    RevocationState,
    TargetState,
)
from portal.permissions import Permission as P
from portal.services.audit import EventTag as T
from portal.services.office_transitions import (
    ACCOUNT,
    ACCOUNT_CHANGE,
    IMPORT,
    LETTER,
    LETTER_BATCH,
    PHASE_PROPOSAL,
)
from portal.services.reporting_transitions import FACTOR_PROPOSAL, PUBLICATION
from portal.services.settlement_transitions import ISSUE_BATCH, PHASE_CLOSING
from portal.services.workflow import Edge, Workflow

__all__ = ["ACCOUNT", "ACCOUNT_CHANGE", "ALL", "APPLICATION", "BANKING", "CONTACT_CHANGE", "IMPORT", "LETTER"]
__all__ += ["LETTER_BATCH", "MOVEMENT", "PHASE_PROPOSAL", "REPORT", "REVOCATION", "TARGET"]
__all__ += ["FACTOR_PROPOSAL", "ISSUE_BATCH", "PHASE_CLOSING", "PUBLICATION"]

_A, _R, _M, _D = ApplicationState, ReportState, MovementState, DecisionState

#: domain §3
APPLICATION = Workflow(
    "application",
    (
        Edge(
            _A.RECEIVED,
            "accept",
            _A.ACCEPTED,
            P.REGISTRATION_DECIDE,
            T.APPLICATION_ACCEPTED,
            mail="registration_accepted",
        ),
        Edge(
            _A.RECEIVED,
            "ask_correction",
            _A.CORRECTION_ASKED,
            P.REGISTRATION_DECIDE,
            T.APPLICATION_CORRECTION_ASKED,
            mail="application_correction_asked",
            reason=True,
        ),
        Edge(
            _A.RECEIVED,
            "reject",
            _A.REJECTED,
            P.REGISTRATION_DECIDE,
            T.APPLICATION_REJECTED,
            mail="application_rejected",
            reason=True,
        ),
        Edge(
            _A.RECEIVED,
            "withdraw",
            _A.WITHDRAWN,
            P.REGISTRATION_DECIDE,
            T.APPLICATION_WITHDRAWN,
            mail="application_withdrawn",
            reason=True,
        ),
        Edge(_A.CORRECTION_ASKED, "correct", _A.RECEIVED, P.REGISTRATION_EDIT, T.APPLICATION_CORRECTED),
        Edge(
            _A.CORRECTION_ASKED,
            "reject",
            _A.REJECTED,
            P.REGISTRATION_DECIDE,
            T.APPLICATION_REJECTED,
            mail="application_rejected",
            reason=True,
        ),
        Edge(
            _A.CORRECTION_ASKED,
            "withdraw",
            _A.WITHDRAWN,
            P.REGISTRATION_DECIDE,
            T.APPLICATION_WITHDRAWN,
            mail="application_withdrawn",
            reason=True,
        ),
    ),
)

#: domain §4; the adjustment year knows only submit, receive and return
REPORT = Workflow(
    "report",
    (
        Edge(
            _R.NOT_SUBMITTED,
            "request_verification",
            _R.VERIFICATION_REQUESTED,
            P.REPORT_OWN_EDIT,
            T.VERIFICATION_REQUESTED,
            mail="verification_requested",
        ),
        Edge(
            _R.NOT_SUBMITTED,
            "submit",
            _R.SUBMITTED,
            P.REPORT_OWN_EDIT,
            T.REPORT_SUBMITTED,
            mail="report_submitted",
        ),
        Edge(
            _R.VERIFICATION_REQUESTED,
            "return_to_holder",
            _R.NOT_SUBMITTED,
            P.REPORT_VERIFY,
            T.REPORT_RETURNED,
            mail="report_returned",
            reason=True,
        ),
        Edge(
            _R.VERIFICATION_REQUESTED,
            "request_approval",
            _R.APPROVAL_REQUESTED,
            P.REPORT_VERIFY,
            T.APPROVAL_REQUESTED,
            mail="approval_requested",
        ),
        Edge(
            _R.APPROVAL_REQUESTED,
            "start_review",
            _R.UNDER_REVIEW,
            P.REPORT_REVIEW,
            T.REVIEW_STARTED,
            mail="review_started",
        ),
        Edge(
            _R.APPROVAL_REQUESTED,
            "return_to_verifier",
            _R.VERIFICATION_REQUESTED,
            P.REPORT_REVIEW,
            T.REPORT_RETURNED_TO_VERIFIER,
            mail="report_returned_to_verifier",
            reason=True,
        ),
        Edge(
            _R.UNDER_REVIEW,
            "approve",
            _R.APPROVED,
            P.REPORT_APPROVE,
            T.REPORT_APPROVED,
            mail="report_approved",
        ),
        Edge(
            _R.UNDER_REVIEW,
            "return_to_verifier",
            _R.VERIFICATION_REQUESTED,
            P.REPORT_REVIEW,
            T.REPORT_RETURNED_TO_VERIFIER,
            mail="report_returned_to_verifier",
            reason=True,
        ),
        Edge(
            _R.APPROVED,
            "revoke",
            _R.UNDER_REVIEW,
            P.REVOCATION_CONFIRM,
            T.REVOCATION_CONFIRMED,
            mail="approval_revoked",
        ),
        Edge(
            _R.SUBMITTED, "receive", _R.RECEIVED, P.REPORT_REVIEW, T.REPORT_RECEIVED, mail="report_received"
        ),
        Edge(
            _R.SUBMITTED,
            "return_submitted",
            _R.NOT_SUBMITTED,
            P.REPORT_REVIEW,
            T.REPORT_RETURNED,
            mail="report_returned",
            reason=True,
        ),
    ),
)

#: domain §5: holders and traders execute what they propose; the secretariat's need another person
MOVEMENT = Workflow(
    "movement",
    (
        Edge(
            _M.PROPOSED,
            "execute",
            _M.EXECUTED,
            P.ALLOWANCE_OWN_VIEW,
            T.MOVEMENT_EXECUTED,
            mail="movement_executed",
        ),
        Edge(
            _M.PROPOSED,
            "confirm",
            _M.EXECUTED,
            P.MOVEMENT_CONFIRM,
            T.MOVEMENT_EXECUTED,
            mail="movement_executed",
        ),
        Edge(
            _M.PROPOSED,
            "withdraw",
            _M.WITHDRAWN,
            P.MOVEMENT_PROPOSE,
            T.MOVEMENT_WITHDRAWN,
            mail="proposal_withdrawn",
        ),
        Edge(
            _M.PROPOSED,
            "decline",
            _M.WITHDRAWN,
            P.MOVEMENT_CONFIRM,
            T.MOVEMENT_DECLINED,
            mail="proposal_declined",
            reason=True,
        ),
        Edge(_M.PROPOSED, "expire", _M.EXPIRED, P.MOVEMENT_PROPOSE, T.MOVEMENT_EXPIRED),
    ),
)

TARGET = Workflow(
    "reduction_target",
    (
        Edge(
            TargetState.PROPOSED,
            "confirm",
            TargetState.CONFIRMED,
            P.TARGET_CONFIRM,
            T.TARGET_CONFIRMED,
            mail="target_confirmed",
        ),
        Edge(
            TargetState.PROPOSED,
            "withdraw",
            TargetState.WITHDRAWN,
            P.TARGET_PROPOSE,
            T.TARGET_WITHDRAWN,
            mail="proposal_withdrawn",
        ),
        Edge(
            TargetState.PROPOSED,
            "decline",
            TargetState.WITHDRAWN,
            P.TARGET_CONFIRM,
            T.TARGET_DECLINED,
            mail="proposal_declined",
            reason=True,
        ),
    ),
)

REVOCATION = Workflow(
    "approval_revocation",
    (
        Edge(
            RevocationState.PROPOSED,
            "confirm",
            RevocationState.CONFIRMED,
            P.REVOCATION_CONFIRM,
            T.REVOCATION_CONFIRMED,
        ),
        Edge(
            RevocationState.PROPOSED,
            "withdraw",
            RevocationState.WITHDRAWN,
            P.REVOCATION_PROPOSE,
            T.REVOCATION_WITHDRAWN,
            mail="proposal_withdrawn",
        ),
        Edge(
            RevocationState.PROPOSED,
            "decline",
            RevocationState.WITHDRAWN,
            P.REVOCATION_CONFIRM,
            T.REVOCATION_DECLINED,
            mail="proposal_declined",
            reason=True,
        ),
        Edge(
            RevocationState.PROPOSED,
            "expire",
            RevocationState.EXPIRED,
            P.REVOCATION_PROPOSE,
            T.REVOCATION_EXPIRED,
        ),
    ),
)

CONTACT_CHANGE = Workflow(
    "contact_change",
    (
        Edge(
            DecisionState.APPLIED,
            "accept",
            DecisionState.ACCEPTED,
            P.CONTACT_CHANGE_DECIDE,
            T.CONTACT_CHANGE_ACCEPTED,
            mail="contact_change_accepted",
        ),
        Edge(
            DecisionState.APPLIED,
            "decline",
            DecisionState.DECLINED,
            P.CONTACT_CHANGE_DECIDE,
            T.CONTACT_CHANGE_DECLINED,
            mail="contact_change_declined",
            reason=True,
        ),
        Edge(
            _D.APPLIED,
            "withdraw",
            _D.WITHDRAWN,
            P.CONTACT_CHANGE_APPLY,
            T.CONTACT_CHANGE_WITHDRAWN,
            mail="contact_change_withdrawn",
        ),
    ),
)

BANKING = Workflow(
    "banking_application",
    (
        Edge(
            _D.APPLIED, "accept", _D.ACCEPTED, P.BANKING_DECIDE, T.BANKING_ACCEPTED, mail="banking_accepted"
        ),
        Edge(
            DecisionState.APPLIED,
            "decline",
            DecisionState.DECLINED,
            P.BANKING_DECIDE,
            T.BANKING_DECLINED,
            mail="banking_declined",
            reason=True,
        ),
        Edge(
            _D.APPLIED,
            "withdraw",
            _D.WITHDRAWN,
            P.BANKING_APPLY,
            T.BANKING_WITHDRAWN,
            mail="banking_withdrawn",
        ),
    ),
)

ALL = (
    APPLICATION,
    REPORT,
    MOVEMENT,
    LETTER,
    TARGET,
    REVOCATION,
    CONTACT_CHANGE,
    BANKING,
    PHASE_PROPOSAL,
    ACCOUNT_CHANGE,
    ACCOUNT,
    IMPORT,
    LETTER_BATCH,
    FACTOR_PROPOSAL,
    PUBLICATION,
    ISSUE_BATCH,
    PHASE_CLOSING,
)
