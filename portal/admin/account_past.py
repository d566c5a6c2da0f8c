"""An account as of any day, its narrowed history and its statement for any span, as its owner has them."""

from __future__ import annotations

import io
from datetime import date
from typing import Any

from flask import abort, flash, redirect, request, send_file
from flask_babel import gettext as _

from portal import clock, web_papers
from portal.admin.deadline_records import deadline_standing
from portal.admin.door import page
from portal.admin.export import download
from portal.errors import Refused
from portal.extensions import db_session
from portal.models import Account
from portal.permissions import Permission
from portal.services import account_life, corrections, papers, positions, statements
from portal.services import account_statement as spans
from portal.services.account_statement import MOST_LINES, MOST_ON_PAPER, Overview
from portal.services.allowances import unit_classes
from portal.services.documents import CSV
from portal.services.exports import XLSX, csv_file, xlsx_file
from portal.services.line_search import Filters
from portal.web import actor, carry_out, texts
from portal.web_lines import (
    FIGURES,
    KINDS,
    as_of,
    asked_filters,
    asked_page,
    correction_words,
    kind_words,
    other_words,
    statement_rows,
    statement_titles,
    typed_day,
)
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
        **_words(account),
    }


def _words(account: Account) -> dict[str, Any]:
    return {
        "corrected": corrections.corrected(db_session(), account),
        "correction_words": correction_words,
        "kind_words": kind_words,
        "other_words": other_words,
    }


def _span() -> tuple[date, date]:
    return spans.span(typed_day(request.args.get("from")), typed_day(request.args.get("to")))


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
        made, problem = None, ""
        try:
            made = spans.overview(db_session(), account, *_span())
        except Refused as refused:
            problem = " ".join(texts(refused.problems))
        since, until = request.args.get("from", "")[:10], request.args.get("to", "")[:10]
        lines: dict[str, Any] = {}
        if made is not None:
            since, until = made.since.isoformat(), made.until.isoformat()
            lines = self._lines(account, made.since, made.until)
        html = self.render(
            "admin/account/statement.html",
            account=account,
            made=made,
            problem=problem,
            since=since,
            until=until,
            today=clock.today(),
            most_on_paper=MOST_ON_PAPER,
            files=self._files(account, made, since, until),
            **lines,
        )
        return html, 200 if made is not None else 422

    def _files(
        self, account: Account, made: Overview | None, since: str, until: str
    ) -> list[tuple[str, str]]:
        """(words, address) of the files of the span; paper holds fewer lines than tables."""
        if made is None:
            return []
        span = {"from": since, "to": until}
        named = {"pdf": _("PDFで保存"), "xlsx": _("Excelで保存"), "csv": _("CSVで保存")}
        return [
            (words, str(self.get_url(".statement_file", file=file, id=account.id, **span)))
            for file, words in named.items()
            if file != "pdf" or made.count <= MOST_ON_PAPER
        ]

    def _lines(self, account: Account, since: date, until: date) -> dict[str, Any]:
        def page_at(**neighbour: int) -> str:
            span = {"from": since.isoformat(), "to": until.isoformat()}
            return str(self.get_url(".statement_view", id=account.id, **span, **neighbour)) + "#moved"

        found, newer, older = asked_page(db_session(), account, Filters(since=since, until=until), page_at)
        return {
            "past": found,
            "newer": newer,
            "older": older,
            **_words(account),
        }

    @page("/statement/<file>/", Permission.ALLOWANCE_ALL_VIEW)
    def statement_file(self, file: str) -> Any:
        """The statement as a file; a PDF is recorded, for it may be shown to others as proof."""
        if file not in _FILES:
            abort(404)
        account = self._account()
        most = MOST_ON_PAPER if file == "pdf" else MOST_LINES
        try:
            made = spans.statement(db_session(), account, *_span(), most=most)
        except Refused as refused:
            for sentence in texts(refused.problems):
                flash(sentence, "error")
            asked = {name: request.args.get(name, "")[:10] for name in ("from", "to")}
            return redirect(self.get_url(".statement_view", id=account.id, **asked))
        name = f"{account.code}_{_('取引明細書')}_{made.since:%Y%m%d}-{made.until:%Y%m%d}.{file}"
        if file == "pdf":
            pdf = papers.render(web_papers.of_statement(made))
            carry_out(lambda: spans.record_made(db_session(), made, actor=actor()))
            return send_file(
                io.BytesIO(pdf), mimetype="application/pdf", as_attachment=True, download_name=name
            )
        rows = statement_rows(made, corrections.corrected(db_session(), account))
        if file == "csv":
            return download(name, CSV, *csv_file(statement_titles(), rows))
        return download(name, XLSX, *xlsx_file(statement_titles(), rows, _("取引明細書"), FIGURES))
