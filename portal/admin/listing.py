"""The rows of a list: scope, search, filters, order, pages and the same rows as a file.

Flask-Admin's queries guard the list only; here one :meth:`RowList.scope` stands before list, count,
details and export. Addresses carry known arguments only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from flask import abort, flash, redirect
from flask_admin.base import expose
from flask_admin.contrib.sqla.view import ModelView
from flask_babel import gettext as _
from markupsafe import Markup
from sqlalchemy import Unicode, cast, or_
from sqlalchemy import inspect as sa_inspect
from sqlalchemy.sql import func

from portal import clock
from portal.admin.door import ClosedDoor
from portal.admin.export import csv_response, xlsx_response
from portal.admin.formats import value_of
from portal.web_text import NOTHING

LONGEST_SEARCH = 100
LAST_PAGE = 1_000_000
LARGEST_KEY = 2**63 - 1


@dataclass(frozen=True)
class Chip:
    """An active filter in words, and the address without it."""

    text: Any
    url: str


class RowList(ClosedDoor, ModelView):
    """A narrowed, searchable, exportable list of rows; the pages around it are ``SecretariatView``'s."""

    export_types = ["csv", "xlsx"]
    export_max_rows = 100_000

    def __init__(self, model: type[Any], *args: Any, **kwargs: Any) -> None:
        self._keys = sa_inspect(model).primary_key
        super().__init__(model, *args, **kwargs)

    def scope(self, query: Any) -> Any:
        """Narrow every query of this view (list, count, details, export) to the rows it may show."""
        return query

    # ---- rows

    def get_query(self) -> Any:
        return self.scope(self.session.query(self.model))

    def get_count_query(self) -> Any:
        return self.scope(self.session.query(func.count()).select_from(self.model))

    def get_one(self, id: Any) -> Any:
        """The row with this key within :meth:`scope`; 404 otherwise, also for a key that is none."""
        parts = str(id).split(",")
        query = self.get_query()
        if len(parts) != len(self._keys):
            abort(404)
        for column, part in zip(self._keys, parts, strict=True):
            query = query.filter(column == self._key(column, part))
        return query.one_or_none() or abort(404)

    @staticmethod
    def _key(column: Any, part: str) -> Any:
        if column.type.python_type is not int:
            return part
        if not (part.isascii() and part.isdigit()) or int(part) > LARGEST_KEY:
            abort(404)
        return int(part)

    def _apply_sorting(self, query: Any, joins: Any, sort_column: Any, sort_desc: bool) -> Any:
        query, joins = super()._apply_sorting(query, joins, sort_column, sort_desc)
        return query.order_by(*self._keys), joins  # equal values keep their order from page to page

    def _apply_search(self, query: Any, count_query: Any, joins: Any, count_joins: Any, search: str) -> Any:
        """Every word stands somewhere in the searched columns, whatever signs it is made of."""
        for word in search.split():
            found: list[Any] = []
            counted: list[Any] = []
            for field, path in self._search_fields or ():
                query, joins, alias = self._apply_path_joins(query, joins, path, inner_join=False)
                count_query, count_joins, count_alias = self._apply_path_joins(
                    count_query, count_joins, path, inner_join=False
                )
                for columns, other in ((found, alias), (counted, count_alias)):
                    column = field if other is None else getattr(other, field.key)
                    columns.append(cast(column, Unicode).icontains(word, autoescape=True))
            query, count_query = query.filter(or_(*found)), count_query.filter(or_(*counted))
        return query, count_query, joins, count_joins

    def _get_list_extra_args(self) -> Any:
        args = super()._get_list_extra_args()
        args.page = min(max(args.page or 0, 0), LAST_PAGE)
        args.search = (args.search or "").strip()[:LONGEST_SEARCH] or None
        args.extra_args = {}  # unknown arguments would reach url_for(), "_scheme" among them
        return args

    def _get_list_filter_args(self) -> Any:
        chosen = super()._get_list_filter_args() if self._filters else []
        return [one for one in chosen or [] if one[2] != ""]

    def get_invalid_value_msg(self, value: str, filter: Any) -> str:
        return _("「%(name)s」の条件に使えない値があったため、外しました。", name=filter.name)

    # ---- list: what the template asks for

    def total(self) -> int:
        """All rows of this view, whatever is searched."""
        return int(self.get_count_query().scalar())

    def list_address(self, **changes: Any) -> str:
        """This list's address with the search, filters and order of the request, changed as given."""
        args = self._get_list_extra_args()
        return str(self._get_list_url(args.clone(**changes)))

    def _list_filters(self) -> list[Any]:
        return list(self._filters or ())

    def filter_fields(self, active: Sequence[Any] | None) -> list[dict[str, Any]]:
        """The filters as fields of the list's form: argument, label, kind, choices, chosen value."""
        chosen = {index: value for index, _name, value in active or ()}
        return [
            {
                "arg": f"flt{index}_{self.get_filter_arg(index, one)}",
                "label": one.name,
                "kind": one.kind,
                "choices": one.choices(),
                "value": chosen.get(index, ""),
            }
            for index, one in enumerate(self._list_filters())
        ]

    def chips(self, search: str | None, active: Sequence[Any] | None) -> list[Chip]:
        """What narrows the list now, each with the address that lifts it."""
        lifted = (
            [Chip(_("「%(words)s」", words=search), self.list_address(search=None, page=0))] if search else []
        )
        for one in active or ():
            used = self._list_filters()[one[0]]
            rest = [other for other in active or () if other is not one]
            words = _(
                "%(label)s：%(value)s",
                label=used.name,
                value=used.text(one[2]),
            )
            lifted.append(Chip(words, self.list_address(filters=rest, page=0)))
        return lifted

    def export_address(self, kind: str) -> str:
        """The address of what is filtered now as a file."""
        args = self._get_list_extra_args()
        values = {"search": args.search, "sort": args.sort, "desc": 1 if args.sort_desc else None}
        return str(self.get_url(".export", export_type=kind, **values, **self._get_filters(args.filters)))

    # ---- export

    @expose("/export/<export_type>/")
    def export(self, export_type: str) -> Any:
        if not self.can_export or export_type not in self.export_types:
            abort(404)
        args = self._get_list_extra_args()
        sort = self._get_column_by_idx(args.sort)
        count, query = self.get_list(
            0,
            sort[0] if sort else None,
            args.sort_desc,
            args.search,
            args.filters,
            execute=False,
            page_size=self.export_max_rows,
        )
        if count is not None and count > self.export_max_rows:
            flash(
                _(
                    "%(n)s件を超えるため、ファイルにできません。条件を絞ってください。",
                    n=f"{self.export_max_rows:,}",
                ),
                "error",
            )
            return redirect(self.list_address())
        self.exporting(int(count or 0))
        name = f"{self.name}_{clock.today():%Y%m%d}.{export_type}"
        titles = [title for _column, title in self._export_columns]
        if export_type == "csv":
            return csv_response(name, titles, self._export_rows(query))
        figures = [n for n, (column, _title) in enumerate(self._export_columns) if self._is_figure(column)]
        return xlsx_response(name, titles, self._export_rows(query), str(self.name), figures)

    def exporting(self, count: int) -> None:
        """Called before ``count`` rows leave as a file."""

    def _is_raw(self, column: Any) -> bool:
        # a number that the list writes as a name (a phase, a fiscal year) is a name in the file too
        return self._is_figure(column) or column not in self.column_formatters

    def _is_figure(self, column: Any) -> bool:
        return column in getattr(self, "column_figures", ())

    def _export_rows(self, query: Any) -> Iterator[list[Any]]:
        names = [str(column) for column, _title in self._export_columns]
        for model in query.yield_per(500):
            yield [self.get_export_value(model, name) for name in names]

    def get_export_value(self, model: Any, name: Any) -> Any:
        """The raw figure or date; everything else as the list shows it, undressed."""
        own, dressed = (self.column_formatters_export or {}).get(name), self.column_formatters.get(name)
        if own is not None and own is not dressed:
            value = own(self, None, model, name)
            return None if value == NOTHING else value
        raw = value_of(model, name)
        if isinstance(raw, bool):
            return _("はい") if raw else _("いいえ")
        if hasattr(raw, "isoformat") or (isinstance(raw, int | float) and self._is_raw(name)):
            return raw
        if isinstance(raw, str) and not isinstance(raw, Enum):
            return raw
        shown = dressed(self, None, model, name) if dressed is not None else raw
        text = shown.striptags() if isinstance(shown, Markup) else shown
        return None if text == NOTHING else text
