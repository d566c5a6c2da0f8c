"""Phases and their dates: the rule in force, the ones before, and changing it (domain §1, §6)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from typing import Any

from flask import abort, flash, redirect, request
from flask_admin.base import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import selectinload

from portal.admin import phase_opening
from portal.admin.acts import status, submitted
from portal.admin.base import SecretariatView, Step
from portal.admin.door import page
from portal.admin.event_words import history
from portal.admin.phase_rules import RULE_WORDS, ChangeForm
from portal.extensions import db_session
from portal.models import Phase, PhaseRule
from portal.permissions import Permission
from portal.services import phases
from portal.web import actor
from portal.web_text import day, fiscal, number, phase_name


def shown(rule: PhaseRule) -> list[tuple[Any, Any]]:
    """A rule's values in words, for a list of facts."""
    return [(words, _value(getattr(rule, name))) for name, words in RULE_WORDS.items()]


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return _("はい") if value else _("いいえ")
    return day(value) if isinstance(value, date) else _("%(n)s日", n=number(value))


def differences(older: PhaseRule, newer: PhaseRule) -> list[tuple[Any, str, str]]:
    """What a change changed: (name, before, after)."""
    return [
        (words, _value(getattr(older, name)), _value(getattr(newer, name)))
        for name, words in RULE_WORDS.items()
        if getattr(older, name) != getattr(newer, name)
    ]


def in_force(phase: Phase) -> PhaseRule | None:
    """The rule that holds now."""
    return next((rule for rule in phase.rules if rule.superseded_at is None), None)


def _deadline(_view: Any, _context: Any, model: Phase, _name: str) -> str:
    rule = in_force(model)
    return day(rule.retirement_deadline if rule is not None else None)


def _deadline_day(_view: Any, _context: Any, model: Phase, _name: str) -> Any:
    rule = in_force(model)
    return rule.retirement_deadline if rule is not None else None


class PhaseView(SecretariatView):
    """期と期限."""

    permission_view = Permission.RECORD_VIEW
    permission_edit = Permission.TARGET_CONFIRM
    can_create = True
    form = ChangeForm
    create_label = _l("期を始める")
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
        "number": lambda _v, _c, m, _n: phase_name(m.number),
        "installation_year": lambda _v, _c, m, _n: fiscal(m.installation_year),
        "target_year": lambda _v, _c, m, _n: fiscal(m.target_year),
        "adjustment_year": lambda _v, _c, m, _n: fiscal(m.adjustment_year),
        "rules": _deadline,
    }
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
        }

    def steps_for(self, model: Phase) -> Sequence[Step]:
        if not self.allows(Permission.TARGET_CONFIRM):
            return ()
        return [Step(_("期限を変更する"), self.get_url(".change_view", id=model.id))]

    def later_for(self, model: Phase) -> tuple[Any, Any] | None:
        if self.allows(Permission.TARGET_CONFIRM) or not self.allows(Permission.TARGET_PROPOSE):
            return None
        return _("期限を変更できるのは、承認者です"), _(
            "変更が要るときは、理由を添えて承認者に伝えてください。"
        )

    def history_of(self, model: Phase) -> Sequence[tuple[Any, ...]]:
        return history(db_session(), [("phase", [model.id])])

    @expose("/new/", methods=("GET", "POST"))
    def create_view(self) -> Any:
        form = phase_opening.NewPhaseForm(data=phase_opening.suggestion(db_session()))

        def create() -> Phase:
            form.prove()
            return phases.create_phase(
                db_session(),
                form["number"].data,
                form.years(),
                form.dates(),
                reason=form["reason"].data or "",
                actor=actor(),
            )

        made = submitted(form, create)
        if made is not None:
            flash(_("%(phase)sを始めました。", phase=phase_name(made.number)), "good")
            return redirect(self.get_url(".details_view", id=made.id))
        html = self.render(
            "admin/phase/open.html",
            form=form,
            back=self.get_url(".index_view"),
            years=["number", *phase_opening.YEAR_WORDS],
            rules=list(RULE_WORDS),
        )
        return html, status()

    @page("/change/", Permission.TARGET_CONFIRM, methods=("GET", "POST"))
    def change_view(self) -> Any:
        row: Phase = self.get_one(request.args.get("id", ""))
        rule = in_force(row)
        if rule is None:
            abort(404)
        row_id, name = row.id, phase_name(row.number)
        data = {field: getattr(rule, field) for field in RULE_WORDS}
        form = ChangeForm(data={**data, "version": row.version})

        def change() -> PhaseRule:
            form.prove()
            return phases.change_rule(
                db_session(),
                row_id,
                form.dates(),
                reason=form["reason"].data or "",
                actor=actor(),
                version=form["version"].data,
            )

        if submitted(form, change) is not None:
            flash(_("期限を変更しました。前の期限も記録に残っています。"), "good")
            return redirect(self.get_url(".details_view", id=row_id))
        back = self.get_url(".details_view", id=row_id)
        html = self.render("admin/phase/change.html", form=form, name=name, back=back, rules=list(RULE_WORDS))
        return html, status()


def views() -> list[Any]:
    """The screens of this subject."""
    return [PhaseView(Phase, name=_l("期と期限"), endpoint="phase")]
