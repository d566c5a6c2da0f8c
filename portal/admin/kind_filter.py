"""Movements and postings of one kind, found by index where the kind is rare."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from portal.admin.filters import ChoiceFilter
from portal.extensions import db_session
from portal.models import Movement, MovementKind, UnitClass
from portal.web_text import label

#: movements that are named one by one; a kind that has more is found soon by walking along the list
FEW = 1_000


class KindFilter(ChoiceFilter):
    """Rows of one kind of movement. ``movement_id``: the column that says whose row it is.

    The kind alone has no index: of a kind that is rare, or never was, a list would read every row. The
    movements know it by unit class and kind; so these are asked first.
    """

    def __init__(self, column: Any, name: Any, movement_id: Any) -> None:
        super().__init__(column, name, lambda: [(kind, label(kind)) for kind in MovementKind])
        self._movement_id = movement_id

    def apply(self, query: Any, value: Any, alias: Any = None) -> Any:
        classes = db_session.scalars(select(UnitClass.id)).all()
        found = db_session.scalars(
            select(Movement.id)
            .where(Movement.unit_class_id.in_(classes), Movement.kind == value)
            .limit(FEW + 1)
        ).all()
        if len(found) > FEW:
            return super().apply(query, value, alias)
        return query.filter(self._movement_id.in_(found))
