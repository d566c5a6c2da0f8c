"""How the rows of an import are worded: what each will become, what is wrong with it, what it looks like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from portal.admin.application_words import item_words
from portal.admin.filters import ListFilter
from portal.extensions import db_session
from portal.models import (
    ApplicationState,
    Import,
    ImportKind,
    ImportRow,
    ImportState,
    ParticipantKind,
    RegistrationApplication,
)
from portal.services import import_checks
from portal.services.imports import Line
from portal.services.registration import series_of
from portal.services.registration_checks import application_dues, is_late
from portal.web_text import NOTHING, label, locale_name, moment, number


@dataclass(frozen=True)
class RowLine:
    """One row of the preview."""

    place: str
    #: the number it has or will have, and the address of what it became
    number: str
    url: str | None
    name: str
    more: str
    account: str
    #: t-CO2, of a target
    quantity: str
    #: an application that was received after its phase's day
    late: bool
    #: (cell, heading, found, why)
    problems: list[tuple[str, str, str, str]]
    #: (words, address)
    similar: list[tuple[str, str]]


def row_lines(session: Session, model: Import, lines: Sequence[Line]) -> list[RowLine]:
    """The lines of one page; what each row will become, or became."""
    if model.kind is ImportKind.TARGETS:
        return [_target(line) for line in lines]
    numbers = {key: phase for phase, key in import_checks.phases(session).items()}
    dues = application_dues(session)
    return [_application(line, numbers, dues) for line in lines]


def _problems(line: Line) -> list[tuple[str, str, str, str]]:
    locale = locale_name()
    return [
        (one.cell, one.shown_item(locale), one.shown_found(locale), one.message(locale))
        for one in line.problems
    ]


def _application(line: Line, phases: dict[int, int], dues: dict[int, date]) -> RowLine:
    values = line.row.values
    kind = ParticipantKind(values["kind"])
    series = series_of(kind, phases.get(values["phase_id"] or 0))
    return RowLine(
        place=_("%(sheet)s %(n)s行", sheet=line.row.sheet, n=line.row.row_number),
        number=line.number or _("%(series)s-（次の番号）", series=series),
        url=url_for("application.details_view", id=line.row.made_id) if line.row.made_id else None,
        name=values["company_name"] or NOTHING,
        more=values["site_name"] or "",
        account=values["account_name"] or "",
        quantity="",
        late=is_late(date.fromisoformat(values["received_on"]), dues.get(values["phase_id"] or 0)),
        problems=_problems(line),
        similar=[
            (_similar(one), url_for("application.details_view", id=one["id"])) for one in line.row.similar
        ],
    )


def _similar(one: dict[str, Any]) -> str:
    """R2-0031 みほん工業　第一工場（受付済。法人名、所在地が同じ）."""
    return _(
        "%(number)s　%(label)s（%(state)s。%(items)sが同じ）",
        number=one["number"],
        label=one["label"],
        state=label(ApplicationState(one["state"])),
        items=item_words(one["matches"]),
    )


def _target(line: Line) -> RowLine:
    values = line.row.values
    account, quantity = values.get("account"), values.get("quantity")
    return RowLine(
        place=_("%(n)s行", n=line.row.row_number),
        number=f"AST-{account}" if account else NOTHING,
        url=url_for("target.details_view", id=line.row.made_id) if line.row.made_id else None,
        name=values.get("company_name") or NOTHING,
        more=values.get("site_name") or "",
        account="",
        late=False,
        quantity=number(quantity),
        problems=_problems(line),
        similar=[],
    )


class ImportFilter(ListFilter):
    """The applications that came by one bulk import; the newest imports are offered."""

    def choices(self) -> Any:
        query = (
            select(Import)
            .where(Import.state == ImportState.DONE, Import.kind == ImportKind.APPLICATIONS)
            .order_by(Import.id.desc())
            .options(joinedload(Import.document))
            .limit(20)
        )
        return [(one.id, f"{one.file_name}　{moment(one.finished_at)}") for one in db_session.scalars(query)]

    def text(self, value: str) -> Any:
        return dict((str(key), word) for key, word in self.choices()).get(str(value), value)

    def clean(self, value: str) -> int:
        if not (value.isascii() and value.isdigit() and len(value) < 16):
            raise ValueError(value)
        return int(value)

    def apply(self, query: Any, value: int, alias: Any = None) -> Any:
        made = select(ImportRow.made_id).join(Import, Import.id == ImportRow.import_id)
        made = made.where(ImportRow.import_id == value, Import.kind == ImportKind.APPLICATIONS)
        return query.filter(RegistrationApplication.id.in_(made))


def filter_arguments(view: Any, import_id: int) -> dict[str, Any]:
    """The arguments of the address of ``view``, the list of applications, that show what an import made."""
    place = next(n for n, one in enumerate(view.column_filters) if isinstance(one, ImportFilter))
    found: dict[str, Any] = view._get_filters([(place, "", str(import_id))])
    return found
