"""The holder's reports: the list of its periods and the page of each (domain §4; logins A and B alike)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from itertools import groupby
from typing import Any

from flask import render_template, request
from flask_babel import gettext as _
from markupsafe import Markup

from portal.errors import NotFound, Refusal
from portal.extensions import db_session
from portal.models import Period, ReportState, User
from portal.participant import pages
from portal.participant.report_words import file_kind, review_badge, sentence, tries, who, whole_figures
from portal.permissions import Permission
from portal.services import report_comparison, report_notes, report_views
from portal.services.audit import EventTag
from portal.services.report_rules import Turn
from portal.services.report_timeline import FileLink, TimeLineEntry
from portal.services.report_views import ReportView, SourceFigure
from portal.web import actor, requires, texts
from portal.web_text import as_entered, day, label, three_places

_S = ReportState
_ROAD = (_S.NOT_SUBMITTED, _S.VERIFICATION_REQUESTED, _S.APPROVAL_REQUESTED, _S.UNDER_REVIEW, _S.APPROVED)
_SHORT_ROAD = (_S.NOT_SUBMITTED, _S.SUBMITTED, _S.RECEIVED)
#: what a line of the time line links a file for: the others only speak of one
BRINGS_FILE = frozenset(
    {
        EventTag.REPORT_REGISTERED,
        EventTag.REPORT_ATTACHED,
        EventTag.VERIFICATION_REGISTERED,
        EventTag.REVIEW_DOCUMENT_SENT,
    }
)


@dataclass(frozen=True)
class Line:
    """A line of the time line, in words."""

    at: datetime
    what: Markup
    who: str
    reason: str | None
    #: the reason is that of the holder's own request
    asked: bool
    file: FileLink | None
    now: bool


@dataclass(frozen=True)
class FigureRow:
    """A source's figures as the page writes them: activity in ``unit``, emissions in t-CO2."""

    name: str
    activity: str
    unit: str
    emissions: str


@dataclass(frozen=True)
class FigureYear:
    """The sources of one fiscal year and their sum in t-CO2."""

    year: int
    rows: tuple[FigureRow, ...]
    total: str


def figure_years(figures: tuple[SourceFigure, ...]) -> list[FigureYear]:
    """The lines of a form, year by year."""
    years = []
    for year, found in groupby(figures, key=lambda figure: figure.fiscal_year):
        lines = list(found)
        rows = tuple(
            FigureRow(f.name, as_entered(f.activity), f.unit, three_places(f.emissions)) for f in lines
        )
        years.append(FigureYear(year, rows, three_places(sum((f.emissions for f in lines), Fraction(0)))))
    return years


def lines_of(view: ReportView, reader: User) -> list[Line]:
    """The time line of a report, newest first, in the reader's words."""
    runs = [list(run) for _tag, run in groupby(view.time_line, key=_run_of)]
    return [
        Line(
            run[0].at,
            whole_figures(sentence(run[0], reader) if len(run) == 1 else tries(len(run))),
            who(run[0]),
            run[0].reason,
            run[0].asked,
            run[0].file if run[0].tag in BRINGS_FILE else None,
            place == 0,
        )
        for place, run in enumerate(runs)
    ]


def _run_of(entry: TimeLineEntry) -> object:
    """What makes entries one line: forms that were refused one after the other by the same person."""
    return (entry.tag, entry.actor_name) if entry.tag is EventTag.REPORT_REFUSED else entry


def steps_of(view: ReportView, reader: User) -> list[tuple[str, str, str]]:
    """(name, whose step it is, done or now) of every state on the report's way."""
    holder = _("目標保有者（あなた）") if reader.holder_id is not None else _("目標保有者")
    verifier = _("検証機関（あなた）") if reader.verifier_id is not None else _("検証機関")
    people = {
        _S.NOT_SUBMITTED: holder,
        _S.VERIFICATION_REQUESTED: verifier,
        _S.APPROVAL_REQUESTED: _("事務局"),
        _S.UNDER_REVIEW: _("事務局"),
        _S.SUBMITTED: _("事務局"),
        _S.APPROVED: _("排出量が確定します"),
        _S.RECEIVED: _("手続きが終わります"),
    }
    road = _ROAD if view.verified else _SHORT_ROAD
    here = road.index(view.state)
    ended = here == len(road) - 1
    return [
        (label(state), people[state], "done" if place < here or ended else "now" if place == here else "")
        for place, state in enumerate(road)
    ]


def turn_of(view: ReportView) -> tuple[str, bool]:
    """(whose turn it is, in words; whether it is the reader's)."""
    if view.turn is Turn.NOBODY:
        return _("手続きは終わりました"), False
    if view.turn is Turn.HOLDER and Refusal.PERIOD_NOT_OPEN in _refusals(view):
        return _("%(day)sから登録できます", day=day(view.opens)), False
    if view.your_turn:
        return _("次はあなたの番です"), True
    return {
        Turn.HOLDER: _("次は目標保有者の番です"),
        Turn.VERIFIER: _("次は検証機関の番です"),
        Turn.SECRETARIAT: _("次は事務局の番です"),
    }[view.turn], False


def _refusals(view: ReportView) -> set[Refusal]:
    return {problem.refusal for problem in view.blocked.values()}


def why_not(view: ReportView) -> list[str]:
    """Why an expected act of the holder is not possible now, in sentences; each once."""
    if Refusal.PERIOD_NOT_OPEN in _refusals(view):
        return [_("%(day)sから登録できます", day=day(view.opens))]
    said = [problem for name, problem in view.blocked.items() if name != "attach_file"]
    if said or view.actions:
        return list(dict.fromkeys(texts(said)))
    return [
        {
            _S.VERIFICATION_REQUESTED: _("検証機関の結果をお待ちください"),
            _S.APPROVAL_REQUESTED: _("事務局の承認をお待ちください"),
            _S.UNDER_REVIEW: _("事務局の承認をお待ちください"),
            _S.SUBMITTED: _("事務局の受領をお待ちください"),
        }.get(view.state, _("確定したため、操作はありません"))
    ]


def mended(view: ReportView) -> bool:
    """A returned report that has a newer file already: what is left is to hand it in again."""
    file = view.current_file
    return file is not None and view.returned_at is not None and file.uploaded_at > view.returned_at


def present(views: list[ReportView]) -> ReportView:
    """The period the reader is in: of the open ones what the holder must hand in, the first that is due;
    else one that is not finished, else the last finished one."""
    unfinished = [view for view in views if view.turn is not Turn.NOBODY]
    opened = [view for view in unfinished if Refusal.PERIOD_NOT_OPEN not in _refusals(view)]
    opened.sort(
        key=lambda view: (view.turn is not Turn.HOLDER, view.due if view.turn is Turn.HOLDER else view.opens)
    )
    finished = [view for view in views if view.turn is Turn.NOBODY]
    return (opened or finished[-1:] or unfinished)[0]


def period_view(period: str) -> ReportView:
    """The reader's own report of the period in an address. Raises ``NotFound`` for any other word."""
    if period not in list(Period):
        raise NotFound
    return report_views.period_view(db_session(), Period(period), actor())


def ways() -> dict[str, Any]:
    """What the templates of this subject say with."""
    return {
        "turn_of": turn_of,
        "why_not": why_not,
        "mended": mended,
        "whole_figures": whole_figures,
        "file_kind": file_kind,
        "review_badge": review_badge,
        "file_endpoint": "participant.report_file",
    }


@pages.get("/reports")
@requires(Permission.REPORT_OWN_VIEW)
def report_list() -> str:
    """報告書情報一覧: three periods, their statuses, and only the acts that are possible now."""
    reader = actor()
    views = report_views.holder_reports(db_session(), reader)
    here = present(views)
    return render_template(
        "participant/reports/list.html",
        views=views,
        here=here,
        holder=here.holder,
        returned=[v for v in views if v.returned_reason and v.state is _S.NOT_SUBMITTED],
        steps=steps_of(here, reader),
        lines=lines_of(here, reader),
        **ways(),
    )


@pages.get("/reports/<period>")
@requires(Permission.REPORT_OWN_VIEW)
def report_show(period: str) -> str:
    """One period: figures by source, every version, attachments, verification, review, what happened."""
    reader = actor()
    view = period_view(period)
    figures = report_views.source_figures(db_session(), view.id, reader)
    return render_template(
        "participant/reports/show.html",
        view=view,
        years=figure_years(figures),
        compared=report_comparison.comparisons(
            db_session(), view.id, reader, version=request.args.get("against", type=int)
        ),
        notes=report_notes.current_notes(db_session(), view.id, reader),
        steps=steps_of(view, reader),
        lines=lines_of(view, reader),
        **ways(),
    )
