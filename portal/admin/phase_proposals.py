"""Proposals about phases: old and new side by side, confirmed by another person or taken back (domain §2)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import joinedload

from portal import clock
from portal.admin import formats
from portal.admin.event_words import history
from portal.admin.filters import ChoiceFilter
from portal.admin.phase_rules import RULE_WORDS, YEAR_WORDS, value_word
from portal.admin.second_person import Confirmation, Proposals, ProposalView
from portal.extensions import db_session
from portal.models import PhaseProposal, ProposalState
from portal.permissions import Permission
from portal.services import phase_proposals
from portal.web import actor
from portal.web_text import fiscal, label, phase_name

#: (item, before, after, whether it changes)
Side = tuple[Any, str, str, bool]


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
            value_word(name, getattr(old, name)) if old is not None else "",
            value_word(name, getattr(new, name)),
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


#: what the second person's pages know of it
PROPOSALS = Proposals(
    endpoint="phase_proposal",
    propose=Permission.TARGET_PROPOSE,
    confirm=Permission.TARGET_CONFIRM,
    waits=lambda one: one.state is ProposalState.PROPOSED,
    problems=lambda one: phase_proposals.confirm_problems(db_session(), one, actor()),
)


class PhaseProposalView(ProposalView):
    """期の起案."""

    permission_view = Permission.RECORD_VIEW
    proposals = PROPOSALS
    waiting_filter = (0, ProposalState.PROPOSED.value)
    withdrawal_says = _l("この起案を取り下げます。期も期限も変わりません。")
    withdrawal_told = _l("起案を取り下げました。期も期限も変わっていません。")
    column_list: Any = ("number", "dates", "proposed_at", "state", "confirmed_at")
    column_export_list: Any = (
        "number",
        "dates",
        "proposed_by.name",
        "proposed_at",
        "state",
        "confirmed_by.name",
        "confirmed_at",
    )
    column_default_sort = ("id", True)
    column_sortable_list: Any = ("number", "proposed_at", "confirmed_at")
    column_details_list: Any = ("number",)
    column_labels: Any = {
        "number": _l("期"),
        "dates": _l("内容"),
        "proposed_by.name": _l("起案者"),
        "proposed_at": _l("起案"),
        "state": _l("状態"),
        "confirmed_by.name": _l("確定した人"),
        "confirmed_at": _l("確定"),
    }
    column_formatters: Any = {
        "number": formats.phase,
        "dates": lambda _v, _c, m, _n: kind_of(m),
        "state": formats.state_until,
        "proposed_at": formats.moment_and("proposed_by.name"),
        "confirmed_at": formats.moment_and("confirmed_by.name"),
    }
    column_formatters_export: Any = {
        "dates": lambda _v, _c, m, _n: kind_of(m),
        "proposed_at": lambda _v, _c, m, _n: m.proposed_at,
        "confirmed_at": lambda _v, _c, m, _n: m.confirmed_at,
    }
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

    # ---- the second person

    def shown(self, row: PhaseProposal) -> list[tuple[Any, Any]]:
        opening = phase_proposals.is_opening(row)
        facts: list[tuple[Any, Any]] = years(row) if opening else []
        for words, before, after, changed in sides(row):
            if opening:
                facts.append((words, after))
            elif changed:
                facts.append((words, _("%(before)s → %(after)s", before=before, after=after)))
        return facts

    def confirmation(self, row: PhaseProposal) -> Confirmation:
        name = phase_name(row.number)
        if phase_proposals.is_opening(row):
            return Confirmation(
                _("期の開始を確定する"),
                _("%(phase)sを始めます。", phase=name),
                _("%(phase)sを始める", phase=name),
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
        return Confirmation(
            _("期限の変更を確定する"),
            _("%(phase)sの期限を、次のとおり変更します。", phase=name),
            _("期限の変更を確定する"),
            makes=[
                _("確定したときから新しい期限を使い、前の期限は記録に残ります。"),
                _("この期の目標保有者に、メールでお知らせします。"),
            ],
            warn=warn,
        )

    def service_confirm(self, row_id: int, version: int, seen: str) -> Any:
        return phase_proposals.confirm_proposal(db_session(), row_id, version=version, actor=actor())

    def service_withdraw(self, row_id: int, version: int, reason: str | None) -> Any:
        return phase_proposals.withdraw_proposal(
            db_session(), row_id, version=version, reason=reason, actor=actor()
        )

    def confirmed_told(self, row: PhaseProposal) -> Any:
        if phase_proposals.is_opening(row):
            return _("%(phase)sを始めました。", phase=phase_name(row.number))
        return _("期限を変更しました。前の期限も記録に残っています。")

    def address_after(self, row: PhaseProposal) -> str:
        if row.state is ProposalState.CONFIRMED:
            return str(self.get_url("phase.details_view", id=row.phase_id))
        return super().address_after(row)


def views() -> list[Any]:
    """The screens of this subject."""
    return [PhaseProposalView(PhaseProposal, name=_l("期と期限の起案"), endpoint="phase_proposal")]
