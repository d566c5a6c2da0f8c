"""The review desk: who in the office is in charge of which report, the case file of one report."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import Any, ClassVar, cast

from flask import redirect, send_file
from flask_admin.actions import action
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from markupsafe import Markup

from portal.admin import case_file, in_charge
from portal.admin.application_list import once_asked
from portal.admin.base import Step
from portal.admin.door import page
from portal.admin.report_review import ReportActs
from portal.models import EmissionsReport, ReportState
from portal.permissions import Permission
from portal.services import documents, review_desk
from portal.services.queues import REPORTS_HERE
from portal.web_text import NOTHING, days, number, short_day


def clerk_choices() -> list[tuple[Any, Any]]:
    """Oneself, nobody, then the colleagues."""
    return once_asked("report_clerks", lambda: in_charge.filter_choices(review_desk.DESK))


def clerk_cell(_view: Any, _context: Any, model: EmissionsReport, _name: str) -> Any:
    """Who is in charge; undecided only where somebody is wanted."""
    if model.clerk is not None:
        return Markup('<span class="as-nb">{}</span>').format(model.clerk.name)
    if model.state not in REPORTS_HERE:
        return NOTHING
    return Markup('<span class="as-sub">{}</span>').format(_("未定"))


def age_cell(_view: Any, _context: Any, model: EmissionsReport, _name: str) -> Any:
    """How long it waits, and how far beyond the office's guide."""
    wait = review_desk.waiting(model)
    if wait.guide is None:
        return days(wait.days) if model.state is ReportState.VERIFICATION_REQUESTED else NOTHING
    if not wait.over:
        return days(wait.days)
    over = ngettext("目安を%(n)s日超過", "目安を%(n)s日超過", wait.over, n=number(wait.over))
    return Markup('{}<span class="as-table__more as-table__more--bad">{}</span>').format(
        days(wait.days), over
    )


def due_line(model: EmissionsReport) -> Markup:
    """The phase's day for the report, with the days left while it is not handed in, or that it came late."""
    wait = review_desk.waiting(model)
    more, bad = "", model.late or wait.left < 0
    if model.late:
        more = _("期限後の提出")
    elif model.state is ReportState.NOT_SUBMITTED:
        more = due_words(wait.left)
    due = Markup('<span class="as-table__more as-nb">{}</span>').format(
        _("期限 %(day)s", day=short_day(wait.due))
    )
    if not more:
        return due
    tone = " as-table__more--bad" if bad else ""
    return due + Markup('<span class="as-table__more{}">{}</span>').format(tone, more)


def due_words(left: int) -> str:
    """あと3日; 今日まで; 2日超過."""
    if left == 0:
        return _("今日まで")
    if left > 0:
        return ngettext("あと%(n)s日", "あと%(n)s日", left, n=number(left))
    return ngettext("%(n)s日超過", "%(n)s日超過", -left, n=number(-left))


class ReportDesk(ReportActs):
    """担当と一件書類."""

    action_permissions: ClassVar[Mapping[str, Permission]] = {"clerk": Permission.REPORT_REVIEW}

    # ---- who is in charge

    @action("clerk", cast(str, _l("担当を決める")))
    def clerk_many(self, ids: list[str]) -> Any:
        return redirect(self.get_url(".clerk_view", id=ids)) if ids else None

    def clerk_step(self, model: EmissionsReport) -> list[Step]:
        """Taken with one press while nobody has it; otherwise it is asked who gets it."""
        if model.state not in REPORTS_HERE or not self.allows(Permission.REPORT_REVIEW):
            return []
        if model.clerk_id is None:
            url, fields = self.get_url(".take_view", id=model.id), {"version": model.version}
            return [Step(_("担当になる"), url, "other", post=True, fields=fields)]
        return [Step(_("担当を決める"), self.get_url(".clerk_view", id=model.id), "other")]

    @page("/take/", Permission.REPORT_REVIEW, methods=("POST",))
    def take_view(self) -> Any:
        row_id = self._report().id
        in_charge.taken(review_desk.DESK, row_id)
        return self._back(row_id)

    @page("/clerk/", Permission.REPORT_REVIEW, methods=("GET", "POST"))
    def clerk_view(self) -> Any:
        """One or many reports get somebody in charge."""
        return in_charge.clerk_page(self, review_desk.DESK, self._chosen, "admin/report/clerk.html")

    def _chosen(self, ids: list[int]) -> list[EmissionsReport]:
        row = EmissionsReport
        query = self.get_query().filter(row.id.in_(ids)).order_by(row.state_since, row.id)
        return list(query.all())

    # ---- all papers of one report in one file

    @page("/case-file/", Permission.REPORT_ALL_VIEW)
    def case_file(self) -> Any:
        """The case file as PDF, made as things stand now; that it was made is recorded."""
        name, data = case_file.made(self._report().id)
        return send_file(BytesIO(data), mimetype=documents.PDF, as_attachment=True, download_name=name)
