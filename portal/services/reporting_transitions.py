"""The transition tables around the reports: factor tables and publications, each by two persons."""

from __future__ import annotations

from portal.models import ProposalState, PublicationState
from portal.permissions import Permission as P
from portal.services.audit import EventTag as T
from portal.services.workflow import Edge, Workflow

_P, _S = ProposalState, PublicationState

#: a new factor table of a fiscal year (domain §4: the secretariat maintains them)
FACTOR_PROPOSAL = Workflow(
    "factor_proposal",
    (
        Edge(_P.PROPOSED, "confirm", _P.CONFIRMED, P.TARGET_CONFIRM, T.FACTORS_CONFIRMED),
        Edge(
            _P.PROPOSED,
            "withdraw",
            _P.WITHDRAWN,
            P.TARGET_PROPOSE,
            T.FACTORS_WITHDRAWN,
            mail="proposal_withdrawn",
        ),
        Edge(
            _P.PROPOSED,
            "decline",
            _P.WITHDRAWN,
            P.TARGET_CONFIRM,
            T.FACTORS_DECLINED,
            mail="proposal_declined",
            reason=True,
        ),
        Edge(_P.PROPOSED, "expire", _P.EXPIRED, P.TARGET_PROPOSE, T.FACTORS_EXPIRED),
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
        Edge(
            _S.PROPOSED,
            "withdraw",
            _S.WITHDRAWN,
            P.PUBLICATION_PROPOSE,
            T.PUBLICATION_WITHDRAWN,
            mail="proposal_withdrawn",
        ),
        Edge(
            _S.PROPOSED,
            "decline",
            _S.WITHDRAWN,
            P.PUBLICATION_CONFIRM,
            T.PUBLICATION_DECLINED,
            mail="proposal_declined",
            reason=True,
        ),
        Edge(_S.PROPOSED, "expire", _S.EXPIRED, P.PUBLICATION_PROPOSE, T.PUBLICATION_EXPIRED),
        Edge(_S.RELEASED, "replace", _S.REPLACED, P.PUBLICATION_CONFIRM, T.PUBLICATION_REPLACED),
        Edge(_S.RELEASED, "end", _S.ENDED, P.PUBLICATION_CONFIRM, T.PUBLICATION_ENDED, reason=True),
    ),
)
