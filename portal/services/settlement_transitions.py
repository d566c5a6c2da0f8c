"""The transition tables of issuing a whole phase and of closing one, each by two persons (domain §2)."""

from __future__ import annotations

from portal.models import IssueBatchState, ProposalState
from portal.permissions import Permission as P
from portal.services.audit import EventTag as T
from portal.services.workflow import Edge, Workflow, unconfirmed

_B, _P = IssueBatchState, ProposalState

ISSUE_BATCH = Workflow(
    "issue_batch",
    (
        Edge(_B.PROPOSED, "confirm", _B.EXECUTED, P.MOVEMENT_CONFIRM, T.ISSUE_BATCH_EXECUTED),
        *unconfirmed(
            _B,
            P.MOVEMENT_PROPOSE,
            P.MOVEMENT_CONFIRM,
            (T.ISSUE_BATCH_WITHDRAWN, T.ISSUE_BATCH_DECLINED, T.ISSUE_BATCH_EXPIRED),
        ),
    ),
)

PHASE_CLOSING = Workflow(
    "phase_closing",
    (
        Edge(_P.PROPOSED, "confirm", _P.CONFIRMED, P.TARGET_CONFIRM, T.PHASE_CLOSED, mail="phase_closed"),
        *unconfirmed(
            _P,
            P.TARGET_PROPOSE,
            P.TARGET_CONFIRM,
            (T.PHASE_CLOSING_WITHDRAWN, T.PHASE_CLOSING_DECLINED, T.PHASE_CLOSING_EXPIRED),
        ),
    ),
)
