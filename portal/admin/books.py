"""Comparisons of the ledger with the second book: what was found, who asked, and the button to ask again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import redirect
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup
from sqlalchemy.orm import joinedload

from portal.admin import formats
from portal.admin.base import SecretariatView, Step
from portal.admin.door import page
from portal.admin.event_words import history
from portal.admin.filters import FromDayFilter, ToDayFilter, YesNoFilter
from portal.extensions import db_session
from portal.models import BookCheck, Job
from portal.permissions import Permission
from portal.services import book_checks, books
from portal.web import actor, carry_out, done
from portal.web_text import moment


def _result(model: BookCheck) -> Markup:
    tone, word = ("good", _("一致しました")) if model.ok else ("bad", _("一致していません"))
    return Markup('<span class="as-badge as-badge--{}">{}</span>').format(tone, word)


def _who(model: BookCheck) -> str:
    return model.asked_by.name if model.asked_by is not None else _("夜間の自動照合")


def _finished(_view: Any, _context: Any, model: BookCheck, _name: str) -> Markup:
    return Markup('<span class="as-nb">{}</span>').format(moment(model.finished_at))


class BookCheckView(SecretariatView):
    """帳簿の照合."""

    permission_view = Permission.ALLOWANCE_ALL_VIEW
    column_list = ("finished_at", "ok", "problem", "transactions", "entries", "asked_by")
    column_default_sort = ("id", True)
    column_sortable_list = ("finished_at",)
    column_figures = frozenset({"transactions", "entries"})
    column_labels: Any = {
        "finished_at": _l("照合した日時"),
        "ok": _l("照合の結果"),
        "problem": _l("見つかった不一致"),
        "transactions": _l("台帳の件数"),
        "entries": _l("記入の件数"),
        "asked_by": _l("照合を求めた人"),
    }
    column_formatters = {
        "finished_at": _finished,
        "ok": lambda _v, _c, m, _n: _result(m),
        "transactions": formats.figure,
        "entries": formats.figure,
        "asked_by": lambda _v, _c, m, _n: _who(m),
    }
    column_formatters_export = {
        "ok": lambda _v, _c, m, _n: _("一致しました") if m.ok else _("一致していません"),
        "asked_by": lambda _v, _c, m, _n: _who(m),
    }
    column_filters = (
        YesNoFilter(BookCheck.ok, _l("照合の結果"), _l("一致しました"), _l("一致していません")),
        FromDayFilter(BookCheck.finished_at, _l("日付（から）")),
        ToDayFilter(BookCheck.finished_at, _l("日付（まで）")),
    )
    list_template = "admin/books/list.html"
    details_template = "admin/books/details.html"

    def get_query(self) -> Any:
        return super().get_query().options(joinedload(BookCheck.asked_by))

    def newest(self) -> BookCheck | None:
        """The comparison that decides whether anything may move."""
        return books.newest(db_session())

    def underway(self) -> Job | None:
        """A comparison that runs or is about to."""
        return book_checks.underway(db_session())

    def may_ask(self) -> bool:
        return self.allows(Permission.MOVEMENT_PROPOSE)

    def title_of(self, model: BookCheck) -> Any:
        return _("%(when)sの照合", when=moment(model.finished_at))

    def details_context(self, model: BookCheck) -> dict[str, Any]:
        return {"result": _result(model), "who": _who(model)}

    def history_of(self, model: BookCheck) -> Sequence[tuple[Any, ...]]:
        return history(db_session(), [("book_check", [model.id])])

    def steps_for(self, model: BookCheck) -> Sequence[Step]:
        if not self.may_ask() or self.underway() is not None:
            return ()
        return (Step(_("いま照合する"), self.get_url(".compare"), post=True),)

    @page("/compare/", Permission.MOVEMENT_PROPOSE, methods=("POST",))
    def compare(self) -> Any:
        """Let the worker compare the books now; business goes on meanwhile."""
        carry_out(lambda: book_checks.ask(db_session(), actor=actor()))
        done(_("照合を始めます。終わると、この一覧に結果が載ります。"))
        return redirect(self.get_url(".index_view"))


def views() -> list[Any]:
    """The screens of this subject."""
    return [BookCheckView(BookCheck, name=_l("帳簿の照合"), endpoint="book_check")]
