"""The rows of a list: scope, search, filters, order, pages and the same rows as a file.

Flask-Admin's queries guard the list only; here one :meth:`RowList.scope` stands before list, count,
details and export. Addresses carry known arguments only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import IO, Any

from flask import abort, g, request
from flask_admin.base import expose
from flask_admin.contrib.sqla.view import ModelView
from flask_babel import gettext as _
from markupsafe import Markup
from sqlalchemy import Unicode, cast, or_
from sqlalchemy import inspect as sa_inspect
from sqlalchemy.sql import func

from portal import clock
from portal.admin.file_orders import MakesFiles
from portal.admin.formats import value_of
from portal.errors import NotAllowed, NotFound
from portal.extensions import db_session
from portal.services import documents, list_files
from portal.services.exports import csv_file, xlsx_file
from portal.services.list_files import Made
from portal.web import actor, carry_out
from portal.web_downloads import download
from portal.web_text import NOTHING

LONGEST_SEARCH = 100
LAST_PAGE = 1_000_000
LARGEST_KEY = 2**63 - 1
#: rows between two words about the progress, each of which is a commit
TOLD_EACH = 2_000


@dataclass(frozen=True)
class Chip:
    """An active filter in words, and the address without it."""

    text: Any
    url: str


class RowList(MakesFiles, ModelView):
    """A narrowed, searchable, exportable list of rows; the pages around it are ``SecretariatView``'s."""

    export_types = ["csv", "xlsx"]
    export_max_rows = 300_000

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
        # read once for an address: a page asks several times, and a wrong value is told once
        read = g.setdefault("list_filters", {})
        address = self.endpoint, request.query_string
        if address not in read:
            chosen = super()._get_list_filter_args() if self._filters else []
            read[address] = [one for one in chosen or [] if one[2] != ""]
        return list(read[address])

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

    @expose("/export/<export_type>/", methods=("GET", "POST"))
    def export(self, export_type: str) -> Any:
        """What is filtered now as a file: a short list at once, a long one through the worker."""
        if not self.can_export or export_type not in self.export_types:
            abort(404)
        count, query = self._asked_rows()
        if count > self.export_max_rows:
            return self._no_file(
                _(
                    "%(n)s件を超えるため、ファイルにできません。条件を絞ってください。",
                    n=f"{self.export_max_rows:,}",
                )
            )
        if count > self.export_at_once:
            return self._order(export_type, count)
        event = self.export_event(count)
        if event is not None:
            carry_out(lambda: list_files.record(db_session(), event, actor=actor()))
        return download(self._file_name(export_type), *self._file_of(export_type, self._export_rows(query)))

    def _asked_rows(self) -> tuple[int, Any]:
        """(how many rows, the query for them) of what the address asks for."""
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
        return int(count or 0), query

    def made(self, export_type: str, tell: Callable[[int, int], None]) -> Made:
        """The file that the request asks for, for the worker; ``tell`` hears how many rows are written.

        Raises ``NotFound`` if a filter of the address is none any more: the file would hold too much.
        """
        if len(self._get_list_filter_args()) != sum(1 for name in request.args if name.startswith("flt")):
            raise NotFound
        count, query = self._asked_rows()
        if count > self.export_max_rows:
            raise NotAllowed
        media_type, file, _size = self._file_of(export_type, told(self._export_rows(query), count, tell))
        with file:
            name, event = self._file_name(export_type), self.export_event(count)
            return Made(name, media_type, file.read(), count, event)

    def _file_name(self, export_type: str) -> str:
        return f"{self.name}_{clock.today():%Y%m%d}.{export_type}"

    def _file_of(self, export_type: str, rows: Iterable[list[Any]]) -> tuple[str, IO[bytes], int]:
        """(media type, temporary file, its size)."""
        titles = [title for _column, title in self._export_columns]
        if export_type == "csv":
            return documents.CSV, *csv_file(titles, rows)
        figures = [n for n, (column, _title) in enumerate(self._export_columns) if self._is_figure(column)]
        return documents.XLSX, *xlsx_file(titles, rows, str(self.name), figures)

    def export_event(self, count: int) -> list_files.Event:
        """What to remember when ``count`` rows leave as a file, as the request asks for them."""
        return None

    def _is_raw(self, column: Any) -> bool:
        # a number that the list writes as a name (a phase, a fiscal year) is a name in the file too
        return self._is_figure(column) or column not in self.column_formatters

    def _is_figure(self, column: Any) -> bool:
        return column in getattr(self, "column_figures", ())

    def _export_rows(self, query: Any) -> Iterator[list[Any]]:
        read = [self._reader_of(str(column)) for column, _title in self._export_columns]
        for model in query.yield_per(500):
            yield [one(model) for one in read]

    def get_export_value(self, model: Any, name: Any) -> Any:
        """The raw figure or date; everything else as the list shows it, undressed."""
        return self._reader_of(name)(model)

    def _reader_of(self, name: str) -> Callable[[Any], Any]:
        """What reads a column's value from a row: what is the same for all rows is decided once."""
        own, dressed = (self.column_formatters_export or {}).get(name), self.column_formatters.get(name)
        if own is not None and own is not dressed:

            def read_own(model: Any) -> Any:
                value = own(self, None, model, name)
                return None if value == NOTHING else value

            return read_own
        figures, words = self._is_raw(name), {True: _("はい"), False: _("いいえ")}

        def read(model: Any) -> Any:
            raw = value_of(model, name)
            if type(raw) is str:
                return raw
            if isinstance(raw, bool):
                return words[raw]
            if hasattr(raw, "isoformat") or (isinstance(raw, int | float) and figures):
                return raw
            if isinstance(raw, str) and not isinstance(raw, Enum):
                return raw
            shown = dressed(self, None, model, name) if dressed is not None else raw
            text = shown.striptags() if isinstance(shown, Markup) else shown
            return None if text == NOTHING else text

        return read


def told(rows: Iterable[list[Any]], count: int, tell: Callable[[int, int], None]) -> Iterator[list[Any]]:
    """``rows``, while ``tell`` hears every now and then how many of ``count`` went by."""
    tell(0, count)
    for number, row in enumerate(rows, 1):
        if number % TOLD_EACH == 0:
            tell(number, count)
        yield row
