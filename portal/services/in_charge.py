"""Who in the office is in charge (担当) of something that waits: taken, given to a colleague, given back.

The same for applications and reports. To be in charge is a promise among colleagues, no right (decided).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.errors import Problem, Refusal, Refused, refuse
from portal.models import User
from portal.permissions import ROLE_PERMISSIONS, SECRETARIAT, Permission
from portal.services import access, audit, workflow
from portal.services.audit import EventTag

R = TypeVar("R")


@dataclass(frozen=True)
class Desk(Generic[R]):
    """What the office works on: the rows, the states in which they wait, who may be in charge of them."""

    model: type[R]
    waiting: Collection[Any]
    permission: Permission
    tag: EventTag
    holder_of: Callable[[Any], int | None]

    def clerks(self, session: Session) -> list[User]:
        """The colleagues who may be in charge, by login."""
        roles = [role for role in SECRETARIAT if self.permission in ROLE_PERMISSIONS[role]]
        query = select(User).where(User.role.in_(roles), User.active.is_(True), User.locked_at.is_(None))
        return list(session.scalars(query.order_by(User.login_id)))

    def loads(self, session: Session) -> list[tuple[User, int]]:
        """The same with how much that waits each has on the desk; two queries."""
        model: Any = self.model
        counted: dict[int | None, int] = {
            clerk_id: count
            for clerk_id, count in session.execute(
                select(model.clerk_id, func.count())
                .where(model.state.in_(self.waiting), model.clerk_id.is_not(None))
                .group_by(model.clerk_id)
            )
        }
        return [(one, counted.get(one.id, 0)) for one in self.clerks(session)]

    def take(self, session: Session, row_id: int, *, actor: User, version: int | None = None) -> R:
        """The actor takes what waits and nobody has. Pressed twice it does nothing more.

        Raises ``Refused`` with CLERK_ALREADY, naming the colleague who was faster, or WRONG_STATE.
        """
        access.check(actor, self.permission)
        row: Any = access.get_visible(session, self.model, row_id, actor, lock=True)
        if row.state not in self.waiting:
            raise refuse(Refusal.WRONG_STATE)
        if row.clerk_id == actor.id:
            return row  # type: ignore[no-any-return]
        if row.clerk is not None:
            raise refuse(Refusal.CLERK_ALREADY, name=row.clerk.name)
        workflow.expect_version(row, version)
        self._give(session, row, actor, actor)
        return row  # type: ignore[no-any-return]

    def assign(
        self,
        session: Session,
        rows: Sequence[int],
        clerk_id: int | None,
        *,
        actor: User,
        versions: Mapping[int, int] | None = None,
    ) -> int:
        """Put a colleague in charge of what waits (``None``: nobody), all of it or none.

        ``versions`` are those the page showed, by row; one that was changed since is ``Stale``. What the
        colleague has already is left alone. Answers how many changed hands. Raises ``Refused`` with
        WRONG_STATE, or CHOICE_UNKNOWN at ``clerk`` for somebody who may not be in charge.
        """
        access.check(actor, self.permission)
        clerk = self._clerk(session, clerk_id)
        changed = 0
        for row_id in sorted(set(rows)):
            row: Any = access.get_visible(session, self.model, row_id, actor, lock=True)
            if row.clerk_id == clerk_id:
                continue
            if row.state not in self.waiting:
                raise refuse(Refusal.WRONG_STATE)
            workflow.expect_version(row, versions.get(row_id, 0) if versions is not None else None)
            self._give(session, row, clerk, actor)
            changed += 1
        return changed

    def _clerk(self, session: Session, clerk_id: int | None) -> User | None:
        if clerk_id is None:
            return None
        clerk = session.get(User, clerk_id)
        if clerk is None or not clerk.usable or self.permission not in ROLE_PERMISSIONS[clerk.role]:
            raise Refused(Problem(Refusal.CHOICE_UNKNOWN, "clerk"))
        return clerk

    def _give(self, session: Session, row: Any, clerk: User | None, actor: User) -> None:
        before = row.clerk.name if row.clerk is not None else None
        row.clerk = clerk
        audit.record(
            session,
            self.tag,
            row,
            actor=actor,
            holder_id=self.holder_of(row),
            before=before,
            after=clerk.name if clerk is not None else None,
        )
