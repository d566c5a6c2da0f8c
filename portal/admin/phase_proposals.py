"""Proposals about phases: old and new side by side, confirmed by another person or taken back (domain §2)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from flask import flash, redirect, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import joinedload
from wtforms import TextAreaField

from portal import clock
from portal.admin import formats
from portal.admin.acts import ProvenForm, Question, VersionForm, ask, submitted
from portal.admin.base import SecretariatView, Step
from portal.admin.door import page
from portal.admin.event_words import history
from portal.admin.filters import ChoiceFilter
from portal.admin.offered import not_offered
from portal.admin.phase_rules import RULE_WORDS, YEAR_WORDS, value_word
from portal.extensions import db_session
from portal.models import Phase, PhaseProposal, ProposalState
from portal.permissions import Permission
from portal.services import phase_proposals
from portal.web import actor, texts
from portal.web_text import fiscal, label, moment, phase_name

_ASKS = ("GET", "POST")
_STATE = 0  # its place in ``column_filters``
#: (item, before, after, whether it changes)
Side = tuple[Any, str, str, bool]


class WithdrawForm(VersionForm):
    """Why a proposal is taken back, if there is something to say."""

    reason = TextAreaField(_l("理由"))


def kind_of(proposal: PhaseProposal) -> str:
    """What it would do: 期の開始 or 期限の変更."""
    return _("期の開始") if phase_proposals.is_opening(proposal) else _("期限の変更")


def name_of(proposal: PhaseProposal) -> str:
    """第4期　期限の変更."""
    return _("%(phase)s　%(kind)s", phase=phase_name(proposal.number), kind=kind_of(proposal))


def sides(proposal: PhaseProposal) -> list[Side]:
    """Every value of the rule, before and after: what changes first, the rest in the calendar's order."""
    old, new = phase_proposals.dates_of(proposal)
    found = [
        (
            words,
            value_word(getattr(old, name)) if old is not None else "",
            value_word(getattr(new, name)),
            old is not None and getattr(old, name) != getattr(new, name),
        )
        for name, words in RULE_WORDS.items()
    ]
    return sorted(found, key=lambda side: not side[3])


def years(proposal: PhaseProposal) -> list[tuple[Any, str]]:
    """The fiscal years of the phase, in words."""
    kept = phase_proposals.years_of(proposal)
    return [(words, fiscal(getattr(kept, name))) for name, words in YEAR_WORDS.items()]


def passed(proposal: PhaseProposal) -> list[str]:
    """The changed days of which the old or the new one has passed: who confirms should see it."""
    old, new = phase_proposals.dates_of(proposal)
    if old is None:
        return []
    today = clock.today()

    def gone(name: str) -> bool:
        before, after = getattr(old, name), getattr(new, name)
        return isinstance(after, date) and before != after and min(before, after) < today

    return [str(words) for name, words in RULE_WORDS.items() if gone(name)]


class PhaseProposalView(SecretariatView):
    """期の起案."""

    permission_view = Permission.RECORD_VIEW
    column_list: Any = ("number", "dates", "proposed_by.name", "proposed_at", "state", "confirmed_at")
    column_default_sort = ("id", True)
    column_sortable_list: Any = ("number", "proposed_at", "confirmed_at")
    column_details_list: Any = ("number",)
    column_labels: Any = {
        "number": _l("期"),
        "dates": _l("内容"),
        "proposed_by.name": _l("起案者"),
        "proposed_at": _l("起案"),
        "state": _l("状態"),
        "confirmed_at": _l("確定"),
    }
    column_formatters: Any = {
        "number": lambda _v, _c, m, _n: phase_name(m.number),
        "dates": lambda _v, _c, m, _n: kind_of(m),
        "state": formats.state,
    }
    column_formatters_export: Any = {"dates": lambda _v, _c, m, _n: kind_of(m)}
    column_filters: Any = (
        ChoiceFilter(PhaseProposal.state, _l("状態"), lambda: [(s, label(s)) for s in ProposalState]),
    )
    details_template = "admin/phase/proposal.html"

    def get_query(self) -> Any:
        return (
            super()
            .get_query()
            .options(
                joinedload(PhaseProposal.proposed_by),
                joinedload(PhaseProposal.confirmed_by),
                joinedload(PhaseProposal.phase),
            )
        )

    @page("/waiting/", Permission.RECORD_VIEW)
    def waiting(self) -> Any:
        """The list of the proposals that wait for another person."""
        chosen = [(_STATE, "", ProposalState.PROPOSED.value)]
        return redirect(self.list_address(filters=chosen, search=None, page=0))

    # ---- one proposal

    def title_of(self, model: PhaseProposal) -> str:
        return name_of(model)

    def details_context(self, model: PhaseProposal) -> dict[str, Any]:
        return {
            "kind": kind_of(model),
            "opening": phase_proposals.is_opening(model),
            "sides": sides(model),
            "years": years(model),
        }

    def history_of(self, model: PhaseProposal) -> Sequence[tuple[Any, ...]]:
        return history(db_session(), [("phase_proposal", [model.id])])

    def _against(self, model: PhaseProposal) -> list[str]:
        return texts(phase_proposals.confirm_problems(db_session(), model, actor()))

    def steps_for(self, model: PhaseProposal) -> Sequence[Step]:
        if model.state is not ProposalState.PROPOSED:
            return ()
        steps = []
        if self.allows(Permission.TARGET_CONFIRM) and not self._against(model):
            steps.append(Step(_("内容を確認する"), self.get_url(".confirm_view", id=model.id)))
        if self.allows(Permission.TARGET_PROPOSE):
            withdraw = self.get_url(".withdraw_view", id=model.id)
            steps.append(Step(_("起案を取り下げる"), withdraw, "danger-quiet"))
        return steps

    def later_for(self, model: PhaseProposal) -> tuple[Any, Any] | None:
        if model.state is not ProposalState.PROPOSED:
            return None
        head = _("確認は、まだできません")
        if not self.allows(Permission.TARGET_CONFIRM):
            return head, _("確認できるのは、承認者の役割を持つ、起案した人とは別の人です。")
        against = self._against(model)
        return (head, " ".join(against)) if against else None

    # ---- acts

    def _row(self) -> PhaseProposal:
        row: PhaseProposal = self.get_one(request.args.get("id", ""))
        return row

    def _question(self, row: PhaseProposal, title: Any, say: Any, verb: Any, **more: Any) -> Question:
        back = str(self.get_url(".details_view", id=row.id))
        parents = [(self.name, self.get_url(".index_view")), (name_of(row), back)]
        return Question(title, parents, say, verb, back, **more)

    def _facts(self, row: PhaseProposal) -> list[tuple[Any, Any]]:
        opening = phase_proposals.is_opening(row)
        facts: list[tuple[Any, Any]] = years(row) if opening else []
        for words, before, after, changed in sides(row):
            if opening:
                facts.append((words, after))
            elif changed:
                facts.append((words, _("%(before)s → %(after)s", before=before, after=after)))
        facts.append((_("理由"), row.reason))
        facts.append((_("起案した人"), row.proposed_by.name))
        facts.append((_("起案した日時"), moment(row.proposed_at)))
        return facts

    @page("/confirm/", Permission.TARGET_CONFIRM, methods=_ASKS)
    def confirm_view(self) -> Any:
        """The second person says yes; then the phase, or its new dates, are in force."""
        row = self._row()
        if (away := not_offered(self, row)) is not None:
            return away
        row_id, opening, name = row.id, phase_proposals.is_opening(row), phase_name(row.number)
        form = ProvenForm(data={"version": row.version})

        def confirm() -> Phase:
            form.prove()
            return phase_proposals.confirm_proposal(
                db_session(), row_id, actor=actor(), version=form["version"].data
            )

        made = submitted(form, confirm)
        if made is not None:
            if opening:
                flash(_("%(phase)sを始めました。", phase=name), "good")
            else:
                flash(_("期限を変更しました。前の期限も記録に残っています。"), "good")
            return redirect(self.get_url("phase.details_view", id=made.id))
        row = self._row()
        return ask(self, form, self._confirm_question(row, opening, name))

    def _confirm_question(self, row: PhaseProposal, opening: bool, name: str) -> Question:
        if opening:
            return self._question(
                row,
                _("期の開始を確定する"),
                _("%(phase)sを始めます。", phase=name),
                _("%(phase)sを始める", phase=name),
                facts=self._facts(row),
                makes=[_("この期の登録申請を受け付けられるようになります。")],
            )
        gone = passed(row)
        warn = None
        if gone:
            items = _("、").join(gone)
            warn = (
                _("もう過ぎた日付が含まれています。"),
                _("%(items)sを、もう一度確かめてください。", items=items),
            )
        return self._question(
            row,
            _("期限の変更を確定する"),
            _("%(phase)sの期限を、次のとおり変更します。", phase=name),
            _("期限の変更を確定する"),
            facts=self._facts(row),
            makes=[
                _("確定したときから新しい期限を使い、前の期限は記録に残ります。"),
                _("この期の目標保有者に、メールでお知らせします。"),
            ],
            warn=warn,
        )

    @page("/withdraw/", Permission.TARGET_PROPOSE, methods=_ASKS)
    def withdraw_view(self) -> Any:
        """A proposal is taken back; nothing changes."""
        row = self._row()
        if (away := not_offered(self, row)) is not None:
            return away
        row_id = row.id
        form = WithdrawForm(data={"version": row.version})
        done = submitted(
            form,
            lambda: phase_proposals.withdraw_proposal(
                db_session(),
                row_id,
                actor=actor(),
                version=form["version"].data,
                reason=form["reason"].data,
            ),
        )
        if done is not None:
            flash(_("起案を取り下げました。期も期限も変わっていません。"), "good")
            return redirect(self.get_url(".details_view", id=row_id))
        row = self._row()
        question = self._question(
            row,
            _("起案を取り下げる"),
            _("この起案を取り下げます。期も期限も変わりません。"),
            _("取り下げる"),
            facts=[(_("内容"), name_of(row)), (_("理由"), row.reason)],
            danger=True,
        )
        return ask(self, form, question)


def views() -> list[Any]:
    """The screens of this subject."""
    return [PhaseProposalView(PhaseProposal, name=_l("期と期限の起案"), endpoint="phase_proposal")]
