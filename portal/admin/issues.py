"""Proposing an issue: to the holders whose figure and target are confirmed, and jVER by application."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, redirect, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import StringField, TextAreaField

from portal.admin.acts import KeyForm, Needed, Question, ask, status, submitted
from portal.admin.door import SecretariatPage, page
from portal.admin.forms import show_problems
from portal.errors import PortalError, Refusal, refuse
from portal.extensions import db_session
from portal.models import ISSUANCE_ACCOUNT, Account, Holder, Movement, MovementKind
from portal.permissions import Permission
from portal.services import issuance
from portal.services.numbers import parse_account
from portal.services.queues import Issuable, issuable
from portal.services.refused_movements import Attempt
from portal.web import actor, texts
from portal.web_text import number, phase_name

_ASKS = ("GET", "POST")


class JverForm(KeyForm):
    """jVER for an account, by application (domain §5)."""

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
        return self.render(
            "admin/issue/index.html",
            ready=[one for one in rows if not one.problems],
            later=[(one, texts(one.problems)) for one in rows if one.problems],
            phases=[
                (number, self._batch(number)) for number in sorted({one.holder.phase.number for one in rows})
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
        form, holder_id = KeyForm(), int(wanted)
        made = submitted(
            form,
            lambda: issuance.propose_issue(
                db_session(), holder_id, key=form["key"].data or "", actor=actor()
            ),
            attempt=Attempt(Holder, holder_id, MovementKind.ISSUE.value),
        )
        if made is not None:
            return self._proposed(made)
        rows = issuable(db_session(), holder_id)
        if not rows:
            flash(_("この目標保有者の発行は、もう起案されているか、まだ起案できません。"), "warn")
            return redirect(self.get_url(".index"))
        return ask(self, form, self._question(rows[0]))

    def _question(self, one: Issuable) -> Question:
        back = str(self.get_url(".index"))
        shown = _("%(n)s JAA", n=number(one.quantity))
        return Question(
            _("発行の起案"),
            [(self.name, back)],
            _(
                "%(account)s（%(name)s）に、%(phase)sの%(amount)sを発行する起案をします。",
                account=one.holder.account.code,
                name=one.holder.account.name,
                phase=phase_name(one.holder.phase.number),
                amount=shown,
            ),
            _("%(amount)sの発行を起案する", amount=shown),
            back,
            facts=[
                (_("目標保有者"), one.holder.label),
                (_("基準年度の排出量（A）"), _("%(n)s t-CO2", n=number(one.base))),
                (_("削減目標量（B）"), _("%(n)s t-CO2", n=number(one.target))),
                (_("発行する量（A−B）"), shown),
                *self._cap_facts(one),
            ],
            makes=[_("別の承認者が確認するまで、排出枠は発行されません。")],
        )

    def _cap_facts(self, one: Issuable) -> list[tuple[Any, Any]]:
        """The cap of the phase and what is left of it, if it has one."""
        case = one.case
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
        return submitted(
            form,
            lambda: issuance.propose_jver(
                db_session(),
                form["account"].data or "",
                form["quantity"].data or "",
                form["reason"].data or "",
                key=form["key"].data or "",
                actor=actor(),
            ),
            attempt=Attempt(
                Account,
                ISSUANCE_ACCOUNT,
                MovementKind.ISSUE_JVER.value,
                str(form["quantity"].data or ""),
                str(form["account"].data or ""),
            ),
        )

    def _looked_up(self, form: JverForm) -> Account | None:
        """The account behind the typed number, to be compared with the application; or why there is none."""
        try:
            number = parse_account(form["account"].data)
            found = db_session.get(Account, number)
            if found is None:
                raise refuse(Refusal.ACCOUNT_UNKNOWN, "account", account=f"AST-{number}")
        except PortalError as refused:
            show_problems(form, refused)
            return None
        return found
