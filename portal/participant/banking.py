"""バンキング: A applies to carry leftover allowances over to the next phase (domain §5).

Input → confirmation with the password → the application's own page, which tells what became of it.
Every rule is ``services/banking`` and is asked again under lock.
"""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import HiddenField, PasswordField, StringField

from portal.errors import PortalError, Problem, Refusal
from portal.extensions import db_session
from portal.models import Account, BankingApplication, DecisionState, MovementKind
from portal.participant import pages
from portal.participant.files import RowForm
from portal.participant.refused import carry_out_or_say, put
from portal.permissions import Permission
from portal.services import access, banking, once
from portal.services.allowance_rules import may_give
from portal.services.banking import Draft
from portal.services.refused_movements import Attempt
from portal.web import actor, done, requires, texts
from portal.web_breaks import unbroken
from portal.web_forms import PageForm
from portal.web_login import prove
from portal.web_recorded import carry_out_recorded, note_refused
from portal.web_text import number


class BankingForm(PageForm):
    """How much to carry over, as typed; the service says what is wrong with it."""

    quantity = StringField(_l("数量"))
    key = HiddenField()


class ConfirmForm(BankingForm):
    """The same, proven with the password."""

    password = PasswordField(_l("パスワード"))


def _typed(form: BankingForm) -> str:
    return str(form.quantity.data or "")


def _look(form: BankingForm) -> Draft:
    return banking.draft(db_session(), _typed(form), actor=actor())


def _attempt(form: BankingForm) -> Attempt:
    """How it is recorded if it is refused."""
    account = banking.own_holder(db_session(), actor()).account
    return Attempt(Account, account.id, MovementKind.CARRY_OVER.value, _typed(form))


def _show_input(form: BankingForm, plan: Draft, status: int = 200) -> Any:
    session = db_session()
    # what stands against any application, whatever the quantity
    against = [one for one in plan.problems if one.field != "quantity"]
    waiting = plan.open
    form.quantity.description = unbroken(
        _("1以上の整数で入力してください。バンキングできるのは%(n)s JAAまでです。", n=number(plan.movable))
    )
    page = render_template(
        "participant/banking/index.html",
        form=form,
        plan=plan,
        against=texts(against),
        waiting=waiting,
        rows=banking.own_applications(session, plan.holder, actor=actor()),
        code_of=banking.code_of,
        moves=may_give(plan.holder.account.state),
    )
    return page, status


def _show_confirm(form: ConfirmForm, plan: Draft, status: int = 200) -> Any:
    assert plan.quantity is not None and plan.window.next_phase is not None
    page = render_template(
        "participant/banking/confirm.html",
        form=form,
        plan=plan,
        amount=f"{number(plan.quantity)} JAA",
        moves=may_give(plan.holder.account.state),
    )
    return page, status


@pages.route("/allowances/banking", methods=["GET", "POST"])
@requires(Permission.BANKING_APPLY)
def banking_apply() -> Any:
    """The window, the figures, the form while it may be used, and every application so far."""
    form = BankingForm()
    if request.method == "GET":
        form.key.data = once.new_key()
        return _show_input(form, _look(form))
    if not once.is_shaped(form.key.data):
        form.key.data = once.new_key()
    plan = _look(form)
    if "fill" in request.form:
        form.quantity.data = number(plan.movable)
        return _show_input(form, _look(form))
    if "back" in request.form:
        return _show_input(form, plan)
    if plan.problems:
        note_refused(_attempt(form), plan.problems)
        put(form, plan.problems)
        return _show_input(form, _look(form), 422)
    return _show_confirm(ConfirmForm(), plan)


@pages.route("/allowances/banking/confirm", methods=["GET", "POST"])
@requires(Permission.BANKING_APPLY)
def banking_confirm() -> Any:
    """Apply, proven with the password; the key gives a second press the first answer."""
    if request.method == "GET":
        return redirect(url_for("participant.banking_apply"))
    form = ConfirmForm()
    password, key, quantity = str(form.password.data or ""), str(form.key.data or ""), _typed(form)
    problem = prove(password, "password") if password else Problem(Refusal.REQUIRED, "password")
    if problem is not None:
        plan = _look(form)
        if plan.problems:
            put(form, plan.problems)
            return _show_input(form, plan, 422)
        put(form, (problem,))
        return _show_confirm(form, plan, 422)
    try:
        made = carry_out_recorded(lambda: _apply(quantity, key), _attempt(form))
    except PortalError as error:
        plan = _look(form)
        put(form, error.problems)
        if error.refusal in (Refusal.KEY_REUSED, Refusal.KEY_SHAPE):
            form.key.data = once.new_key()
        return _show_input(form, plan, 422)
    done(_("バンキングを申請しました。事務局が決定すると、メールでお知らせします。"))
    return redirect(url_for("participant.banking_show", application_id=made))


def _apply(quantity: str, key: str) -> int:
    once.check_shape(key)
    return banking.apply(db_session(), quantity, key=key, actor=actor()).id


def _row(application_id: int) -> BankingApplication:
    return access.get_visible(db_session(), BankingApplication, application_id, actor())


def _may_withdraw(row: BankingApplication) -> bool:
    return row.state is DecisionState.APPLIED and row.movement_id is None


@pages.get("/allowances/banking/<int:application_id>")
@requires(Permission.BANKING_APPLY)
def banking_show(application_id: int) -> Any:
    """The application as a receipt that prints, and what became of it."""
    row = _row(application_id)
    return render_template(
        "participant/banking/show.html",
        row=row,
        code=banking.code_of(row),
        may_withdraw=_may_withdraw(row),
        moves=may_give(row.holder.account.state),
    )


@pages.route("/allowances/banking/<int:application_id>/withdraw", methods=["GET", "POST"])
@requires(Permission.BANKING_APPLY)
def banking_withdraw(application_id: int) -> Any:
    """Ask, then take the application back; what is decided or proposed leads back to its page."""
    row = _row(application_id)
    back = redirect(url_for("participant.banking_show", application_id=application_id))
    form = RowForm(version=row.version)
    if request.method == "GET" and not _may_withdraw(row):
        flash(_("この申請は、いまは取り下げられません。"), "warn")
        return back
    if not form.validate_on_submit():
        return render_template(
            "participant/banking/withdraw.html", form=form, row=row, code=banking.code_of(row)
        )
    carry_out_or_say(
        lambda: banking.withdraw(db_session(), application_id, version=form.shown, actor=actor()),
        _("申請を取り下げました。排出枠は、そのまま口座にあります。"),
    )
    return back
