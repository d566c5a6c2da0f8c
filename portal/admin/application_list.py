"""The queue of registration applications: how long each waits, what is missing, who has it (domain §3)."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeVar, cast

from flask import g, redirect, request
from flask_admin.actions import action
from flask_admin.base import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from markupsafe import Markup
from sqlalchemy import and_, select
from sqlalchemy.orm import joinedload, selectinload

from portal import clock
from portal.admin import formats, in_charge
from portal.admin.acts import KeySearch, Question, folded
from portal.admin.base import SecretariatView
from portal.admin.filters import ChoiceFilter, FromDayFilter, ToDayFilter
from portal.admin.import_words import ImportFilter
from portal.extensions import db_session
from portal.models import ApplicationState, ParticipantKind, Phase, RegistrationApplication
from portal.permissions import Permission
from portal.services import application_desk
from portal.services.queues import GUIDES, QueueKind
from portal.services.registration_checks import bad_by_itself
from portal.services.registration_data import OPEN_STATES
from portal.web import actor
from portal.web_text import NOTHING, day, label, number, phase_name

T = TypeVar("T")
OPEN = "open"
_PHASE, _KIND, _STATE, _CLERK = range(4)


def once_asked(name: str, make: Callable[[], T]) -> T:
    """What ``make`` gives, asked once in a request: a filter reads its choices several times."""
    if name not in g:
        setattr(g, name, make())
    return cast(T, getattr(g, name))


class StateFilter(ChoiceFilter):
    """The states, and all that are still open together."""

    def apply(self, query: Any, value: Any, alias: Any = None) -> Any:
        if value == OPEN:
            return query.filter(self.get_column(alias).in_(OPEN_STATES))
        return super().apply(query, value, alias)


def phase_choices() -> list[tuple[Any, str]]:
    """Every phase, the newest first."""
    rows = select(Phase.id, Phase.number).order_by(Phase.number.desc())
    return once_asked(
        "application_phases", lambda: [(key, phase_name(number)) for key, number in db_session.execute(rows)]
    )


def _states() -> list[tuple[Any, Any]]:
    return [(OPEN, _("未完了")), *((state, label(state)) for state in ApplicationState)]


def _clerks() -> list[tuple[Any, Any]]:
    return once_asked("application_clerks", lambda: in_charge.filter_choices(application_desk.DESK))


def _age(model: RegistrationApplication) -> int | None:
    """How many days an undecided application waits."""
    return (clock.today() - model.received_on).days if model.state in OPEN_STATES else None


def _bad(model: RegistrationApplication) -> int | None:
    return bad_by_itself(model) if model.state in OPEN_STATES else None


def _word(value: StrEnum) -> str:
    """Its word, translated once in a request: a file may hold a hundred thousand of them."""
    known: dict[tuple[type, str], str] = once_asked("application_words", dict)
    key = type(value), value.value  # members of different enums are equal when their values are
    if key not in known:
        known[key] = label(value)
    return known[key]


def _received(_view: Any, _context: Any, model: RegistrationApplication, _name: str) -> Any:
    shown, age = formats.day(None, model.received_on), _age(model)
    if age is None:
        return shown
    words = ngettext("%(n)s日経過", "%(n)s日経過", age, n=number(age))
    late = age - GUIDES[QueueKind.APPLICATIONS].days
    if late <= 0:
        return Markup('{}<span class="as-table__more">{}</span>').format(shown, words)
    over = ngettext("（目安を%(n)s日超過）", "（目安を%(n)s日超過）", late, n=number(late))
    return Markup('{}<span class="as-table__more as-table__more--bad">{}{}</span>').format(shown, words, over)


def _kind(_view: Any, _context: Any, model: RegistrationApplication, _name: str) -> Any:
    first = label(model.kind)
    if model.phase is None:
        return first
    phase = phase_name(model.phase.number)
    return Markup('{}<span class="as-table__more as-nb">{}</span>').format(first, phase)


def _clerk(_view: Any, _context: Any, model: RegistrationApplication, _name: str) -> Any:
    if model.clerk is not None:
        return Markup('<span class="as-nb">{}</span>').format(model.clerk.name)
    return (
        Markup('<span class="as-sub">{}</span>').format(_("未定")) if model.state in OPEN_STATES else NOTHING
    )


class ApplicationList(KeySearch, SecretariatView):
    """The list, and what every page of an application needs."""

    permission_view = Permission.REGISTRATION_VIEW
    permission_edit = Permission.REGISTRATION_EDIT
    column_list = ("number", "company_name", "kind", "received_on", "state", "bad", "clerk")
    column_export_list: Any = (
        "number",
        "company_name",
        "site_name",
        "kind",
        "phase.number",
        "received_on",
        "age",
        "state",
        "bad",
        "clerk.name",
    )
    column_default_sort = ("received_on", False)
    column_sortable_list = ("number", "company_name", "received_on")
    column_figures = frozenset({"bad"})
    column_labels: Any = {
        "number": _l("受付番号"),
        "company_name": _l("申請者・事業所"),
        "site_name": _l("事業所名"),
        "kind": _l("区分"),
        "phase.number": _l("期"),
        "received_on": _l("受付日・経過"),
        "age": _l("経過日数"),
        "state": _l("状態"),
        "bad": _l("不備"),
        "clerk": _l("担当"),
        "clerk.name": _l("担当"),
    }
    column_formatters: Any = {
        "number": formats.unbroken(lambda model: str(model.number)),
        "company_name": formats.two_lines("site_name"),
        "kind": _kind,
        "phase.number": formats.phase,
        "received_on": _received,
        "state": formats.state,
        "bad": lambda _v, _c, m, _n: NOTHING if _bad(m) is None else str(_bad(m)),
        "clerk": _clerk,
    }
    column_formatters_export: Any = {
        "kind": lambda _v, _c, m, _n: _word(m.kind),
        "state": lambda _v, _c, m, _n: _word(m.state),
        "received_on": lambda _v, _c, m, _n: m.received_on,
        "age": lambda _v, _c, m, _n: _age(m),
        "bad": lambda _v, _c, m, _n: _bad(m),
    }
    column_filters: Any = (
        ChoiceFilter(RegistrationApplication.phase_id, _l("期"), phase_choices),
        ChoiceFilter(
            RegistrationApplication.kind, _l("区分"), lambda: [(k, label(k)) for k in ParticipantKind]
        ),
        StateFilter(RegistrationApplication.state, _l("状態"), _states),
        in_charge.ClerkFilter(RegistrationApplication.clerk_id, _l("担当"), _clerks),
        ImportFilter(RegistrationApplication.id, _l("一括取り込み")),
        FromDayFilter(RegistrationApplication.received_on, _l("受付日（から）")),
        ToDayFilter(RegistrationApplication.received_on, _l("受付日（まで）")),
    )
    list_template = "admin/application/list.html"
    search_help = _l("会社名・事業所名（漢字・かな）、受付番号、メールアドレスで探せます。")
    action_permissions = {"clerk": Permission.REGISTRATION_EDIT}

    def get_query(self) -> Any:
        row = RegistrationApplication
        return (
            super()
            .get_query()
            .options(joinedload(row.phase), joinedload(row.clerk), selectinload(row.joint_companies))
        )

    def get_list(self, *asked: Any, execute: bool = True, **more: Any) -> Any:
        # first the keys of the page, then its rows: a far page would sort and throw away whole rows
        above: Any = super()
        count, query = above.get_list(*asked, execute=False, **more)
        if not execute:
            return count, query
        row = RegistrationApplication
        keys = [key for (key,) in query.enable_eagerloads(False).with_entities(row.id)]
        found = {one.id: one for one in self.get_query().filter(row.id.in_(keys))}
        return count, [found[key] for key in keys if key in found]

    def get_export_columns(self) -> Any:
        # a file has a column for the day and one for the age
        own: dict[Any, Any] = {"received_on": _l("受付日")}
        return [(name, own.get(name, title)) for name, title in super().get_export_columns()]

    @expose("/")
    def index_view(self) -> Any:
        if not request.args:
            return redirect(self.list_address(filters=[(_STATE, "", OPEN)]))
        return super().index_view()

    def _get_list_url(self, view_args: Any) -> str:
        # the bare address shows what is open; without any filter the address says so
        url = str(super()._get_list_url(view_args))
        return url if "?" in url else f"{url}?page=0"

    def _apply_search(self, query: Any, count_query: Any, joins: Any, count_joins: Any, search: str) -> Any:
        # a whole number is looked up; words are looked for in the folded column: no ILIKE, which costs thrice
        row, whole = RegistrationApplication, application_desk.number_typed(search)
        if whole is not None:
            wanted: Any = row.number == whole
        else:
            words = folded(search).split()
            wanted = and_(*(row.search_key.contains(word, autoescape=True) for word in words))
        counted = count_query.filter(wanted) if count_query is not None else None
        return query.filter(wanted), counted, joins, count_joins

    @action("clerk", cast(str, _l("担当を決める")))
    def clerk_many(self, ids: list[str]) -> Any:
        return redirect(self.get_url(".clerk_view", id=ids)) if ids else None

    # ---- what the pages of one application share

    def title_of(self, model: RegistrationApplication) -> str:
        return "　".join(part for part in (model.company_name, model.site_name) if part)

    def _row(self) -> RegistrationApplication:
        row: RegistrationApplication = self.get_one(request.args.get("id", ""))
        return row

    def _details(self, row_id: int) -> str:
        return str(self.get_url(".details_view", id=row_id))

    def _question(self, row: RegistrationApplication, title: str, **more: Any) -> Question:
        back = self._details(row.id)
        facts = [
            (_("受付番号"), row.number),
            (_("申請者"), self.title_of(row)),
            (_("受付日"), day(row.received_on)),
        ]
        parents = [(self.name, self.get_url(".index_view")), (row.number, back)]
        more.setdefault("warn", self._in_other_hands(row))
        return Question(title, parents, back=back, facts=[*facts, *more.pop("facts", [])], **more)

    def _in_other_hands(self, row: RegistrationApplication) -> tuple[str, str] | None:
        """A word before an act on what a colleague is in charge of; it stays possible."""
        if row.clerk is None or row.clerk_id == actor().id or row.state not in OPEN_STATES:
            return None
        return (
            _("%(name)s さんが担当しています。", name=row.clerk.name),
            _("進めてよいか、先に声をかけてください。"),
        )
