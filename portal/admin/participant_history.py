"""登録内容の履歴: what stood registered on any day, and what every item was when (domain §3)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any, ClassVar

from flask import abort, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import DateField, SelectField

from portal import clock
from portal.admin import record_words
from portal.admin.door import page
from portal.admin.forms import AdminForm
from portal.admin.paper_changes import code_of
from portal.errors import Problem, Refusal
from portal.extensions import db_session
from portal.models import ParticipantKind, RecordCause, RegistrationVersion
from portal.permissions import Permission
from portal.services import company_changes, records
from portal.services.records import ItemHistory, Participant
from portal.web import texts
from portal.web_downloads import table_file
from portal.web_text import label

#: the page of what caused a change
_SCREENS = {
    RecordCause.REGISTERED: "application",
    RecordCause.CONTACT_CHANGE: "contact_change",
    RecordCause.COMPANY_CHANGE: "company_change",
}


def _cause(line: RegistrationVersion) -> str:
    """What brought the change; a contact change without an application followed a returned letter."""
    if line.cause is RecordCause.CONTACT_CHANGE and line.cause_id is None:
        return _("届かなかった通知書の送り先の訂正")
    return label(line.cause)


class DayForm(AdminForm):
    """Which day, which item. Read from the address: a page that can be sent to a colleague."""

    day = DateField(_l("この日の終わりの内容"), description=_l("その日の変更も含みます。"))
    item = SelectField(_l("項目"), validate_choice=False)


class HistoryPages:
    """The history of a participant, for the views of holders, traders and verifiers. Mix in first."""

    record_kind: ClassVar[ParticipantKind]

    @page("/history/", Permission.RECORD_VIEW)
    def history_view(self) -> Any:
        view: Any = self
        row: Participant = view.get_one(request.args.get("id", ""))
        lines = records.versions(db_session(), row)
        items = records.item_histories(lines)
        kind = company_changes.kind_of(row)
        form = DayForm(formdata=request.args, meta={"csrf": False})
        form["item"].choices = [("", _("すべての項目"))] + [
            (one.item, record_words.word(one.item, kind)) for one in items
        ]
        day = self._day(form)
        chosen = str(form["item"].data or "")
        stood = records.as_of(db_session(), row, day)
        html = view.render(
            "admin/record/history.html",
            row=row,
            code=code_of(row),
            form=form,
            day=day,
            stood=stood,
            begins=lines[0].valid_from if lines else None,
            sections=self._sections(stood, lines, kind) if stood is not None else [],
            items=[
                (record_words.word(one.item, kind), list(self._rows(one)))
                for one in items
                if one.item == chosen or (not chosen and len(one.spans) > 1)
            ],
            steady=_("、").join(
                record_words.word(one.item, kind) for one in items if not chosen and len(one.spans) == 1
            ),
            parents=[
                (view.name, view.get_url(".index_view")),
                (row.label, view.get_url(".details_view", id=row.id)),
            ],
        )
        return html

    @staticmethod
    def _day(form: DayForm) -> date:
        """The day asked for; today if there is none, and a reason at the field if it cannot be."""
        field: Any = form["day"]
        field.validate(form)
        wanted, today = field.data, clock.today()
        if wanted is not None and wanted > today:
            field.errors = [*field.errors, *texts([Problem(Refusal.DATE_IN_FUTURE)])]
        if wanted is None or wanted > today:
            if not field.errors:
                field.data = today
            return today
        return date(wanted.year, wanted.month, wanted.day)

    @staticmethod
    def _sections(
        stood: RegistrationVersion, lines: list[RegistrationVersion], kind: ParticipantKind
    ) -> list[tuple[Any, list[tuple[str, str, bool]]]]:
        """(heading, (item, value, whether it is another one today)) of what stood on the day."""
        now = lines[-1].facts
        return [
            (
                head,
                [
                    (
                        record_words.word(item, kind),
                        record_words.shown(item, stood.facts.get(item)),
                        stood.facts.get(item) != now.get(item),
                    )
                    for item in some
                ],
            )
            for head, some in record_words.by_section(stood.facts)
        ]

    def _rows(self, one: ItemHistory) -> Iterator[tuple[str, datetime, datetime | None, str, str, str]]:
        """(value, since, until, cause, its address, who) of an item, the present value first."""
        for span in one.spans:
            line = span.version
            yield (
                record_words.shown(one.item, span.value),
                span.since,
                span.until,
                _cause(line),
                self._cause_url(line),
                line.actor.name if line.actor is not None else _("システム"),
            )

    def _cause_url(self, line: RegistrationVersion) -> str:
        view: Any = self
        screen = _SCREENS.get(line.cause)
        if screen is None or line.cause_id is None:
            return ""
        return str(view.get_url(f"{screen}.details_view", id=line.cause_id))

    @page("/history/file/<export_type>/", Permission.RECORD_VIEW)
    def history_file(self, export_type: str) -> Any:
        """Every value of every item, or of the one that is filtered, as a file."""
        view: Any = self
        row: Participant = view.get_one(request.args.get("id", ""))
        if export_type not in ("csv", "xlsx"):
            abort(404)
        kind, chosen = company_changes.kind_of(row), request.args.get("item", "")
        lines = [
            (record_words.word(one.item, kind), value, since, until, cause, who)
            for one in records.field_history(db_session(), row)
            if chosen in ("", one.item)
            for value, since, until, cause, _url, who in self._rows(one)
        ]
        titles = (_("項目"), _("内容"), _("この日時から"), _("この日時まで"), _("きっかけ"), _("操作した人"))
        name = f"{_('登録内容の履歴')}_{code_of(row)}"
        return table_file(f"{name}_{clock.today():%Y%m%d}", export_type, titles, lines, name)
