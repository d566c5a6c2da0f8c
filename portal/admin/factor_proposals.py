"""Proposed factor tables: old and new side by side, confirmed by another person or taken back (domain §4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import flash, redirect, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import lazy_pgettext as _lp
from flask_babel import ngettext, pgettext
from sqlalchemy.orm import joinedload

from portal.admin import formats, promised
from portal.admin.acts import ProvenForm, Question, ask, submitted
from portal.admin.base import SecretariatView, Step
from portal.admin.door import page
from portal.admin.event_words import history
from portal.admin.factors import consequences, words
from portal.admin.filters import ChoiceFilter
from portal.admin.offered import not_offered
from portal.admin.second_person import decline_words, declines, ending_form, ending_step
from portal.extensions import db_session
from portal.models import FactorProposal, ProposalState
from portal.permissions import Permission
from portal.services import factor_proposals, factor_rules
from portal.services.factor_rules import Change
from portal.web import actor, texts
from portal.web_text import fiscal, label, moment, number

_ASKS = ("GET", "POST")
_STATE = 0  # its place in ``column_filters``


def name_of(proposal: FactorProposal) -> str:
    """2014年度の排出係数の変更."""
    return _("%(year)sの排出係数の変更", year=fiscal(proposal.fiscal_year))


def changes_of(proposal: FactorProposal) -> list[Change]:
    """Every row before and after: what changes first, the rest in the form's order."""
    found = factor_rules.changes(*factor_proposals.sides(proposal))
    return sorted(found, key=lambda change: not change.changed)


def _changed(_view: Any, _context: Any, model: FactorProposal, _name: str) -> str:
    count = sum(change.changed for change in changes_of(model))
    return ngettext("%(n)s行が変わる", "%(n)s行が変わる", count, n=number(count))


class FactorProposalView(SecretariatView):
    """排出係数の起案."""

    permission_view = Permission.RECORD_VIEW
    column_list: Any = ("fiscal_year", "content", "proposed_by.name", "proposed_at", "state", "confirmed_at")
    column_default_sort = ("id", True)
    column_sortable_list: Any = ("fiscal_year", "proposed_at", "confirmed_at")
    column_details_list: Any = ("fiscal_year",)
    column_labels: Any = {
        "fiscal_year": _lp("one", "年度"),
        "content": _l("変わる行"),
        "proposed_by.name": _l("起案者"),
        "proposed_at": _l("起案"),
        "state": _l("状態"),
        "confirmed_at": _l("確定"),
    }
    column_formatters: Any = {
        "fiscal_year": lambda _v, _c, m, _n: fiscal(m.fiscal_year),
        "content": _changed,
        "state": formats.state_until,
    }
    column_formatters_export: Any = {"content": _changed}
    column_filters: Any = (
        ChoiceFilter(FactorProposal.state, _l("状態"), lambda: [(s, label(s)) for s in ProposalState]),
    )
    details_template = "admin/factor/proposal.html"

    def get_query(self) -> Any:
        people = joinedload(FactorProposal.proposed_by), joinedload(FactorProposal.confirmed_by)
        return super().get_query().options(*people)

    @page("/waiting/", Permission.RECORD_VIEW)
    def waiting(self) -> Any:
        """The list of the proposals that wait for another person."""
        chosen = [(_STATE, "", ProposalState.PROPOSED.value)]
        return redirect(self.list_address(filters=chosen, search=None, page=0))

    # ---- one proposal

    def title_of(self, model: FactorProposal) -> str:
        return name_of(model)

    def details_context(self, model: FactorProposal) -> dict[str, Any]:
        return {"changes": changes_of(model), **words()}

    def history_of(self, model: FactorProposal) -> Sequence[tuple[Any, ...]]:
        return history(db_session(), [("factor_proposal", [model.id])])

    def _against(self, model: FactorProposal) -> list[str]:
        return texts(factor_proposals.confirm_problems(db_session(), model, actor()))

    def steps_for(self, model: FactorProposal) -> Sequence[Step]:
        if model.state is not ProposalState.PROPOSED:
            return ()
        steps = []
        if self.allows(Permission.TARGET_CONFIRM) and not self._against(model):
            steps.append(Step(_("起案の内容を確認する"), self.get_url(".confirm_view", id=model.id)))
        rights = Permission.TARGET_PROPOSE, Permission.TARGET_CONFIRM
        return steps + ending_step(self, model, self.get_url(".withdraw_view", id=model.id), rights)

    def later_for(self, model: FactorProposal) -> tuple[Any, Any] | None:
        if model.state is not ProposalState.PROPOSED:
            return None
        head, past = _("確認は、まだできません"), promised.past(model)
        if not self.allows(Permission.TARGET_CONFIRM):
            return past or (head, _("確認できるのは、承認者の役割を持つ、起案した人とは別の人です。"))
        against = self._against(model)
        return (past[0] if past else head, " ".join(against)) if against else None

    # ---- acts

    def _row(self) -> FactorProposal:
        row: FactorProposal = self.get_one(request.args.get("id", ""))
        return row

    def _question(self, row: FactorProposal, title: Any, say: Any, verb: Any, **more: Any) -> Question:
        back = str(self.get_url(".details_view", id=row.id))
        parents = [(pgettext("list", "排出係数"), self.get_url("factor.index")), (name_of(row), back)]
        return Question(title, parents, say, verb, back, **more)

    def _facts(self, row: FactorProposal) -> list[tuple[Any, Any]]:
        return [
            (_("理由"), row.reason),
            (_("起案した人"), row.proposed_by.name),
            (_("起案した日時"), moment(row.proposed_at)),
            *promised.fact(row),
        ]

    @page("/confirm/", Permission.TARGET_CONFIRM, methods=_ASKS)
    def confirm_view(self) -> Any:
        """The second person sees old and new side by side and says yes; then the table is in force."""
        row = self._row()
        if (away := not_offered(self, row)) is not None:
            return away
        row_id, year = row.id, row.fiscal_year
        form = ProvenForm(data={"version": row.version})

        def confirm() -> FactorProposal:
            form.prove()
            return factor_proposals.confirm(db_session(), row_id, actor=actor(), version=form["version"].data)

        if submitted(form, confirm) is not None:
            flash(
                _("%(year)sの排出係数を変更しました。前の値も記録に残っています。", year=fiscal(year)), "good"
            )
            return redirect(self.get_url("factor.year", id=year))
        row = self._row()
        question, changes = self._confirm_question(row), changes_of(row)
        return ask(self, form, question, "admin/factor/confirm.html", changes=changes, **words())

    def _confirm_question(self, row: FactorProposal) -> Question:
        makes = consequences(row.fiscal_year, replaces=bool(row.content["before"]))
        return self._question(
            row,
            _("排出係数の変更を確定する"),
            _("%(year)sの排出係数を、次のとおり変更します。", year=fiscal(row.fiscal_year)),
            _("排出係数の変更を確定する"),
            facts=self._facts(row),
            makes=makes,
        )

    @page("/withdraw/", Permission.TARGET_PROPOSE, methods=_ASKS)
    def withdraw_view(self) -> Any:
        """Its proposer takes a proposal back, or another declines it; nothing changes."""
        row = self._row()
        if (away := not_offered(self, row)) is not None:
            return away
        row_id = row.id
        form, declining = ending_form(row), declines(row)
        title, say, told, declined = decline_words()
        done = submitted(
            form,
            lambda: factor_proposals.withdraw(
                db_session(),
                row_id,
                actor=actor(),
                version=form["version"].data,
                reason=form["reason"].data,
            ),
        )
        if done is not None:
            flash(declined if declining else _("起案を取り下げました。排出係数は変わっていません。"), "good")
            return redirect(self.get_url(".details_view", id=row_id))
        row = self._row()
        verb = title if declining else _("起案を取り下げる")
        question = self._question(
            row,
            verb,
            say if declining else _("この起案を取り下げます。排出係数は変わりません。"),
            verb,
            facts=[(_("内容"), name_of(row)), *self._facts(row)],
            makes=[told] if declining else [],
            danger=True,
        )
        return ask(self, form, question)


def views() -> list[Any]:
    """The screens of this subject."""
    return [FactorProposalView(FactorProposal, name=_l("排出係数の起案"), endpoint="factor_proposal")]
