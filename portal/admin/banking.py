"""Banking applications: declined with a reason, or proposed as a carry-over that another person confirms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import flash, redirect, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import joinedload

from portal.admin import formats
from portal.admin.acts import (
    KeySearch,
    ProvenForm,
    Question,
    ReasonForm,
    SeenField,
    ask,
    carry_figures,
    submitted,
)
from portal.admin.application_list import phase_choices
from portal.admin.base import Step
from portal.admin.door import page
from portal.admin.event_words import history
from portal.admin.filters import ChoiceFilter, HolderPhaseFilter
from portal.admin.offered import not_offered
from portal.admin.waiting import WaitingFirst
from portal.extensions import db_session
from portal.models import BankingApplication, DecisionState, Holder, Movement, MovementKind, UnitClass
from portal.permissions import Permission
from portal.services import banking, banking_case, proposal_ends
from portal.services.audit import EventTag
from portal.services.figures import figures_of
from portal.services.refused_movements import Attempt
from portal.web import actor, texts
from portal.web_forms import KeyField
from portal.web_text import label, moment, number, phase_name, unit_name

_ASKS = ("GET", "POST")


class ProposeForm(ProvenForm):
    """Proposing the carry-over: made once, from the page's version, by who has shown who they are."""

    key = KeyField()
    seen = SeenField()


class BankingView(KeySearch, WaitingFirst):
    """バンキング申請."""

    permission_view = Permission.ALLOWANCE_ALL_VIEW
    waiting_filter = (0, DecisionState.APPLIED.value)
    waiting_label = _l("審査を待つもの")
    column_list: Any = ("id", "holder.representative.name", "quantity", "target_class", "applied_at", "state")
    column_export_list: Any = (
        "id",
        "holder.representative.name",
        "quantity",
        "unit_class",
        "target_class",
        "applied_at",
        "state",
        "decided_at",
        "decision_reason",
    )
    column_default_sort = ("applied_at", True)
    column_sortable_list: Any = ("quantity", "applied_at")
    column_searchable_list: Any = ("holder.search_key",)
    column_details_list: Any = ("quantity",)
    column_figures = frozenset({"quantity"})
    column_units = {"quantity": "JAA"}
    column_labels: Any = {
        "id": _l("申請番号"),
        "holder.representative.name": _l("代表事業者・事業所"),
        "quantity": _l("数量"),
        "unit_class": _l("移す前の排出枠"),
        "target_class": _l("移す先"),
        "applied_at": _l("申請"),
        "state": _l("状態"),
        "decided_at": _l("決定"),
        "decision_reason": _l("理由"),
    }
    column_formatters: Any = {
        "id": formats.unbroken(lambda m: banking.code_of(m)),
        "holder.representative.name": formats.two_lines("holder.site_name"),
        "quantity": formats.figure,
        "target_class": lambda _v, _c, m, _n: unit_name(m.target_class),
        "applied_at": formats.moment_and("holder.account.code"),
        "state": formats.state,
    }
    column_formatters_export: Any = {
        "id": lambda _v, _c, m, _n: banking.code_of(m),
        "holder.representative.name": lambda _v, _c, m, _n: m.holder.label,
        "unit_class": lambda _v, _c, m, _n: unit_name(m.unit_class),
        "target_class": lambda _v, _c, m, _n: unit_name(m.target_class),
        "applied_at": lambda _v, _c, m, _n: m.applied_at,
    }
    column_filters: Any = (
        ChoiceFilter(BankingApplication.state, _l("状態"), lambda: [(s, label(s)) for s in DecisionState]),
        HolderPhaseFilter(BankingApplication.holder_id, _l("期"), phase_choices),
    )
    search_help = _l("会社名・事業所名（漢字・かな）、口座番号で探せます。")
    details_template = "admin/banking/details.html"

    def get_query(self) -> Any:
        holder = joinedload(BankingApplication.holder)
        return (
            super()
            .get_query()
            .options(
                holder.joinedload(Holder.representative),
                holder.joinedload(Holder.account),
                holder.joinedload(Holder.phase),
                joinedload(BankingApplication.unit_class).joinedload(UnitClass.phase),
                joinedload(BankingApplication.target_class).joinedload(UnitClass.phase),
                joinedload(BankingApplication.movement),
                joinedload(BankingApplication.applied_by),
                joinedload(BankingApplication.decided_by),
            )
        )

    # ---- one application

    def title_of(self, model: BankingApplication) -> str:
        return _("%(holder)sのバンキング", holder=model.holder.label)

    def details_context(self, model: BankingApplication) -> dict[str, Any]:
        window = banking.window_of(db_session(), model.holder.phase)
        return {
            "code": banking.code_of(model),
            "window": window,
            "figures": self._figures(model) if model.state is DecisionState.APPLIED else [],
            "short": _short(model) if model.state is DecisionState.APPLIED else None,
            "ended": _ended(model),
            "against": texts(banking.proposal_problems(db_session(), model)) if self._free(model) else [],
        }

    def _figures(self, model: BankingApplication) -> list[tuple[Any, int]]:
        """Side by side: what is asked for and what the account's figures allow. Units."""
        promised = model.quantity if model.movement_id is not None else 0
        case = banking_case.case_of(db_session(), model.holder, model.quantity, own_promise=promised)
        assert case.figures is not None
        missing = case.figures.missing
        return [
            (_("申請された量"), model.quantity),
            (_("口座の残高"), case.held),
            (_("ほかの手続き中のため動かせない量"), case.promised),
            (_("コミットメントリザーブ量"), case.figures.reserve),
            (_("バンキングできる量"), case.movable),
            (_("償却済量"), case.figures.retired),
            *([(_("目標の遵守にまだ必要な量"), missing)] if missing is not None else []),
        ]

    def _free(self, model: BankingApplication) -> bool:
        return model.state is DecisionState.APPLIED and model.movement_id is None

    def steps_for(self, model: BankingApplication) -> Sequence[Step]:
        if model.state is DecisionState.APPLIED and model.movement_id is not None:
            return [
                Step(_("確認を待つ起案を見る"), self.get_url("movement.details_view", id=model.movement_id))
            ]
        if not self._free(model) or not self.allows(Permission.BANKING_DECIDE):
            return ()
        steps = []
        if not banking.proposal_problems(db_session(), model):
            steps.append(Step(_("バンキングを起案する"), self.get_url(".propose", id=model.id)))
        return [*steps, Step(_("不承認にする"), self.get_url(".decline", id=model.id), "danger-quiet")]

    def later_for(self, model: BankingApplication) -> tuple[Any, Any] | None:
        if not self._free(model):
            return None
        reasons = texts(banking.proposal_problems(db_session(), model))
        return (_("起案は、まだできません"), " ".join(reasons)) if reasons else None

    def history_of(self, model: BankingApplication) -> Sequence[tuple[Any, ...]]:
        proposed = [one.id for one in banking.carry_overs(db_session(), model)]
        about = [("banking_application", [model.id]), ("movement", proposed)]
        # the application's own event says the same of a proposal
        return history(db_session(), about, besides=[("movement", EventTag.MOVEMENT_PROPOSED)])

    # ---- acts

    def _row(self) -> BankingApplication:
        row: BankingApplication = self.get_one(request.args.get("id", ""))
        return row

    def _question(self, row: BankingApplication, title: str, say: str, **more: Any) -> Question:
        back = self.get_url(".details_view", id=row.id)
        facts: list[tuple[Any, Any]] = [
            (_("申請番号"), banking.code_of(row)),
            (_("目標保有者"), f"{row.holder.account.code}　{row.holder.label}"),
            (_("申請日時"), moment(row.applied_at)),
            *((words, _("%(n)s JAA", n=number(units))) for words, units in self._figures(row)),
        ]
        parents = [(self.name, self.get_url(".index_view")), (self.title_of(row), back)]
        return Question(title, parents, say, title, back, facts=facts, **more)

    @page("/propose/", Permission.BANKING_DECIDE, methods=_ASKS)
    def propose(self) -> Any:
        """Propose the carry-over; the units are promised until another person decides."""
        row = self._row()
        if (away := not_offered(self, row)) is not None:
            return away
        row_id, form = row.id, ProposeForm(data={"version": row.version})
        attempt = Attempt(BankingApplication, row_id, MovementKind.CARRY_OVER.value, str(row.quantity))

        def work() -> Movement:
            form.prove()
            return banking.propose(
                db_session(),
                row_id,
                version=form["version"].data,
                key=form["key"].data or "",
                seen=form["seen"].data or "",
                actor=actor(),
            )

        made = submitted(form, work, attempt=attempt)
        if made is not None:
            flash(_("起案しました。別の承認者が確認すると、バンキングされます。"), "good")
            return redirect(self.get_url("movement.details_view", id=made.id))
        row = self._row()
        carry_figures(form, banking.figures_of(db_session(), row))
        say = _(
            "%(account)sの%(n)s JAAを、%(before)sから%(after)sに移す起案をします。",
            account=row.holder.account.code,
            n=number(row.quantity),
            before=unit_name(row.unit_class),
            after=unit_name(row.target_class),
        )
        makes = [_("別の承認者が確認するまで、この量は口座にありますが、動かせません。")]
        question = self._question(row, _("バンキングを起案する"), say, makes=makes, warn=_short(row))
        return ask(self, form, question)

    @page("/decline/", Permission.BANKING_DECIDE, methods=_ASKS)
    def decline(self) -> Any:
        """Decline with a reason, which A reads."""
        row = self._row()
        if (away := not_offered(self, row)) is not None:
            return away
        row_id, form = row.id, ReasonForm(data={"version": row.version})
        form["reason"].description = _("申請者へのメールに、このまま載ります。")
        done = submitted(
            form,
            lambda: banking.decline(
                db_session(),
                row_id,
                form["reason"].data or "",
                version=form["version"].data,
                actor=actor(),
            ),
        )
        if done is not None:
            flash(_("不承認にしました。排出枠は、そのまま口座にあります。"), "good")
            return redirect(self.get_url(".details_view", id=row_id))
        say = _("このバンキングを行わず、理由を申請者にメールで知らせます。")
        return ask(self, form, self._question(self._row(), _("不承認にする"), say, danger=True))


def _ended(row: BankingApplication) -> list[tuple[Movement, str]]:
    """The carry-overs that were proposed for it and came to nothing, the newest first; with the reason."""
    found = [one for one in banking.carry_overs(db_session(), row) if one.id != row.movement_id]
    reasons = proposal_ends.reasons(db_session(), "movement", [one.id for one in found])
    return [(one, reasons.get(one.id, "")) for one in reversed(found)]


def _short(row: BankingApplication) -> tuple[Any, Any] | None:
    """What warns of an application whose holder has not retired enough; nothing else hinders it."""
    missing = figures_of(db_session(), row.holder).missing
    if not missing:
        return None
    return (
        _("この目標保有者に必要な償却量は、あと%(n)s t-CO2です", n=number(missing)),
        _(
            "バンキングした排出枠は、%(phase)sの償却には使えなくなります。",
            phase=phase_name(row.holder.phase.number),
        ),
    )


def views() -> list[Any]:
    """The screens of this subject."""
    return [BankingView(BankingApplication, name=_l("バンキング申請"), endpoint="banking")]
