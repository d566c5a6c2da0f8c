"""Proposing an issue: to the holders whose figure and target are confirmed, and jVER by application."""

from __future__ import annotations

from typing import Any, ClassVar

from flask import abort, flash, redirect, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import StringField, TextAreaField

from portal.admin.acts import (
    Needed,
    ProvenKeyForm,
    Question,
    SeenField,
    ask,
    carry_figures,
    status,
    submitted,
)
from portal.admin.door import SecretariatPage, page
from portal.admin.forms import show_problems
from portal.errors import Refused
from portal.extensions import db_session
from portal.models import ISSUANCE_ACCOUNT, Account, Holder, Movement, MovementKind
from portal.permissions import Permission
from portal.services import issuance, issue_batches, movement_figures, office_cases
from portal.services.issue_rules import IssueCase, issue_problems
from portal.services.queues import issuable
from portal.services.refused_movements import Attempt
from portal.web import actor, texts
from portal.web_text import number, phase_name

_ASKS = ("GET", "POST")


def _tonnes(figure: int | None) -> str:
    return "—" if figure is None else _("%(n)s t-CO2", n=number(figure))


class IssueForm(ProvenKeyForm):
    """An issue of just what the page said."""

    seen = SeenField()


class JverForm(ProvenKeyForm):
    """jVER for an account, by application (domain §5)."""

    widths: ClassVar[dict[str, str]] = {"quantity": "10"}

    account = StringField(_l("口座番号"), validators=[Needed()], description=_l("例：AST-1001"))
    quantity = StringField(
        _l("数量（jVER）"),
        validators=[Needed()],
        render_kw={"inputmode": "numeric", "autocomplete": "off"},
    )
    reason = TextAreaField(
        _l("根拠"),
        validators=[Needed()],
        description=_l("どの申請によるものかを書いてください。"),
    )


class IssuePage(SecretariatPage):
    """発行."""

    permission_view = Permission.ALLOWANCE_ALL_VIEW

    @page("/", Permission.ALLOWANCE_ALL_VIEW)
    def index(self) -> Any:
        rows = issuable(db_session())
        ready = [one for one in rows if not one.problems]
        waiting = issue_batches.waiting_phases(db_session())
        return self.render(
            "admin/issue/index.html",
            ready=ready,
            later=[(one, texts(one.problems)) for one in rows if one.problems],
            phases=[
                (number, self._batch(number), number in waiting)
                for number in sorted({one.holder.phase.number for one in ready})
            ],
        )

    def _batch(self, number: int) -> str:
        return str(self.get_url("issue_batch.propose", phase=number))

    def _proposed(self, movement: Movement) -> Any:
        flash(_("起案しました。別の承認者が確認すると、発行されます。"), "good")
        return redirect(self.get_url("movement.details_view", id=movement.id))

    @page("/propose/", Permission.MOVEMENT_PROPOSE, methods=_ASKS)
    def propose(self) -> Any:
        """Base − target for one holder, proposed once."""
        wanted = request.args.get("id", "")
        if not (wanted.isascii() and wanted.isdigit() and len(wanted) < 19):
            abort(404)
        form, holder_id = IssueForm(), int(wanted)

        def work() -> Movement:
            form.prove()
            return issuance.propose_issue(
                db_session(),
                holder_id,
                key=form["key"].data or "",
                seen=form["seen"].data or "",
                actor=actor(),
            )

        made = submitted(form, work, attempt=Attempt(Holder, holder_id, MovementKind.ISSUE.value))
        if made is not None:
            return self._proposed(made)
        holder, case = issuance.issue_case(db_session(), holder_id, actor=actor())
        carry_figures(form, movement_figures.of_issue(case))
        return ask(self, form, self._question(holder, case, told=bool(form.form_errors)))

    def _question(self, holder: Holder, case: IssueCase, *, told: bool) -> Question:
        """``told``: the form that came back says why not already."""
        back = str(self.get_url(".index"))
        known = case.due is not None
        shown = _("%(n)s JAA", n=number(case.due)) if known else "—"
        names = {
            "account": holder.account.code,
            "name": holder.account.name,
            "phase": phase_name(holder.phase.number),
        }
        found = [] if told else texts(issue_problems(case))
        return Question(
            _("発行を起案する"),
            [(self.name, back)],
            _(
                "%(account)s（%(name)s）に、%(phase)sの%(amount)sを発行する起案をします。",
                amount=shown,
                **names,
            )
            if known
            else _("%(account)s（%(name)s）への、%(phase)sの排出枠の発行です。", **names),
            _("%(amount)sの発行を起案する", amount=shown),
            back,
            facts=[
                (_("目標保有者"), holder.label),
                (_("基準年度の排出量（A）"), _tonnes(case.base)),
                (_("削減目標量（B）"), _tonnes(case.target)),
                (_("発行する量（A−B）"), shown),
                *([(_("前の発行"), _("訂正されています。"))] if case.attempt > 1 else []),
                *self._cap_facts(case),
            ],
            makes=[_("別の承認者が確認するまで、排出枠は発行されません。")],
            against=(_("いまは起案できません"), found) if found else None,
        )

    def _cap_facts(self, case: IssueCase) -> list[tuple[Any, Any]]:
        """The cap of the phase and what is left of it, if it has one."""
        if case.cap is None:
            return []
        return [
            (_("この期に発行できる排出枠の上限"), _("%(n)s JAA", n=number(case.cap))),
            (_("発行済みと起案中の量"), _("%(n)s JAA", n=number(case.issued))),
        ]

    @page("/jver/", Permission.MOVEMENT_PROPOSE, methods=_ASKS)
    def jver(self) -> Any:
        """jVER by application."""
        form = JverForm(data={"account": request.args.get("account", "")[:20]})
        looked = request.method == "POST" and "look" in request.form
        made = None if looked else self._jver_made(form)
        if made is not None:
            return self._proposed(made)
        back = str(self.get_url(".index"))
        found = self._looked_up(form) if looked else None
        question = Question(
            _("jVERの発行を起案する"),
            [(self.name, back)],
            _("申請のあった口座に、jVERを発行する起案をします。"),
            _("発行を起案する"),
            back,
            makes=[_("別の承認者が確認するまで、jVERは発行されません。")],
        )
        html = self.render("admin/issue/jver.html", form=form, question=question, found=found)
        return html, 200 if looked and not form.errors else status()

    def _jver_made(self, form: JverForm) -> Movement | None:
        def work() -> Movement:
            form.prove()
            return issuance.propose_jver(
                db_session(), *_typed(form), key=form["key"].data or "", actor=actor()
            )

        account, quantity, _reason = _typed(form)
        kind = MovementKind.ISSUE_JVER.value
        return submitted(form, work, attempt=Attempt(Account, ISSUANCE_ACCOUNT, kind, quantity, account))

    def _looked_up(self, form: JverForm) -> Account | None:
        """The account behind the typed number, to be compared with the application.

        What is wrong is said at its field, by the rules of the proposal; what is not typed yet is not wrong.
        """
        plan = office_cases.jver_draft(db_session(), *_typed(form))
        found = [
            one for one in plan.problems if one.field == "account" or (form[one.field].data or "").strip()
        ]
        if found:
            show_problems(form, Refused(*found))
        return None if any(one.field == "account" for one in found) else plan.account


def _typed(form: JverForm) -> tuple[str, str, str]:
    return form["account"].data or "", form["quantity"].data or "", form["reason"].data or ""
