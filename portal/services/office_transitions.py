"""The transition tables of the registration office: letters, imports, proposals, accounts."""

from __future__ import annotations

from portal.models import AccountState, BatchState, ImportState, LetterState, ProposalState
from portal.permissions import Permission as P
from portal.services.audit import EventTag as T
from portal.services.workflow import Edge, Workflow, unconfirmed

_P, _I, _B = ProposalState, ImportState, BatchState
_S, _L = AccountState, LetterState

#: domain §3: what waits and is not needed any more is void, and never posted
LETTER = Workflow(
    "letter",
    (
        Edge(_L.WAITING, "print", _L.PRINTED, P.LETTER_PRINT, T.LETTER_PRINTED),
        Edge(_L.WAITING, "void", _L.VOID, P.LETTER_PRINT, T.LETTER_VOIDED, reason=True),
        Edge(_L.PRINTED, "print", _L.PRINTED, P.LETTER_PRINT, T.LETTER_PRINTED),
        Edge(_L.POSTED, "print", _L.PRINTED, P.LETTER_PRINT, T.LETTER_PRINTED),
        Edge(_L.RETURNED, "print", _L.PRINTED, P.LETTER_PRINT, T.LETTER_PRINTED),
        Edge(_L.PRINTED, "post", _L.POSTED, P.LETTER_PRINT, T.LETTER_POSTED),
        Edge(_L.POSTED, "return", _L.RETURNED, P.LETTER_PRINT, T.LETTER_RETURNED),
    ),
)

#: a phase is opened, and its dates change, by two persons (domain §2)
PHASE_PROPOSAL = Workflow(
    "phase_proposal",
    (
        Edge(_P.PROPOSED, "confirm", _P.CONFIRMED, P.TARGET_CONFIRM, T.PHASE_PROPOSAL_CONFIRMED),
        *unconfirmed(
            _P,
            P.TARGET_PROPOSE,
            P.TARGET_CONFIRM,
            (T.PHASE_PROPOSAL_WITHDRAWN, T.PHASE_PROPOSAL_DECLINED, T.PHASE_PROPOSAL_EXPIRED),
        ),
    ),
)

#: the proposal of an account's new state, and the account itself (domain §2)
ACCOUNT_CHANGE = Workflow(
    "account_change",
    (
        Edge(_P.PROPOSED, "confirm", _P.CONFIRMED, P.ACCOUNT_CONFIRM, T.ACCOUNT_CHANGE_CONFIRMED),
        *unconfirmed(
            _P,
            P.ACCOUNT_PROPOSE,
            P.ACCOUNT_CONFIRM,
            (T.ACCOUNT_CHANGE_WITHDRAWN, T.ACCOUNT_CHANGE_DECLINED, T.ACCOUNT_CHANGE_EXPIRED),
        ),
    ),
)
ACCOUNT = Workflow(
    "account",
    (
        Edge(
            _S.OPEN,
            "suspend",
            _S.SUSPENDED,
            P.ACCOUNT_CONFIRM,
            T.ACCOUNT_SUSPENDED,
            mail="account_suspended",
            reason=True,
        ),
        Edge(
            _S.SUSPENDED,
            "resume",
            _S.OPEN,
            P.ACCOUNT_CONFIRM,
            T.ACCOUNT_RESUMED,
            mail="account_resumed",
            reason=True,
        ),
        Edge(
            _S.OPEN,
            "close",
            _S.CLOSED,
            P.ACCOUNT_CONFIRM,
            T.ACCOUNT_CLOSED,
            mail="account_closed",
            reason=True,
        ),
        Edge(
            _S.SUSPENDED,
            "close",
            _S.CLOSED,
            P.ACCOUNT_CONFIRM,
            T.ACCOUNT_CLOSED,
            mail="account_closed",
            reason=True,
        ),
    ),
)

#: many rows from one file: reading and carrying out are the worker's steps
IMPORT = Workflow(
    "import",
    (
        Edge(_I.UPLOADED, "pass", _I.READY, P.REGISTRATION_EDIT, T.IMPORT_READ),
        Edge(_I.UPLOADED, "refuse", _I.REFUSED, P.REGISTRATION_EDIT, T.IMPORT_REFUSED),
        Edge(_I.READY, "start", _I.RUNNING, P.REGISTRATION_EDIT, T.IMPORT_STARTED),
        Edge(_I.RUNNING, "finish", _I.DONE, P.REGISTRATION_EDIT, T.IMPORT_FINISHED),
        Edge(_I.RUNNING, "fail", _I.FAILED, P.REGISTRATION_EDIT, T.IMPORT_FAILED),
        Edge(_I.READY, "discard", _I.DISCARDED, P.REGISTRATION_EDIT, T.IMPORT_DISCARDED),
        Edge(_I.REFUSED, "discard", _I.DISCARDED, P.REGISTRATION_EDIT, T.IMPORT_DISCARDED),
        Edge(_I.FAILED, "discard", _I.DISCARDED, P.REGISTRATION_EDIT, T.IMPORT_DISCARDED),
    ),
)

LETTER_BATCH = Workflow(
    "letter_batch",
    (
        Edge(_B.QUEUED, "finish", _B.READY, P.LETTER_PRINT, T.LETTER_BATCH_READY),
        Edge(_B.QUEUED, "fail", _B.FAILED, P.LETTER_PRINT, T.LETTER_BATCH_FAILED),
        Edge(_B.READY, "destroy", _B.GONE, P.LETTER_PRINT, T.LETTER_BATCH_DESTROYED),
    ),
)
