"""Filters of the secretariat's lists: a plain select or a date each, no script needed.

Flask-Admin asks a filter for its options once, at start; these ask at each request, so that
labels follow the reader's language and rows may be offered as choices.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from flask_admin.contrib.sqla.filters import BaseSQLAFilter
from sqlalchemy import ColumnElement, false, func, select

from portal.clock import at_tokyo, end_of_day
from portal.models import Account, AccountState, Holder
from portal.models.base import Moment
from portal.web_text import label

Choices = Sequence[tuple[Any, Any]]


class ListFilter(BaseSQLAFilter):
    """One filter of a list. ``kind`` says how it is asked: ``select`` or ``date``."""

    kind = "select"

    def __init__(self, column: Any, name: Any) -> None:
        super().__init__(column, name)

    def operation(self) -> str:
        return type(self).__name__

    def validate(self, value: Any) -> bool:
        """A filter left open narrows nothing and is no mistake (the form sends every one)."""
        return value == "" or bool(super().validate(value))

    def choices(self) -> Choices:
        """What may be chosen, as (value, label)."""
        return ()

    def text(self, value: str) -> Any:
        """The chosen value in words, for the chip above the list."""
        return value


class ChoiceFilter(ListFilter):
    """Rows whose column equals one of a fixed set of values.

    ``choices`` is a list of (value, label) or a function that gives one at each request.
    """

    def __init__(self, column: Any, name: Any, choices: Choices | Callable[[], Choices]) -> None:
        super().__init__(column, name)
        self._choices = choices

    def choices(self) -> Choices:
        return self._choices() if callable(self._choices) else self._choices

    def text(self, value: str) -> Any:
        # the address holds words only: a phase's number is asked for as "4"
        return {str(key): label for key, label in self.choices()}.get(value, value)

    def clean(self, value: str) -> Any:
        for key, _label in self.choices():
            if str(key) == value:
                return key
        raise ValueError(value)

    def apply(self, query: Any, value: Any, alias: Any = None) -> Any:
        return query.filter(self.get_column(alias) == value)


class YesNoFilter(ListFilter):
    """Rows whose column is true or false."""

    def __init__(self, column: Any, name: Any, yes: Any, no: Any) -> None:
        super().__init__(column, name)
        self._words = (("1", yes), ("0", no))

    def choices(self) -> Choices:
        return self._words

    def text(self, value: str) -> Any:
        return dict(self._words).get(value, value)

    def clean(self, value: str) -> bool:
        if value not in ("0", "1"):
            raise ValueError(value)
        return value == "1"

    def apply(self, query: Any, value: Any, alias: Any = None) -> Any:
        return query.filter(self.get_column(alias).is_(value))


class ConditionFilter(YesNoFilter):
    """Rows for which a condition holds or does not; ``column`` only tells the filters of a list apart."""

    def __init__(self, column: Any, name: Any, yes: Any, no: Any, condition: ColumnElement[bool]) -> None:
        super().__init__(column, name, yes, no)
        self._condition = condition

    def apply(self, query: Any, value: Any, alias: Any = None) -> Any:
        # what is unknown (a trader's row asked about its holder) does not hold
        return query.filter(func.coalesce(self._condition, false()).is_(value))


class HolderPhaseFilter(ChoiceFilter):
    """Rows that belong to the holders of one phase; ``column`` names the holder."""

    def apply(self, query: Any, value: Any, alias: Any = None) -> Any:
        holders = select(Holder.id).where(Holder.phase_id == value)
        return query.filter(self.get_column(alias).in_(holders))


class AccountStateFilter(ChoiceFilter):
    """Participants by the state of their account; ``owner`` is the account's column that names them."""

    def __init__(self, column: Any, name: Any, owner: Any) -> None:
        super().__init__(column, name, lambda: [(state, label(state)) for state in AccountState])
        self._owner = owner

    def apply(self, query: Any, value: Any, alias: Any = None) -> Any:
        owners = select(self._owner).where(Account.state == value, self._owner.is_not(None))
        return query.filter(self.get_column(alias).in_(owners))


class _DayFilter(ListFilter):
    kind = "date"

    def clean(self, value: str) -> date:
        return date.fromisoformat(value)

    def _is_moment(self) -> bool:
        column: Any = self.column
        return isinstance(column.type, Moment)


class FromDayFilter(_DayFilter):
    """Rows on or after a calendar day in Tokyo; the column is a date or a moment."""

    def apply(self, query: Any, value: date, alias: Any = None) -> Any:
        return query.filter(self.get_column(alias) >= (at_tokyo(value) if self._is_moment() else value))


class ToDayFilter(_DayFilter):
    """Rows on or before a calendar day in Tokyo; the column is a date or a moment."""

    def apply(self, query: Any, value: date, alias: Any = None) -> Any:
        column = self.get_column(alias)
        return query.filter(column < end_of_day(value) if self._is_moment() else column <= value)
