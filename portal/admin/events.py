"""The audit trail as the office reads it: what happened, by whom, on what, with which facts (safety 13)."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlalchemy.orm import joinedload

from portal.admin.base import SecretariatView
from portal.admin.event_facts import SUBJECTS, fact_lines, plain_lines, subject_address, subject_word
from portal.admin.event_words import WORDS, event_word
from portal.admin.filters import ChoiceFilter, FromDayFilter, ToDayFilter
from portal.extensions import db_session
from portal.models import (
    Account,
    CompanyChange,
    ContactChange,
    Event,
    Holder,
    RegistrationApplication,
    Trader,
    User,
    Verifier,
)
from portal.permissions import SECRETARIAT, Permission
from portal.services.numbers import search_key
from portal.web_text import NOTHING

#: how much of a value the list shows
_LONGEST = 60


def _tags() -> list[tuple[str, Any]]:
    return sorted(((tag.value, str(word)) for tag, word in WORDS.items()), key=lambda one: one[1])


def _office() -> list[tuple[int, str]]:
    rows = db_session.scalars(select(User).where(User.role.in_(SECRETARIAT)).order_by(User.login_id))
    return [(one.id, _("%(name)s（%(login)s）", name=one.name, login=one.login_id)) for one in rows]


def _who(_view: Any, _context: Any, model: Event, _name: str) -> Any:
    if model.actor is None:
        return NOTHING
    return _("%(name)s（%(login)s）", name=model.actor.name, login=model.actor.login_id)


def _of_others(folded: str) -> list[ColumnElement[bool]]:
    """Events about what belongs to traders and verifiers of that name or number: they bear no holder."""
    traders = select(Trader.id).where(Trader.search_key.contains(folded, autoescape=True))
    verifiers = select(Verifier.id).where(Verifier.search_key.contains(folded, autoescape=True))
    contacts = [
        select(model.contact_id).where(model.search_key.contains(folded, autoescape=True))
        for model in (Trader, Verifier)
    ]
    applications = [
        select(model.application_id).where(model.search_key.contains(folded, autoescape=True))
        for model in (Trader, Verifier)
    ]
    subjects: dict[str, Select[int]] = {
        "user": select(User.id).where(or_(User.trader_id.in_(traders), User.verifier_id.in_(verifiers))),
        "account": select(Account.id).where(Account.trader_id.in_(traders)),
        "company_change": select(CompanyChange.id).where(
            or_(CompanyChange.trader_id.in_(traders), CompanyChange.verifier_id.in_(verifiers))
        ),
        "contact_change": select(ContactChange.id).where(
            or_(*(ContactChange.contact_id.in_(one) for one in contacts))
        ),
        "registration_application": select(RegistrationApplication.id).where(
            or_(*(RegistrationApplication.id.in_(one) for one in applications))
        ),
    }
    return [and_(Event.subject_type == table, Event.subject_id.in_(ids)) for table, ids in subjects.items()]


class EventView(SecretariatView):
    """操作の記録."""

    permission_view = Permission.RECORD_VIEW
    column_list = ("tag", "at", "actor", "subject", "facts")
    column_details_list: Any = ("tag", "at", "actor")
    column_searchable_list = ("actor.login_id",)
    column_default_sort = ("id", True)
    column_sortable_list = ("at",)
    column_labels: Any = {
        "at": _l("日時"),
        "tag": _l("操作"),
        "actor": _l("操作した人"),
        "subject": _l("操作の対象"),
        "facts": _l("内容"),
    }
    column_formatters = {
        "tag": lambda _v, _c, m, _n: event_word(m.tag),
        "actor": _who,
        "subject": lambda _v, _c, m, _n: subject_word(m.subject_type, m.subject_id),
        "facts": lambda _v, _c, m, _n: _short(m),
    }
    column_formatters_export = {
        "tag": lambda _v, _c, m, _n: event_word(m.tag),
        "subject": lambda _v, _c, m, _n: subject_word(m.subject_type, m.subject_id),
        "facts": lambda _v, _c, m, _n: _short(m),
        "actor": _who,
    }
    column_filters = (
        ChoiceFilter(Event.tag, _l("操作"), _tags),
        ChoiceFilter(Event.actor_id, _l("操作した人（事務局）"), _office),
        ChoiceFilter(Event.subject_type, _l("操作の対象"), lambda: list(SUBJECTS.items())),
        FromDayFilter(Event.at, _l("日付（から）")),
        ToDayFilter(Event.at, _l("日付（まで）")),
    )
    search_help = _l("操作した人のログインIDか名前、参加者の名前か番号で探せます。")
    details_template = "admin/event/details.html"

    def get_query(self) -> Any:
        return super().get_query().options(joinedload(Event.actor))

    def _apply_search(self, query: Any, count_query: Any, joins: Any, count_joins: Any, search: str) -> Any:
        for word in search.replace("\u3000", " ").split():
            people = select(User.id).where(
                or_(User.login_id.icontains(word, autoescape=True), User.name.contains(word, autoescape=True))
            )
            found: list[ColumnElement[bool]] = [Event.actor_id.in_(people)]
            folded = search_key(word)
            if folded:
                holders = select(Holder.id).where(Holder.search_key.contains(folded, autoescape=True))
                found.append(Event.holder_id.in_(holders))
                found = [*found, *_of_others(folded)]
            query, count_query = query.filter(or_(*found)), count_query.filter(or_(*found))
        return query, count_query, joins, count_joins

    def title_of(self, model: Event) -> Any:
        return event_word(model.tag)

    def details_context(self, model: Event) -> dict[str, Any]:
        holder = db_session.get(Holder, model.holder_id) if model.holder_id else None
        return {
            "who": _who(None, None, model, ""),
            "subject": subject_word(model.subject_type, model.subject_id),
            "subject_url": _subject_address(model),
            "facts": fact_lines(model),
            "holder": holder,
        }


def _subject_address(model: Event) -> str | None:
    """The page of what the event was about; a report's file leads to its report."""
    report = model.facts.get("report")
    if model.subject_type == "document" and isinstance(report, int):
        return subject_address("emissions_report", report)
    return subject_address(model.subject_type, model.subject_id)


def _short(model: Event) -> str:
    """The first facts in one line, for the list."""
    lines = plain_lines(model)[:3]
    return " ／ ".join(f"{name} {value[:_LONGEST]}" for name, value in lines) or NOTHING


def views() -> list[Any]:
    return [EventView(Event, name=_l("操作の記録"), endpoint="event")]
