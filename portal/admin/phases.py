"""Phases and their dates: the rule in force, the ones before, and changing it (domain §1, §6)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from flask import abort, flash, redirect, request
from flask_admin.base import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from portal import clock
from portal.admin import formats, phase_opening
from portal.admin.acts import status, submitted
from portal.admin.base import SecretariatView, Step
from portal.admin.door import page
from portal.admin.event_words import history
from portal.admin.offered import not_offered
from portal.admin.phase_rules import RULE_WORDS, YEAR_WORDS, ChangeForm, value_word
from portal.extensions import db_session
from portal.models import Phase, PhaseProposal, PhaseRule
from portal.permissions import Permission
from portal.services import phase_proposals
from portal.services.phases import FIXED_BY_DEADLINE
from portal.web import actor
from portal.web_text import day, fiscal, phase_name


def shown(rule: PhaseRule) -> list[tuple[Any, Any]]:
    """A rule's values in words, for a list of facts."""
    return [(words, value_word(name, getattr(rule, name))) for name, words in RULE_WORDS.items()]


def differences(older: PhaseRule, newer: PhaseRule) -> list[tuple[Any, str, str]]:
    """What a change changed: (name, before, after)."""
    return [
        (words, value_word(name, getattr(older, name)), value_word(name, getattr(newer, name)))
        for name, words in RULE_WORDS.items()
        if getattr(older, name) != getattr(newer, name)
    ]


def in_force(phase: Phase) -> PhaseRule | None:
    """The rule that holds now."""
    return next((rule for rule in phase.rules if rule.superseded_at is None), None)


def fixed_by_deadline(rule: PhaseRule) -> tuple[str, ...]:
    """The items that no longer change because the retirement deadline has passed."""
    return FIXED_BY_DEADLINE if rule.retirement_deadline < clock.today() else ()


def _deadline(_view: Any, _context: Any, model: Phase, _name: str) -> str:
    rule = in_force(model)
    return day(rule.retirement_deadline if rule is not None else None)


def _deadline_day(_view: Any, _context: Any, model: Phase, _name: str) -> Any:
    rule = in_force(model)
    return rule.retirement_deadline if rule is not None else None


class PhaseView(SecretariatView):
    """期と期限."""

    permission_view = Permission.RECORD_VIEW
    permission_edit = Permission.TARGET_PROPOSE
    can_create = True
    form = ChangeForm
    create_label = _l("期の開始を起案する")
    column_list: Any = ("number", "installation_year", "target_year", "adjustment_year", "rules")
    column_default_sort = ("number", True)
    column_sortable_list: Any = ("number",)
    column_labels: Any = {
        "number": _l("期"),
        "installation_year": _l("設備導入年度"),
        "target_year": _l("削減目標年度"),
        "adjustment_year": _l("調整・自主削減年度"),
        "rules": _l("償却期限"),
    }
    column_formatters: Any = {
        "number": formats.phase,
        "installation_year": lambda _v, _c, m, _n: fiscal(m.installation_year),
        "target_year": lambda _v, _c, m, _n: fiscal(m.target_year),
        "adjustment_year": lambda _v, _c, m, _n: fiscal(m.adjustment_year),
        "rules": _deadline,
    }
    list_template = "admin/phase/list.html"
    column_formatters_export: Any = {"rules": _deadline_day}
    details_template = "admin/phase/details.html"

    def get_query(self) -> Any:
        return super().get_query().options(selectinload(Phase.rules))

    def title_of(self, model: Phase) -> str:
        return phase_name(model.number)

    def details_context(self, model: Phase) -> dict[str, Any]:
        rules = list(model.rules)
        pairs = list(pairwise(rules))
        rule = in_force(model)
        return {
            "rule": rule,
            "rule_facts": shown(rule) if rule is not None else [],
            "changes": [(newer, differences(older, newer)) for older, newer in reversed(pairs)],
            "waiting": self._waiting(model),
        }

    def _waiting(self, model: Phase) -> PhaseProposal | None:
        return phase_proposals.open_proposal(db_session(), model.number)

    def steps_for(self, model: Phase) -> Sequence[Step]:
        waiting = self._waiting(model)
        if waiting is not None:
            url = self.get_url("phase_proposal.details_view", id=waiting.id)
            return [Step(_("確認を待つ起案を見る"), url)]
        if not self.allows(Permission.TARGET_PROPOSE):
            return ()
        closing = Step(
            _("期の締めを確かめる"), self.get_url("phase_closing.standing", phase=model.number), "other"
        )
        if model.closed_at is not None:
            return [closing]
        return [Step(_("期限の変更を起案する"), self.get_url(".change_view", id=model.id)), closing]

    def later_for(self, model: Phase) -> tuple[Any, Any] | None:
        if model.closed_at is not None:
            return _("期限の変更"), _("締めた期の期限と決まりは、変えられません。")
        if self._waiting(model) is None:
            return None
        return _("次の変更は、まだ起案できません"), _(
            "確認を待つ起案が確定するか、取り下げられると、起案できます。"
        )

    def history_of(self, model: Phase) -> Sequence[tuple[Any, ...]]:
        proposals = db_session.scalars(select(PhaseProposal.id).where(PhaseProposal.number == model.number))
        return history(db_session(), [("phase", [model.id]), ("phase_proposal", list(proposals))])

    @expose("/new/", methods=("GET", "POST"))
    def create_view(self) -> Any:
        form = phase_opening.NewPhaseForm(data=phase_opening.suggestion(db_session()))
        made = submitted(
            form,
            lambda: phase_proposals.propose_phase(
                db_session(),
                form["number"].data,
                form.years(),
                form.dates(),
                reason=form["reason"].data or "",
                actor=actor(),
                key=form["key"].data,
            ),
        )
        if made is not None:
            return self._proposed(made)
        html = self.render(
            "admin/phase/open.html",
            form=form,
            back=self.get_url(".index_view"),
            years=["number", *YEAR_WORDS],
            rules=list(RULE_WORDS),
        )
        return html, status()

    def _proposed(self, made: PhaseProposal) -> Any:
        flash(_("起案しました。ほかの承認者が確かめると、確定します。"), "good")
        return redirect(self.get_url("phase_proposal.details_view", id=made.id))

    @page("/change/", Permission.TARGET_PROPOSE, methods=("GET", "POST"))
    def change_view(self) -> Any:
        row: Phase = self.get_one(request.args.get("id", ""))
        rule = in_force(row)
        if rule is None:
            abort(404)
        if (away := not_offered(self, row)) is not None:
            return away
        row_id, name = row.id, phase_name(row.number)
        data = {field: getattr(rule, field) for field in RULE_WORDS}
        form = ChangeForm(data={**data, "version": row.version})
        made = submitted(
            form,
            lambda: phase_proposals.propose_rule(
                db_session(),
                row_id,
                form.dates(),
                reason=form["reason"].data or "",
                actor=actor(),
                version=form["version"].data,
                key=form["key"].data,
            ),
        )
        if made is not None:
            return self._proposed(made)
        back = self.get_url(".details_view", id=row_id)
        html = self.render(
            "admin/phase/change.html",
            form=form,
            name=name,
            back=back,
            rules=list(RULE_WORDS),
            fixed=fixed_by_deadline(rule),
        )
        return html, status()


def views() -> list[Any]:
    """The screens of this subject."""
    return [PhaseView(Phase, name=_l("期と期限"), endpoint="phase")]
