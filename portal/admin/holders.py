"""Holders: the whole record, and what the secretariat may do about it (domain §2, §3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from flask import redirect, request
from flask_admin.actions import action
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from portal.admin import formats
from portal.admin.acts import KeySearch
from portal.admin.application_list import phase_choices
from portal.admin.base import SecretariatView, Step
from portal.admin.door import page
from portal.admin.event_words import history
from portal.admin.filters import ChoiceFilter, YesNoFilter
from portal.admin.reissue import reissue_page
from portal.extensions import db_session
from portal.models import (
    EmissionsReport,
    Holder,
    JointCompany,
    Participation,
    Period,
    ReductionTarget,
    ReportState,
    TargetState,
    VerifierAssignment,
)
from portal.permissions import Permission
from portal.services import registration
from portal.services.targets import live_target
from portal.services.verifiers import VERIFIED_PERIODS
from portal.web import actor
from portal.web_text import badge, label, number, phase_name


def _report_of(holder: Holder, period: Period) -> EmissionsReport | None:
    return next((report for report in holder.reports if report.period is period), None)


def _report_state(period: Period) -> Any:
    def show(_view: Any, _context: Any, model: Holder, _name: str) -> Any:
        report = _report_of(model, period)
        return badge(report.state if report is not None else None)

    return show


def verifier_of(report: EmissionsReport) -> str | None:
    """Who verifies the report now."""
    live = next((one for one in report.assignments if one.ended_at is None), None)
    return live.verifier.label if live is not None else None


def _verifiers(_view: Any, _context: Any, model: Holder, _name: str) -> str:
    names = [verifier_of(report) for report in model.reports if report.period in VERIFIED_PERIODS]
    return _("、").join(dict.fromkeys(name for name in names if name)) or _("未定")


class HolderView(KeySearch, SecretariatView):
    """目標保有者."""

    permission_view = Permission.RECORD_VIEW
    column_list: Any = (
        "account.id",
        "representative.name",
        "phase.number",
        "base",
        "target",
        "verifier",
    )
    column_default_sort = ("id", False)
    column_sortable_list: Any = (("representative.name", "representative.name_kana"),)
    column_labels: Any = {
        "account.id": _l("口座番号"),
        "representative.name": _l("代表事業者・事業所"),
        "phase.number": _l("期"),
        "base": _l("基準年度の報告書"),
        "target": _l("削減目標年度の報告書"),
        "verifier": _l("検証機関"),
    }
    column_formatters: Any = {
        "account.id": formats.unbroken(lambda m: m.account.code),
        "representative.name": formats.two_lines("site_name"),
        "phase.number": formats.unbroken(lambda m: phase_name(m.phase.number)),
        "base": _report_state(Period.BASE),
        "target": _report_state(Period.TARGET),
        "verifier": _verifiers,
    }
    column_formatters_export: Any = {
        "account.id": lambda _v, _c, m, _n: m.account.code,
        "representative.name": lambda _v, _c, m, _n: m.label,
        "phase.number": lambda _v, _c, m, _n: m.phase.number,
    }
    column_filters: Any = (
        ChoiceFilter(Holder.phase_id, _l("期"), phase_choices),
        ChoiceFilter(Holder.participation, _l("参加の形"), lambda: [(p, label(p)) for p in Participation]),
        YesNoFilter(Holder.disclosure_consent, _l("担当者情報の公開"), _l("同意する"), _l("同意しない")),
    )
    search_help = _l("会社名・事業所名（漢字・かな）、口座番号、担当者、メールアドレスで探せます。")
    details_template = "admin/holder/details.html"
    action_permissions = {"assign": Permission.VERIFIER_ASSIGN}

    def get_query(self) -> Any:
        reports = selectinload(Holder.reports).selectinload(EmissionsReport.assignments)
        return (
            super()
            .get_query()
            .options(
                joinedload(Holder.representative),
                joinedload(Holder.phase),
                joinedload(Holder.account),
                reports.joinedload(VerifierAssignment.verifier),
            )
        )

    def title_of(self, model: Holder) -> str:
        return model.label

    def details_context(self, model: Holder) -> dict[str, Any]:
        session = db_session()
        return {
            "targets": list(
                session.scalars(
                    select(ReductionTarget)
                    .where(ReductionTarget.holder_id == model.id)
                    .options(
                        joinedload(ReductionTarget.proposed_by), joinedload(ReductionTarget.confirmed_by)
                    )
                    .order_by(ReductionTarget.id.desc())
                )
            ),
            "letters": registration.letters_of(session, model.application_id),
            "verifier_of": verifier_of,
            "verified": VERIFIED_PERIODS,
            "joint": list(
                session.scalars(
                    select(JointCompany)
                    .where(JointCompany.holder_id == model.id)
                    .options(joinedload(JointCompany.organisation))
                    .order_by(JointCompany.position)
                )
            ),
        }

    def steps_for(self, model: Holder) -> Sequence[Step]:
        steps = []
        target = live_target(db_session(), model.id)
        if target is None and self.allows(Permission.TARGET_PROPOSE):
            url = self.get_url("target.propose_view", holder=model.id)
            steps.append(Step(_("削減目標量を起案する"), url))
        elif target is not None and target.state is TargetState.PROPOSED:
            steps += self._on_proposal(target)
        still_here = any(
            report.period in VERIFIED_PERIODS and report.state is ReportState.NOT_SUBMITTED
            for report in model.reports
        )
        if still_here and self.allows(Permission.VERIFIER_ASSIGN):
            steps.append(Step(_("検証機関を決める"), self.get_url("assignment.index", id=model.id)))
        if self.allows(Permission.LOGIN_REISSUE):
            steps.append(
                Step(_("パスワードを再発行する"), self.get_url(".reissue_view", id=model.id), "other")
            )
        return steps

    def _on_proposal(self, target: ReductionTarget) -> list[Step]:
        amount = number(target.quantity)
        steps = []
        if self.allows(Permission.TARGET_CONFIRM) and target.proposed_by_id != actor().id:
            words = _("削減目標量%(amount)s t-CO2を確定する", amount=amount)
            steps.append(Step(words, self.get_url("target.confirm_view", id=target.id)))
        if self.allows(Permission.TARGET_PROPOSE):
            url = self.get_url("target.withdraw_view", id=target.id)
            steps.append(Step(_("削減目標量の起案を取り下げる"), url))
        return steps

    def later_for(self, model: Holder) -> tuple[Any, Any] | None:
        target = live_target(db_session(), model.id)
        if target is None or target.state is not TargetState.PROPOSED:
            return None
        if self.allows(Permission.TARGET_CONFIRM) and target.proposed_by_id != actor().id:
            return None
        return (
            _("削減目標量は、まだ確定していません"),
            _("起案した人とは別の承認者が確かめて、確定します。"),
        )

    def history_of(self, model: Holder) -> Sequence[tuple[Any, ...]]:
        subjects = [
            ("registration_application", [model.application_id]),
            ("letter", [one.id for one in registration.letters_of(db_session(), model.application_id)]),
        ]
        return history(db_session(), subjects, holder_id=model.id)

    @action("assign", cast(str, _l("検証機関を決める")))
    def assign_many(self, ids: list[str]) -> Any:
        return redirect(self.get_url("assignment.index", id=ids))

    @page("/reissue/", Permission.LOGIN_REISSUE, methods=("GET", "POST"))
    def reissue_view(self) -> Any:
        return reissue_page(self, self.get_one(request.args.get("id", "")))


def views() -> list[Any]:
    """The screens of this subject."""
    return [HolderView(Holder, name=_l("目標保有者"), endpoint="holder")]
