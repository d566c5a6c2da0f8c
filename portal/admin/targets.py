"""Reduction targets: entered by one person, confirmed by another (domain §2, §5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, cast

from flask import flash, redirect, request
from flask_admin.actions import action
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import lazy_pgettext as _lp
from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.orm import joinedload
from wtforms import StringField, TextAreaField

from portal.admin import formats
from portal.admin.acts import KeyForm, KeySearch, Needed, ProvenForm, Question, VersionForm, ask, submitted
from portal.admin.application_list import phase_choices
from portal.admin.base import SecretariatView, Step
from portal.admin.door import page
from portal.admin.event_words import history
from portal.admin.filters import ChoiceFilter
from portal.admin.offered import not_offered
from portal.admin.target_bulk import confirm_many_page
from portal.extensions import db_session
from portal.models import Holder, ReductionTarget, TargetState
from portal.permissions import Permission
from portal.services import access, targets
from portal.web import actor, texts
from portal.web_text import badge, label, number

_STATE = 0  # its place in ``column_filters``
REPLACED = "replaced"


class QuantityForm(KeyForm):
    """The promised reduction in t-CO2."""

    units: ClassVar[dict[str, str]] = {"quantity": "t-CO2"}
    widths: ClassVar[dict[str, str]] = {"quantity": "10"}

    quantity = StringField(
        _l("削減目標量"),
        validators=[Needed()],
        description=_l("t-CO2の整数。桁区切りのカンマを入れてもかまいません。"),
    )


class WithdrawForm(VersionForm):
    """Why a proposal is taken back, if there is something to say."""

    reason = TextAreaField(_l("理由"))


class ReplaceForm(QuantityForm):
    """Another target in the place of the confirmed one, and why."""

    reason = TextAreaField(_l("理由"), validators=[Needed()])


class PhaseFilter(ChoiceFilter):
    """Targets of the holders of one phase."""

    def apply(self, query: Any, value: Any, alias: Any = None) -> Any:
        return query.filter(ReductionTarget.holder_id.in_(select(Holder.id).where(Holder.phase_id == value)))


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


class TargetView(KeySearch, SecretariatView):
    """削減目標量."""

    permission_view = Permission.RECORD_VIEW
    column_list: Any = (
        "id",
        "holder.representative.name",
        "quantity",
        "state",
        "proposed_by.name",
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
        "holder.representative.name": formats.two_lines("holder.site_name"),
        "quantity": formats.figure,
        "state": lambda _v, _c, m, _n: state_word(m),
    }
    column_formatters_export: Any = {
        "id": lambda _v, _c, m, _n: m.holder.account.code,
        "holder.representative.name": lambda _v, _c, m, _n: m.holder.label,
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
        PhaseFilter(Holder.phase_id, _l("期"), phase_choices),
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

    @page("/waiting/", Permission.RECORD_VIEW)
    def waiting(self) -> Any:
        """The list of the targets that wait for another person."""
        chosen = [(_STATE, "", TargetState.PROPOSED.value)]
        return redirect(self.list_address(filters=chosen, search=None, page=0))

    def title_of(self, model: ReductionTarget) -> str:
        return _("%(holder)sの削減目標量", holder=model.holder.label)

    def _against(self, model: ReductionTarget) -> list[str]:
        (line,) = targets.lines(db_session(), [model.id], actor=actor())
        return texts(line.problems)

    def steps_for(self, model: ReductionTarget) -> Sequence[Step]:
        if model.state is not TargetState.PROPOSED:
            return ()
        steps = []
        if self.allows(Permission.TARGET_CONFIRM) and not self._against(model):
            steps.append(Step(_("削減目標量を確定する"), self.get_url(".confirm_view", id=model.id)))
        if self.allows(Permission.TARGET_PROPOSE):
            steps.append(Step(_("起案を取り下げる"), self.get_url(".withdraw_view", id=model.id)))
        return steps

    def later_for(self, model: ReductionTarget) -> tuple[Any, Any] | None:
        if model.state is not TargetState.PROPOSED:
            return None
        head = _("確定は、ほかの人が行います")
        if not self.allows(Permission.TARGET_CONFIRM):
            return head, _("起案した人とは別の承認者が確かめて、確定します。")
        against = self._against(model)
        return (_("確定は、まだできません"), " ".join(against)) if against else None

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
            ),
        )
        if made is not None:
            flash(_("削減目標量を起案しました。ほかの承認者が確かめると、確定します。"), "good")
            return redirect(self.get_url("holder.details_view", id=holder_id))
        holder = access.get_visible(db_session(), Holder, holder_id, actor())
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

    def _proposed_facts(self, row: ReductionTarget) -> list[tuple[Any, Any]]:
        (line,) = targets.lines(db_session(), [row.id], actor=actor())
        facts = self._facts(row.holder)
        if line.issue is not None:
            facts.append((_("発行する量（A−B）"), _("%(n)s JAA", n=number(line.issue))))
        facts.append((_("起案者"), row.proposed_by.name))
        return [*facts, (_("理由"), row.reason)] if row.reason else facts

    def _row(self) -> ReductionTarget:
        row: ReductionTarget = self.get_one(request.args.get("id", ""))
        return row

    @page("/confirm/", Permission.TARGET_CONFIRM, methods=("GET", "POST"))
    def confirm_view(self) -> Any:
        row = self._row()
        if (away := not_offered(self, row)) is not None:
            return away
        row_id, holder_id = row.id, row.holder_id
        form = ProvenForm(data={"version": row.version})

        def confirm() -> ReductionTarget:
            form.prove()
            return targets.confirm_target(db_session(), row_id, actor=actor(), version=form["version"].data)

        if submitted(form, confirm) is not None:
            flash(_("削減目標量を確定しました。"), "good")
            return redirect(self.get_url("holder.details_view", id=holder_id))
        row = self._row()
        parents, back = self._holder_page(row.holder)
        amount = _("%(n)s t-CO2", n=number(row.quantity))
        question = Question(
            _("削減目標量を確定する"),
            parents,
            say=_("削減目標量を%(amount)sと確定します。", amount=amount),
            verb=_("%(amount)sと確定する", amount=amount),
            back=back,
            facts=self._proposed_facts(row),
            makes=[_("目標保有者に、メールでお知らせします。")],
            warn=(
                _("確定すると、取り消せません。"),
                _(
                    "排出枠は、基準年度排出量からこの量を引いた数だけ発行されます。"
                    "発行の前なら、理由を添えた起案と別の人の確認で、ほかの量に変えられます。"
                ),
            ),
        )
        return ask(self, form, question)

    @page("/withdraw/", Permission.TARGET_PROPOSE, methods=("GET", "POST"))
    def withdraw_view(self) -> Any:
        row = self._row()
        if (away := not_offered(self, row)) is not None:
            return away
        row_id, holder_id = row.id, row.holder_id
        form = WithdrawForm(data={"version": row.version})
        done = submitted(
            form,
            lambda: targets.withdraw_target(
                db_session(),
                row_id,
                actor=actor(),
                version=form["version"].data,
                reason=form["reason"].data,
            ),
        )
        if done is not None:
            flash(_("削減目標量の起案を取り下げました。"), "good")
            return redirect(self.get_url("holder.details_view", id=holder_id))
        row = self._row()
        parents, back = self._holder_page(row.holder)
        question = Question(
            _("削減目標量の起案を取り下げる"),
            parents,
            say=_("%(amount)sの起案を取り下げます。", amount=_("%(n)s t-CO2", n=number(row.quantity))),
            verb=_("起案を取り下げる"),
            back=back,
            facts=self._facts(row.holder),
        )
        return ask(self, form, question)


def views() -> list[Any]:
    """The screens of this subject."""
    return [TargetView(ReductionTarget, name=_lp("list", "削減目標量"), endpoint="target")]
