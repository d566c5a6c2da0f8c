"""The transition tables of issuing a whole phase and of closing one, each by two persons (domain §2)."""

from __future__ import annotations

from portal.models import IssueBatchState, ProposalState
from portal.permissions import Permission as P
from portal.services.audit import EventTag as T
from portal.services.workflow import Edge, Workflow

_B, _P = IssueBatchState, ProposalState

ISSUE_BATCH = Workflow(
    "issue_batch",
    (
        Edge(_B.PROPOSED, "confirm", _B.EXECUTED, P.MOVEMENT_CONFIRM, T.ISSUE_BATCH_EXECUTED),
        Edge(
            _B.PROPOSED,
            "withdraw",
            _B.WITHDRAWN,
            P.MOVEMENT_PROPOSE,
            T.ISSUE_BATCH_WITHDRAWN,
            mail="proposal_withdrawn",
        ),
        Edge(
            _B.PROPOSED,
            "decline",
            _B.WITHDRAWN,
            P.MOVEMENT_CONFIRM,
            T.ISSUE_BATCH_DECLINED,
            mail="proposal_declined",
            reason=True,
        ),
        Edge(_B.PROPOSED, "expire", _B.EXPIRED, P.MOVEMENT_PROPOSE, T.ISSUE_BATCH_EXPIRED),
    ),
)

PHASE_CLOSING = Workflow(
    "phase_closing",
    (
        Edge(_P.PROPOSED, "confirm", _P.CONFIRMED, P.TARGET_CONFIRM, T.PHASE_CLOSED, mail="phase_closed"),
        Edge(
            _P.PROPOSED,
            "withdraw",
            _P.WITHDRAWN,
            P.TARGET_PROPOSE,
            T.PHASE_CLOSING_WITHDRAWN,
            mail="proposal_withdrawn",
        ),
        Edge(
            _P.PROPOSED,
            "decline",
            _P.WITHDRAWN,
            P.TARGET_CONFIRM,
            T.PHASE_CLOSING_DECLINED,
            mail="proposal_declined",
            reason=True,
        ),
        Edge(_P.PROPOSED, "expire", _P.EXPIRED, P.TARGET_PROPOSE, T.PHASE_CLOSING_EXPIRED),
    ),
)
