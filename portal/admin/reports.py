"""The reports of all holders: where each stands, how long, what it says; the acts are in report_review."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypeVar, cast

from flask import redirect, request, url_for
from flask_admin.actions import action
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from portal.admin import formats, one_by_one
from portal.admin.acts import KeySearch
from portal.admin.application_list import once_asked, phase_choices
from portal.admin.base import Step
from portal.admin.door import page
from portal.admin.event_words import history
from portal.admin.filters import ChoiceFilter, FromDayFilter, HolderPhaseFilter, ToDayFilter
from portal.admin.in_charge import ClerkFilter
from portal.admin.report_desk import (
    ReportDesk,
    age_cell,
    clerk_cell,
    clerk_choices,
    due_line,
    due_words,
)
from portal.admin.waiting import WaitingFirst
from portal.extensions import db_session
from portal.models import (
    ApprovalRevocation,
    EmissionsReport,
    FileKind,
    Holder,
    Period,
    Phase,
    ReportFile,
    ReportState,
    ReviewDocument,
    RevocationState,
    VerificationReport,
    Verifier,
    VerifierAssignment,
)
from portal.permissions import Permission
from portal.services import checklist, factors, report_comparison, review_desk
from portal.services.audit import EventTag
from portal.services.mail_words import fiscal_years
from portal.services.queues import REPORTS_HERE
from portal.services.report_rules import (
    current_verification,
    facts_of,
    live_verifier,
    possible,
    turn,
)
from portal.services.report_steps import open_revocation
from portal.services.reviews import revocation_problem
from portal.services.spreadsheets.form_types import FormReading
from portal.web import actor, texts
from portal.web_text import fiscal, label

T = TypeVar("T")

#: places in ``column_filters``; other pages link to a filtered list
_PHASE, _PERIOD, _STATE, _VERIFIER = range(4)
HERE = "here"


def state_address(state: ReportState) -> str:
    """The list of the reports in ``state``."""
    chosen: dict[str, Any] = {f"flt{_STATE}_{_STATE}": state.value}
    return url_for("report.index_view", **chosen)


class StateFilter(ChoiceFilter):
    """The states, and all that wait for the office together."""

    def apply(self, query: Any, value: Any, alias: Any = None) -> Any:
        if value == HERE:
            return query.filter(self.get_column(alias).in_(REPORTS_HERE))
        return super().apply(query, value, alias)


def _states() -> list[tuple[Any, Any]]:
    return [(HERE, _("事務局の番")), *((state, label(state)) for state in ReportState)]


class VerifierFilter(ChoiceFilter):
    """Reports assigned to one verifier now."""

    def apply(self, query: Any, value: Any, alias: Any = None) -> Any:
        assigned = select(VerifierAssignment.report_id).where(
            VerifierAssignment.verifier_id == value, VerifierAssignment.ended_at.is_(None)
        )
        return query.filter(EmissionsReport.id.in_(assigned))


def verifier_choices() -> list[tuple[int, str]]:
    """Every verifier, for a filter."""
    rows = select(Verifier).options(joinedload(Verifier.organisation)).order_by(Verifier.number)
    return once_asked("report_verifiers", lambda: [(one.id, one.label) for one in db_session.scalars(rows)])


def _holder(_view: Any, _context: Any, model: EmissionsReport, _name: str) -> Any:
    holder = model.holder
    more = Markup('{}\u3000<span class="as-nb">{}</span>').format(holder.site_name, holder.account.code)
    # a Japanese name breaks between its words in the English pages too
    shown = Markup(
        '<span class="as-table__name" lang="ja">{}</span><span class="as-table__more" lang="ja">{}</span>'
    )
    return shown.format(holder.representative.name, more)


def _years(model: EmissionsReport) -> str:
    return fiscal(fiscal_years(model.holder.phase, model.period))


def _period(_view: Any, _context: Any, model: EmissionsReport, _name: str) -> Any:
    shown = Markup('{}<span class="as-table__more">{}</span>').format(label(model.period), _years(model))
    return shown + due_line(model)


def _fetches_url(model: EmissionsReport) -> str:
    """The audit trail of what the holder's files were fetched."""
    chosen: dict[str, Any] = {"flt0_0": EventTag.DOCUMENT_DOWNLOADED.value}
    return url_for("event.index_view", search=model.holder.account.code, **chosen)


def _verifier(_view: Any, _context: Any, model: EmissionsReport, _name: str) -> Any:
    verifier = live_verifier(model)
    return verifier_name(verifier) if verifier is not None else "—"


def verifier_name(verifier: Verifier) -> Markup:
    """A verifier in a cell: its Japanese name breaks between its words in the English pages too."""
    return Markup('<span lang="ja">{}</span>').format(verifier.label)


def _outdated(report: EmissionsReport) -> tuple[int, ...]:
    """Fiscal years of which a factor has changed since the report was registered, until it is final."""
    if report.state in (ReportState.APPROVED, ReportState.RECEIVED):
        return ()
    return factors.outdated(db_session(), [report]).get(report.id, ())


def _talk(report_id: int) -> Sequence[ReviewDocument]:
    """Questions and answers, the oldest first."""
    return db_session.scalars(
        select(ReviewDocument)
        .where(ReviewDocument.report_id == report_id)
        .options(joinedload(ReviewDocument.document), joinedload(ReviewDocument.sent_by))
        .order_by(ReviewDocument.id)
    ).all()


class ReportView(KeySearch, WaitingFirst, ReportDesk):
    """報告書."""

    waiting_filter = (_STATE, HERE)
    waiting_label = _l("事務局の番")

    column_list: Any = (
        "holder.account.code",
        "period",
        "state",
        "verifier",
        "emissions",
        "state_since",
        "clerk",
    )
    column_export_list: Any = (*column_list[:-1], "due", column_list[-1])
    column_details_list: Any = ("id",)
    column_searchable_list = ("holder.search_key",)
    column_default_sort = ("state_since", False)
    column_sortable_list = ("emissions", "state_since")
    column_figures = frozenset({"emissions", "state_since"})
    column_units = {"emissions": "t-CO2"}
    column_labels: Any = {
        "id": _l("番号"),
        "holder.account.code": _l("目標保有者"),
        "period": _l("報告期間"),
        "state": _l("状態"),
        "verifier": _l("検証機関"),
        "emissions": _l("排出量"),
        "state_since": _l("経過日数"),
        "due": _l("報告の期限"),
        "clerk": _l("担当"),
    }
    column_formatters = {
        "holder.account.code": _holder,
        "period": _period,
        "state": formats.state,
        "verifier": _verifier,
        "emissions": formats.figure,
        "state_since": age_cell,
        "clerk": clerk_cell,
    }
    column_formatters_export = {
        "holder.account.code": lambda _v, _c, m, _n: f"{m.holder.account.code}　{m.holder.label}",
        "period": lambda _v, _c, m, _n: f"{label(m.period)}　{_years(m)}",
        "verifier": lambda _v, _c, m, _n: v.label if (v := live_verifier(m)) is not None else "—",
        "state_since": lambda _v, _c, m, _n: m.state_since,
        "due": lambda _v, _c, m, _n: review_desk.waiting(m).due.isoformat(),
        "clerk": lambda _v, _c, m, _n: m.clerk.name if m.clerk is not None else "",
    }
    column_filters = (
        HolderPhaseFilter(EmissionsReport.holder_id, _l("第何期"), phase_choices),
        ChoiceFilter(EmissionsReport.period, _l("報告期間"), lambda: [(p, label(p)) for p in Period]),
        StateFilter(EmissionsReport.state, _l("状態"), _states),
        VerifierFilter(EmissionsReport.id, _l("検証機関"), verifier_choices),
        FromDayFilter(EmissionsReport.state_since, _l("いまの状態になった日（から）")),
        ToDayFilter(EmissionsReport.state_since, _l("いまの状態になった日（まで）")),
        ClerkFilter(EmissionsReport.clerk_id, _l("担当"), clerk_choices),
    )
    search_help = _l("会社名・事業所名（漢字・かな）、口座番号で探せます。")
    action_permissions: ClassVar[Mapping[str, Permission]] = {
        **ReportDesk.action_permissions,
        "approve": Permission.REPORT_APPROVE,
    }
    list_template = "admin/report/list.html"
    details_template = "admin/report/details.html"

    def get_query(self) -> Any:
        holder = joinedload(EmissionsReport.holder)
        assignments = selectinload(EmissionsReport.assignments)
        return (
            super()
            .get_query()
            .options(
                holder.joinedload(Holder.representative),
                holder.joinedload(Holder.account),
                holder.joinedload(Holder.phase).selectinload(Phase.rules),
                assignments.joinedload(VerifierAssignment.verifier).joinedload(Verifier.organisation),
                joinedload(EmissionsReport.clerk),
            )
        )

    def title_of(self, model: EmissionsReport) -> Any:
        return _("%(year)sの報告書（%(holder)s）", year=_years(model), holder=model.holder.label)

    @page("/revocations/", Permission.REPORT_ALL_VIEW)
    def revocations(self) -> Any:
        """The proposals to take an approval back that wait for another person."""
        rows = db_session.scalars(
            select(ApprovalRevocation)
            .where(ApprovalRevocation.state == RevocationState.PROPOSED)
            .options(
                joinedload(ApprovalRevocation.report)
                .joinedload(EmissionsReport.holder)
                .joinedload(Holder.representative),
                joinedload(ApprovalRevocation.proposed_by),
            )
            .order_by(ApprovalRevocation.proposed_at)
        ).all()
        if len(rows) == 1:
            return redirect(self.get_url(".details_view", id=rows[0].report_id))
        return self.render("admin/report/revocations.html", rows=rows)

    @action("approve", cast(str, _l("まとめて承認")))
    def approve_many(self, ids: list[str]) -> Any:
        """Refused on purpose: an approval is somebody's word about one report."""
        return redirect(self.get_url(".one_by_one", id=ids[: one_by_one.MOST]))

    @page("/one-by-one/", Permission.REPORT_APPROVE)
    def one_by_one(self) -> Any:
        """Why not, and the chosen reports to go through one after another."""
        return one_by_one.one_by_one_page(self)

    # ---- one report

    def details_context(self, model: EmissionsReport) -> dict[str, Any]:
        session = db_session()
        files = session.scalars(
            select(ReportFile)
            .where(ReportFile.report_id == model.id)
            .options(joinedload(ReportFile.document), joinedload(ReportFile.uploaded_by))
            .order_by(ReportFile.kind.desc(), ReportFile.version_number.desc())
        ).all()
        verifications = session.scalars(
            select(VerificationReport)
            .where(VerificationReport.report_id == model.id)
            .options(
                joinedload(VerificationReport.document),
                joinedload(VerificationReport.verifier).joinedload(Verifier.organisation),
                joinedload(VerificationReport.report_file),
            )
            .order_by(VerificationReport.id.desc())
        ).all()
        current = next((one for one in files if one.id == model.current_file_id), None)
        reading = FormReading.from_dict(current.reading) if current and current.reading else None
        revocation = open_revocation(session, model)
        verification = current_verification(model)
        compared = report_comparison.comparisons(
            session, model.id, actor(), version=request.args.get("against", type=int)
        )
        fetches, fetched = review_desk.fetches(session, model.id)
        return {
            "years": _years(model),
            "verifier": live_verifier(model),
            "files": files,
            "verifications": verifications,
            "verification": verification,
            "checked": checklist.lines(verification.checklist if verification is not None else None),
            "compared": compared,
            "earlier": [
                one.version_number
                for one in files
                if one.kind is FileKind.CALCULATION and one.id != model.current_file_id
            ],
            "pointed_out": report_comparison.pointed_out(compared),
            "talk": _talk(model.id),
            "current": current,
            "reading": reading,
            "revocation": revocation,
            "outdated": _outdated(model),
            "turn": turn(facts_of(model)),
            "here": model.state in REPORTS_HERE,
            "place": one_by_one.place_of(self, model),
            "waiting": review_desk.waiting(model),
            "due_words": due_words,
            "figures": review_desk.figures(session, model, reading),
            "fetches": fetches,
            "fetched": fetched,
            "fetches_url": _fetches_url(model),
        }

    def history_of(self, model: EmissionsReport) -> Sequence[tuple[Any, ...]]:
        session = db_session()
        proposals = session.scalars(
            select(ApprovalRevocation.id).where(ApprovalRevocation.report_id == model.id)
        ).all()
        return history(
            session,
            [("emissions_report", [model.id]), ("approval_revocation", proposals)],
            # the report has an event of its own about it
            besides=[("approval_revocation", EventTag.REVOCATION_CONFIRMED)],
            asked={one.reason for one in model.send_back_requests},
        )

    def steps_for(self, model: EmissionsReport) -> Sequence[Step]:
        return [*self.steps(model, self._possible(model)[0]), *self.clerk_step(model)]

    def _possible(self, model: EmissionsReport) -> tuple[tuple[str, ...], Any]:
        waits = open_revocation(db_session(), model) is not None
        return possible(facts_of(model, revocation_open=waits), actor().role)

    def later_for(self, model: EmissionsReport) -> tuple[Any, Any] | None:
        if model.state is ReportState.UNDER_REVIEW and not self.allows(Permission.REPORT_APPROVE):
            return _("承認について"), _("承認できるのは、承認者の役割を持つ人だけです。")
        if model.state is ReportState.APPROVED:
            problem = revocation_problem(db_session(), model)
            if problem is not None:
                return _("承認の取消し"), texts([problem])[0]
        if model.state is ReportState.NOT_SUBMITTED:
            return _("目標保有者の番です"), _("検証を依頼するか、提出すると、次に進みます。")
        if model.state is ReportState.VERIFICATION_REQUESTED:
            return _("検証機関の番です"), _("検証機関が承認を依頼すると、ここに操作が出ます。")
        return None


def views() -> list[Any]:
    return [ReportView(EmissionsReport, name=_l("報告書"), endpoint="report")]
