"""The transition tables around the reports: factor tables and publications, each by two persons."""

from __future__ import annotations

from portal.models import ProposalState, PublicationState
from portal.permissions import Permission as P
from portal.services.audit import EventTag as T
from portal.services.workflow import Edge, Workflow, unconfirmed

_P, _S = ProposalState, PublicationState

#: a new factor table of a fiscal year (domain §4: the secretariat maintains them)
FACTOR_PROPOSAL = Workflow(
    "factor_proposal",
    (
        Edge(_P.PROPOSED, "confirm", _P.CONFIRMED, P.TARGET_CONFIRM, T.FACTORS_CONFIRMED),
        *unconfirmed(
            _P,
            P.TARGET_PROPOSE,
            P.TARGET_CONFIRM,
            (T.FACTORS_WITHDRAWN, T.FACTORS_DECLINED, T.FACTORS_EXPIRED),
        ),
    ),
)

#: a table for the public: one proposes what it shows, another lets it out
PUBLICATION = Workflow(
    "publication",
    (
        Edge(
            _S.PROPOSED,
            "release",
            _S.RELEASED,
            P.PUBLICATION_CONFIRM,
            T.PUBLICATION_RELEASED,
            mail="publication_released",
        ),
        *unconfirmed(
            _S,
            P.PUBLICATION_PROPOSE,
            P.PUBLICATION_CONFIRM,
            (T.PUBLICATION_WITHDRAWN, T.PUBLICATION_DECLINED, T.PUBLICATION_EXPIRED),
        ),
        Edge(_S.RELEASED, "replace", _S.REPLACED, P.PUBLICATION_CONFIRM, T.PUBLICATION_REPLACED),
        Edge(_S.RELEASED, "end", _S.ENDED, P.PUBLICATION_CONFIRM, T.PUBLICATION_ENDED, reason=True),
    ),
)
