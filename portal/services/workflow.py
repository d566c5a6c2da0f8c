"""The engine of every workflow: the only code that assigns a state (architecture, habit 1).

The tables it reads stand in ``services/transitions.py``; guards, buttons, tests and the manual's
diagrams read the same tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy.orm import Session

from portal import clock
from portal.errors import NotAllowed, Refusal, Stale, refuse
from portal.models import User
from portal.permissions import Permission, Role, may
from portal.services import audit
from portal.services.audit import EventTag


@dataclass(frozen=True)
class Edge:
    """One line of a transition table."""

    state: StrEnum
    action: str
    to: StrEnum
    permission: Permission
    tag: EventTag
    mail: str | None = None  # a MailKind value
    reason: bool = False  # must say why


def unconfirmed(
    states: Any, propose: Permission, confirm: Permission, tags: tuple[EventTag, EventTag, EventTag]
) -> tuple[Edge, Edge, Edge]:
    """How a proposal of two persons ends without a yes: withdrawn, declined with a reason, or lapsed.

    ``states`` has PROPOSED, WITHDRAWN and EXPIRED; ``tags`` are told in the same order.
    """
    withdrawn, declined, expired = tags
    start, end = states.PROPOSED, states.WITHDRAWN
    return (
        Edge(start, "withdraw", end, propose, withdrawn, mail="proposal_withdrawn"),
        Edge(start, "decline", end, confirm, declined, mail="proposal_declined", reason=True),
        Edge(start, "expire", states.EXPIRED, propose, expired),
    )


@dataclass(frozen=True)
class Workflow:
    """A transition table with its name."""

    name: str
    edges: tuple[Edge, ...]

    def edge(self, state: StrEnum, action: str) -> Edge | None:
        """The line for (state, action), or ``None`` if that is not possible."""
        return next((e for e in self.edges if e.state == state and e.action == action), None)

    def actions_for(self, state: StrEnum, role: Role) -> tuple[str, ...]:
        """What a login of ``role`` may do in ``state``, in the table's order."""
        return tuple(e.action for e in self.edges if e.state == state and may(role, e.permission))


def expect_version(row: Any, version: int | None) -> None:
    """Refuse a page older than the row it shows; ``None`` asks nothing (no page behind the call)."""
    if version is not None and row.version != version:
        raise Stale


def clean_reason(reason: str | None, *, needed: bool) -> str | None:
    """The reason without surrounding blanks; refuses a missing or over-long one."""
    text = (reason or "").strip()
    if not text:
        if needed:
            raise refuse(Refusal.REASON_NEEDED, "reason")
        return None
    if len(text) > 2000:
        raise refuse(Refusal.TOO_LONG, "reason", limit=2000)
    return text


def allowed(workflow: Workflow, state: StrEnum, action: str, role: Role | None) -> Edge:
    """The table's line for (state, action), if ``role`` may take it; ``None`` is the portal itself.

    For a row that is written in the state it arrives at. Raises ``Refused(WRONG_STATE)`` or ``NotAllowed``.
    """
    edge = workflow.edge(state, action)
    if edge is None:
        raise refuse(Refusal.WRONG_STATE)
    if role is not None and not may(role, edge.permission):
        raise NotAllowed
    return edge


def advance(
    session: Session,
    workflow: Workflow,
    row: Any,
    action: str,
    *,
    actor: User | None,
    version: int | None = None,
    reason: str | None = None,
    holder_id: int | None = None,
    **facts: Any,
) -> Edge:
    """Take ``row`` along the table's line for ``action`` and record it.

    ``actor`` ``None`` is the portal itself (deadline jobs), which needs no permission.
    Raises ``NotAllowed``, ``Stale``, ``Refused(WRONG_STATE)`` or ``Refused(REASON_NEEDED)``;
    then nothing changed. Returns the line taken; its ``mail`` is the caller's to send.
    """
    expect_version(row, version)
    edge = allowed(workflow, row.state, action, actor.role if actor is not None else None)
    why = clean_reason(reason, needed=edge.reason)
    before = row.state
    row.state = edge.to
    if hasattr(row, "state_since"):
        row.state_since = clock.now()
    audit.record(
        session,
        edge.tag,
        row,
        actor=actor,
        holder_id=holder_id,
        reason=why,
        before=before.value,
        after=edge.to.value,
        **facts,
    )
    return edge
