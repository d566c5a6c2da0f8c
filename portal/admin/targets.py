"""Reduction targets: entered by one person, confirmed by another (domain §2, §5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast

from flask import flash, redirect, request
from flask_admin.actions import action
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import lazy_pgettext as _lp
from markupsafe import Markup
from sqlalchemy.orm import joinedload
from wtforms import StringField, TextAreaField

from portal.admin import formats
from portal.admin.acts import (
    KeyForm,
    KeySearch,
    Needed,
    Question,
    SeenField,
    ask,
    carry_figures,
    submitted,
)
from portal.admin.application_list import phase_choices
from portal.admin.door import page
from portal.admin.event_words import history
from portal.admin.filters import ChoiceFilter, HolderPhaseFilter
from portal.admin.second_person import Confirmation, Proposals, ProposalView
from portal.admin.target_bulk import confirm_many_page
from portal.errors import Problem
from portal.extensions import db_session
from portal.models import Holder, ReductionTarget, TargetState
from portal.permissions import Permission
from portal.services import access, targets
from portal.web import actor
from portal.web_text import badge, label, number

REPLACED = "replaced"


class QuantityForm(KeyForm):
    """The promised reduction in t-CO2."""

    units: ClassVar[dict[str, str]] = {"quantity": "t-CO2"}
    widths: ClassVar[dict[str, str]] = {"quantity": "10"}

    seen = SeenField()
    quantity = StringField(
        _l("削減目標量"),
        validators=[Needed()],
        description=_l("t-CO2の整数。桁区切りのカンマを入れてもかまいません。"),
    )


class ReplaceForm(QuantityForm):
    """Another target in the place of the confirmed one, and why."""

    reason = TextAreaField(_l("理由"), validators=[Needed()])


class StateFilter(ChoiceFilter):
    """The states; a confirmed target that another has replaced is a thing of its own."""

    def apply(self, query: Any, value: Any, alias: Any = None) -> Any:
        if value == REPLACED:
            return query.filter(ReductionTarget.superseded_at.is_not(None))
        return query.filter(ReductionTarget.state == value, ReductionTarget.superseded_at.is_(None))


def _states() -> list[tuple[Any, Any]]:
    return [*((state, label(state)) for state in TargetState), (REPLACED, _("置換済"))]


def state_word(target: ReductionTarget) -> Any:
    """Its state as a badge."""
    if target.superseded_at is not None:
        return Markup('<span class="as-badge as-badge--off">{}</span>').format(_("置換済"))
    return badge(target.state)


def problems(target: ReductionTarget) -> tuple[Problem, ...]:
    """Why the reader cannot confirm it now."""
    (line,) = targets.lines(db_session(), [target.id], actor=actor())
    return line.problems


#: what the second person's pages know of it; the holder's own page offers the same steps
PROPOSALS = Proposals(
    endpoint="target",
    propose=Permission.TARGET_PROPOSE,
    confirm=Permission.TARGET_CONFIRM,
    waits=lambda target: target.state is TargetState.PROPOSED,
    problems=problems,
)


class TargetView(KeySearch, ProposalView):
    """削減目標量."""

    permission_view = Permission.RECORD_VIEW
    proposals = PROPOSALS
    waiting_filter = (0, TargetState.PROPOSED.value)
    withdrawal_says = _l("この起案を取り下げます。削減目標量は変わりません。")
    withdrawal_told = _l("起案を取り下げました。削減目標量は変わっていません。")
    column_list: Any = (
        "id",
        "holder.representative.name",
        "quantity",
        "state",
        "proposed_at",
        "confirmed_at",
    )
    column_export_list: Any = (
        "id",
        "holder.phase.number",
        "holder.representative.name",
        "quantity",
        "state",
        "reason",
        "proposed_by.name",
        "proposed_at",
        "confirmed_by.name",
        "confirmed_at",
        "superseded_at",
    )
    column_default_sort = ("id", True)
    column_sortable_list: Any = ("quantity", "proposed_at", "confirmed_at")
    column_searchable_list: Any = ("holder.search_key",)
    column_labels: Any = {
        "id": _l("口座番号"),
        "holder.phase.number": _l("期"),
        "holder.representative.name": _l("代表事業者・事業所"),
        "quantity": _l("削減目標量"),
        "state": _l("状態"),
        "reason": _l("理由"),
        "proposed_by.name": _l("起案者"),
        "proposed_at": _l("起案"),
        "confirmed_by.name": _l("確定した人"),
        "confirmed_at": _l("確定"),
        "superseded_at": _l("置き換え"),
    }
    column_figures = frozenset({"quantity"})
    column_units = {"quantity": "t-CO2"}
    column_formatters: Any = {
        "id": formats.unbroken(lambda m: m.holder.account.code),
        "holder.phase.number": formats.phase,
        "holder.representative.name": formats.two_lines("holder.site_name"),
        "quantity": formats.figure,
        "state": lambda _v, _c, m, _n: state_word(m),
        "proposed_at": formats.moment_and("proposed_by.name"),
        "confirmed_at": formats.moment_and("confirmed_by.name"),
    }
    column_formatters_export: Any = {
        "id": lambda _v, _c, m, _n: m.holder.account.code,
        "holder.representative.name": lambda _v, _c, m, _n: m.holder.label,
        "proposed_at": lambda _v, _c, m, _n: m.proposed_at,
        "confirmed_at": lambda _v, _c, m, _n: m.confirmed_at,
    }
    column_formatters_detail: Any = {
        **column_formatters,
        "quantity": lambda _v, _c, m, _n: _("%(n)s t-CO2", n=number(m.quantity)),
    }
    column_details_list: Any = (
        "holder.representative.name",
        "quantity",
        "state",
        "reason",
        "proposed_by.name",
        "proposed_at",
        "confirmed_by.name",
        "confirmed_at",
        "superseded_at",
    )
    column_filters: Any = (
        StateFilter(ReductionTarget.state, _l("状態"), _states),
        HolderPhaseFilter(ReductionTarget.holder_id, _l("期"), phase_choices),
    )
    search_help = _l("会社名・事業所名（漢字・かな）、口座番号で探せます。")
    action_permissions = {"confirm": Permission.TARGET_CONFIRM}

    def get_query(self) -> Any:
        holder = joinedload(ReductionTarget.holder)
        return (
            super()
            .get_query()
            .options(
                holder.joinedload(Holder.representative),
                holder.joinedload(Holder.account),
                holder.joinedload(Holder.phase),
                joinedload(ReductionTarget.proposed_by),
                joinedload(ReductionTarget.confirmed_by),
            )
        )

    def title_of(self, model: ReductionTarget) -> str:
        return _("%(holder)sの削減目標量", holder=model.holder.label)

    def history_of(self, model: ReductionTarget) -> Sequence[tuple[Any, ...]]:
        return history(db_session(), [("reduction_target", [model.id])])

    @action("confirm", cast(str, _l("まとめて確定する")))
    def confirm_chosen(self, ids: list[str]) -> Any:
        return redirect(self.get_url(".confirm_many", id=ids))

    @page("/confirm-many/", Permission.TARGET_CONFIRM, methods=("GET", "POST"))
    def confirm_many(self) -> Any:
        """Many targets with one press, by the second person."""
        return confirm_many_page(self)

    # ---- acts

    def _holder_page(self, holder: Holder) -> tuple[list[tuple[Any, str]], str]:
        back = self.get_url("holder.details_view", id=holder.id)
        return [(_("目標保有者"), self.get_url("holder.index_view")), (holder.label, back)], back

    @page("/propose/", Permission.TARGET_PROPOSE, methods=("GET", "POST"))
    def propose_view(self) -> Any:
        key = request.args.get("holder", "")
        holder_id = int(key) if key.isascii() and key.isdigit() and len(key) < 16 else 0
        holder = access.get_visible(db_session(), Holder, holder_id, actor())
        present = targets.facts_for(db_session(), [holder_id])[holder_id].current
        form = QuantityForm() if present is None else ReplaceForm()
        made = submitted(
            form,
            lambda: targets.propose_target(
                db_session(),
                holder_id,
                form["quantity"].data,
                actor=actor(),
                key=form["key"].data,
                reason=form["reason"].data if "reason" in form else None,
                seen=form["seen"].data or "",
            ),
        )
        if made is not None:
            flash(_("削減目標量を起案しました。ほかの承認者が確かめると、確定します。"), "good")
            return redirect(self.get_url("holder.details_view", id=holder_id))
        holder = access.get_visible(db_session(), Holder, holder_id, actor())
        carry_figures(form, targets.figures_of(targets.facts_for(db_session(), [holder_id])[holder_id]))
        parents, back = self._holder_page(holder)
        head, say = _("削減目標量を起案する"), _("この目標保有者が約束した削減量を記入します。")
        if present is not None:
            head, say = _("削減目標量の変更を起案する"), _("いまの削減目標量に代わる量を記入します。")
        question = Question(head, parents, say, head, back, facts=self._facts(holder))
        return ask(self, form, question)

    def _facts(self, holder: Holder) -> list[tuple[Any, Any]]:
        known = targets.facts_for(db_session(), [holder.id])[holder.id]
        shown = _("%(n)s t-CO2", n=number(known.base)) if known.base is not None else _("未確定")
        facts = [
            (_("口座番号"), holder.account.code),
            (_("目標保有者"), holder.label),
            (_("基準年度排出量"), shown),
        ]
        if known.current is not None:
            facts.append((_("いまの削減目標量"), _("%(n)s t-CO2", n=number(known.current))))
        return facts

    # ---- the second person

    def shown(self, row: ReductionTarget) -> list[tuple[Any, Any]]:
        (line,) = targets.lines(db_session(), [row.id], actor=actor())
        proposed = (_("起案された削減目標量"), _("%(n)s t-CO2", n=number(row.quantity)))
        facts = [*self._facts(row.holder), proposed]
        if line.issue is not None:
            facts.append((_("発行する量（A−B）"), _("%(n)s JAA", n=number(line.issue))))
        return facts

    def confirmation(self, row: ReductionTarget) -> Confirmation:
        amount = _("%(n)s t-CO2", n=number(row.quantity))
        return Confirmation(
            _("削減目標量を確定する"),
            _("削減目標量を%(amount)sと確定します。", amount=amount),
            _("%(amount)sと確定する", amount=amount),
            makes=[_("目標保有者に、メールでお知らせします。")],
            warn=(
                _("確定すると、取り消せません。"),
                _(
                    "排出枠は、基準年度排出量からこの量を引いた数だけ発行されます。"
                    "発行の前なら、理由を添えた起案と別の人の確認で、ほかの量に変えられます。"
                ),
            ),
        )

    def figures(self, row: Any) -> Mapping[str, Any]:
        return targets.figures_of(targets.facts_for(db_session(), [row.holder_id])[row.holder_id])

    def service_confirm(self, row_id: int, version: int, seen: str) -> Any:
        return targets.confirm_target(db_session(), row_id, version=version, seen=seen, actor=actor())

    def service_withdraw(self, row_id: int, version: int, reason: str | None) -> Any:
        return targets.withdraw_target(db_session(), row_id, version=version, reason=reason, actor=actor())

    def confirmed_told(self, row: ReductionTarget) -> Any:
        return _("削減目標量を確定しました。")

    def address_after(self, row: ReductionTarget) -> str:
        return str(self.get_url("holder.details_view", id=row.holder_id))


def views() -> list[Any]:
    """The screens of this subject."""
    return [TargetView(ReductionTarget, name=_lp("list", "削減目標量"), endpoint="target")]
