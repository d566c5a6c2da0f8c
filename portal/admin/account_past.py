"""An account as of any day, its narrowed history and its statement for any span, as its owner has them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from flask import abort, request
from flask_babel import gettext as _

from portal import clock, web_statements
from portal.admin.deadline_records import deadline_standing
from portal.admin.door import page
from portal.extensions import db_session
from portal.models import Account
from portal.permissions import Permission
from portal.services import account_life, positions, statements
from portal.services.allowances import unit_classes
from portal.web_lines import KINDS, as_of, asked_filters, asked_page, line_words, typed_day
from portal.web_positions import why_not_words
from portal.web_text import label, unit_name

#: what the address of an account's page keeps from page to page
_KEPT = ("from", "to", "kind", "other", "unit", "way", "asof")
_FILES = ("pdf", "xlsx", "csv")


def asked_day() -> date:
    """The day the account is looked at: the address names it (``?asof=2015-03-31``), else today."""
    today = clock.today()
    return min(typed_day(request.args.get("asof")) or today, today)


def standing(account: Account) -> dict[str, Any]:
    """What an account held at the end of the day and what of it could move, or why not; a holder's figures.

    The scheme's own accounts have balances only.
    """
    session, day = db_session(), asked_day()
    found: dict[str, Any] = {
        "asof": day,
        "today": clock.today(),
        "then": positions.balances(session, account, day) if day < clock.today() else [],
        "figures": None,
        "deadline_standing": None,
        "movable": {},
        "own": None,
        "why_not_words": why_not_words,
    }
    if account.kind not in account_life.LIVING:
        return found
    if account.holder is not None:
        found["deadline_standing"] = deadline_standing(account.holder)
        found["figures"] = positions.figures_as_of(session, account.holder, day)
    held = positions.positions(session, account, found["figures"], day)
    movable = {one.unit_class.id: one for one in held}
    return {**found, "movable": movable, "own": positions.own_jaa(account, held)}


def past(view: Any, account: Account) -> dict[str, Any]:
    """A page of the history that the address asks for, and what the form and the pages around it need."""
    session, filters = db_session(), asked_filters()
    kept = {name: value for name in _KEPT if (value := request.args.get(name, "")[:100])}

    def page_at(**neighbour: int) -> str:
        return str(view.get_url(".details_view", id=account.id, **kept, **neighbour)) + "#moved"

    found, newer, older = asked_page(session, account, as_of(filters), page_at)
    return {
        "past": found,
        "filters": filters,
        "kinds": [(kind.value, label(kind)) for kind in KINDS],
        "units": [(str(one.id), unit_name(one)) for one, _row in unit_classes(session, account)],
        "ways": [("in", _("増えたもの")), ("out", _("減ったもの"))],
        "most": statements.COUNTED_ON_A_PAGE,
        "newer": newer,
        "older": older,
        **line_words(session, account),
    }


class StatementPages:
    """The statement of an account's page, and its files. Mix in before ``SecretariatView``."""

    get_one: Any
    get_url: Any
    render: Any
    name: Any

    def _account(self) -> Account:
        row: Account = self.get_one(request.args.get("id", ""))
        return row

    @page("/statement/", Permission.ALLOWANCE_ALL_VIEW)
    def statement_view(self) -> Any:
        """The span, its balances, its lines and the files to save."""
        account = self._account()
        found, status = web_statements.shown(account, self._page_at(account), self._file_at(account), "moved")
        return self.render("admin/account/statement.html", **found), status

    def _page_at(self, account: Account) -> Callable[..., str]:
        return lambda **span: str(self.get_url(".statement_view", id=account.id, **span))

    def _file_at(self, account: Account) -> Callable[..., str]:
        return lambda **span: str(self.get_url(".statement_file", id=account.id, **span))

    @page("/statement/<file>/", Permission.ALLOWANCE_ALL_VIEW)
    def statement_file(self, file: str) -> Any:
        """The statement as a file."""
        if file not in _FILES:
            abort(404)
        account = self._account()
        return web_statements.file_of(account, file, self._page_at(account))
