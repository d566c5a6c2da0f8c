"""Holders: the whole record, and what the secretariat may do about it (domain §2, §3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from flask import redirect, request
from flask_admin.actions import action
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import lazy_pgettext as _lp
from sqlalchemy import exists, select
from sqlalchemy.orm import joinedload, selectinload

from portal.admin import formats
from portal.admin.acts import KeySearch
from portal.admin.application_list import phase_choices
from portal.admin.base import SecretariatView, Step
from portal.admin.consents import consent_page, consent_step
from portal.admin.deadline_records import deadline_standing
from portal.admin.door import page
from portal.admin.filters import AccountStateFilter, ChoiceFilter, Choices, ListFilter, YesNoFilter
from portal.admin.participant_record import RecordPages
from portal.admin.reissue import reissue_page
from portal.admin.targets import PROPOSALS
from portal.extensions import db_session
from portal.models import (
    Account,
    EmissionsReport,
    Holder,
    JointCompany,
    ParticipantKind,
    Participation,
    Period,
    ReductionTarget,
    Verifier,
    VerifierAssignment,
)
from portal.permissions import Permission
from portal.services.report_rules import live_verifier
from portal.services.targets import facts_for
from portal.services.verifiers import VERIFIED_PERIODS, refusal_to_assign
from portal.web_text import badge, label


def _report_of(holder: Holder, period: Period) -> EmissionsReport | None:
    return next((report for report in holder.reports if report.period is period), None)


def _report_state(period: Period) -> Any:
    def show(_view: Any, _context: Any, model: Holder, _name: str) -> Any:
        report = _report_of(model, period)
        return badge(report.state if report is not None else None)

    return show


def verifier_of(report: EmissionsReport) -> str | None:
    """Who verifies the report now."""
    verifier = live_verifier(report)
    return verifier.label if verifier is not None else None


def _verifiers(_view: Any, _context: Any, model: Holder, _name: str) -> str:
    names = [verifier_of(report) for report in model.reports if report.period in VERIFIED_PERIODS]
    return _("、").join(dict.fromkeys(name for name in names if name)) or _("未定")


class VerifierFilter(ListFilter):
    """Holders with a verified period that no verifier has, or with none such."""

    def choices(self) -> Choices:
        return (("0", _("決まっていないものがある")), ("1", _("すべて決まっている")))

    def text(self, value: str) -> Any:
        return dict(self.choices()).get(value, value)

    def clean(self, value: str) -> bool:
        if value not in ("0", "1"):
            raise ValueError(value)
        return value == "1"

    def apply(self, query: Any, value: bool, alias: Any = None) -> Any:
        assigned = exists().where(
            VerifierAssignment.report_id == EmissionsReport.id, VerifierAssignment.ended_at.is_(None)
        )
        without = exists().where(
            EmissionsReport.holder_id == Holder.id, EmissionsReport.period.in_(VERIFIED_PERIODS), ~assigned
        )
        return query.filter(~without if value else without)


class HolderView(RecordPages, KeySearch, SecretariatView):
    """目標保有者."""

    record_kind = ParticipantKind.HOLDER
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
        "phase.number": formats.phase,
        "base": _report_state(Period.BASE),
        "target": _report_state(Period.TARGET),
        "verifier": _verifiers,
    }
    column_formatters_export: Any = {
        "account.id": lambda _v, _c, m, _n: m.account.code,
        "representative.name": lambda _v, _c, m, _n: m.label,
    }
    column_filters: Any = (
        ChoiceFilter(Holder.phase_id, _l("期"), phase_choices),
        ChoiceFilter(Holder.participation, _l("参加の形"), lambda: [(p, label(p)) for p in Participation]),
        YesNoFilter(Holder.disclosure_consent, _l("担当者情報の公開"), _l("同意する"), _l("同意しない")),
        VerifierFilter(Holder.id, _l("検証機関")),
        AccountStateFilter(Holder.id, _l("口座の状態"), Account.holder_id),
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
                reports.joinedload(VerifierAssignment.verifier).joinedload(Verifier.organisation),
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
            **self.record_context(model),
            "deadline_standing": deadline_standing(model),
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
        facts = facts_for(db_session(), [model.id])[model.id]
        steps, change = [], None
        if facts.proposed is not None:
            steps += PROPOSALS.steps(
                self,
                facts.proposed,
                confirm=_("削減目標量の起案の内容を確認する"),
                ending=(_("削減目標量の起案を取り下げる"), _("削減目標量の起案を却下する")),
            )
        elif self.allows(Permission.TARGET_PROPOSE) and not facts.issue:
            url = self.get_url("target.propose_view", holder=model.id)
            if facts.confirmed is None:
                steps.append(Step(_("削減目標量を起案する"), url))
            else:
                change = Step(_("削減目標量の変更を起案する"), url, "other")
        open_reports = any(refusal_to_assign(one.period, one.state) is None for one in model.reports)
        if open_reports and self.allows(Permission.VERIFIER_ASSIGN):
            steps.append(Step(_("検証機関を決める"), self.get_url("assignment.index", id=model.id)))
        if change is not None:
            steps.append(change)
        if self.allows(Permission.LOGIN_REISSUE):
            steps.append(
                Step(_("パスワードを再発行する"), self.get_url(".reissue_view", id=model.id), "other")
            )
        return [
            *self.waiting_steps(model),
            *steps,
            *consent_step(self, model),
            *self.record_steps(model),
        ]

    def later_for(self, model: Holder) -> tuple[Any, Any] | None:
        target = facts_for(db_session(), [model.id])[model.id].proposed
        later = PROPOSALS.later(self, target) if target is not None else None
        return (_("削減目標量の起案は、まだ確定していません"), later[1]) if later is not None else None

    def history_of(self, model: Holder) -> Sequence[tuple[Any, ...]]:
        return self.record_history(model, holder_id=model.id)

    @action("assign", cast(str, _l("検証機関を決める")))
    def assign_many(self, ids: list[str]) -> Any:
        return redirect(self.get_url("assignment.index", id=ids))

    @page("/reissue/", Permission.LOGIN_REISSUE, methods=("GET", "POST"))
    def reissue_view(self) -> Any:
        return reissue_page(self, self.get_one(request.args.get("id", "")))

    @page("/consent/", Permission.REGISTRATION_EDIT, methods=("GET", "POST"))
    def consent_view(self) -> Any:
        return consent_page(self, self.get_one(request.args.get("id", "")))


def views() -> list[Any]:
    """The screens of this subject."""
    return [HolderView(Holder, name=_lp("list", "目標保有者"), endpoint="holder")]
