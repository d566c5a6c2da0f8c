"""Transfer, retire, cancel, offset: input → confirmation with the password → receipt (domain §5).

The pages only carry what was typed; every rule is ``services/allowances`` and is asked again under
lock when the movement is made. The form's key gives a second press the first receipt.

What passed every rule waits in the reader's own session under the form's key, so that confirmation and
receipt are pages of their own address: going back from a receipt sends nothing again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import redirect, render_template, request, session, url_for
from flask_babel import gettext as _

from portal.errors import PortalError, Problem, Refusal
from portal.extensions import db_session
from portal.models import Account, MovementKind, UnitClass, UnitType
from portal.participant import pages
from portal.participant.correction_words import waiting_of
from portal.participant.movement_forms import ConfirmForm, MovementForm, request_of, unit_problem
from portal.participant.movement_words import CANCEL, OFFSET, RETIRE, TRANSFER, Act, most_movable
from portal.participant.refused import put
from portal.participant.retirement_days import deadline_over, last_day
from portal.participant.told_later import tell_later, told
from portal.permissions import Permission
from portal.services import account_lookup, allowances, once, positions
from portal.services.account_lookup import Answer, Named
from portal.services.allowance_rules import may_give
from portal.services.allowances import Draft
from portal.services.refused_movements import Attempt
from portal.web import actor, carry_out, done, requires, texts
from portal.web_breaks import unbroken
from portal.web_login import prove
from portal.web_recorded import carry_out_recorded, note_refused
from portal.web_refill import shown
from portal.web_text import number, unit_name

#: where the session keeps what waits to be confirmed, and how many of them at the most
_WAITING, _MOST_WAITING = "movements", 3
#: whoever is told so gets a form with a fresh key
_BAD_KEY = frozenset({Refusal.KEY_REUSED, Refusal.KEY_SHAPE})


@dataclass(frozen=True)
class View:
    """What the input page shows beside the form."""

    act: Act
    plan: Draft
    unit: str  # JAA or jVER
    unit_name: str
    choices: int
    missing: int | None
    show_voluntary: bool
    sure: bool  # the typed quantity and account pass every rule
    late: date | None  # the deadline, when it is over
    named: Named | None  # whose account it goes to, as the counter told it
    stuck: tuple[str, ...]  # why nothing can move, whatever is typed
    offers: bool  # whether the form goes on from here: not while nothing can move


def _choices(act: Act, plan: Draft) -> list[tuple[str, str]]:
    """The unit classes that could move: those held, and the one looked at."""
    own_phase = plan.source.holder.phase_id if plan.source.holder is not None else None

    def fits(unit_class: UnitClass) -> bool:
        free = act.kind is not MovementKind.RETIRE or unit_class.unit_type is UnitType.JVER
        return free or unit_class.phase_id == own_phase

    held = [
        c for c, row in allowances.unit_classes(db_session(), plan.source) if row.quantity > 0 and fits(c)
    ]
    if plan.unit_class.id not in [c.id for c in held]:
        held.append(plan.unit_class)
    return [(str(c.id), unit_name(c)) for c in held]


def _look(act: Act, form: MovementForm) -> Draft:
    """The figures and failing rules of what was typed; the unit class becomes an explicit one."""
    plan = allowances.draft(db_session(), request_of(act, form), actor=actor())
    form.unit.choices = _choices(act, plan)
    form.unit.data = str(plan.unit_class.id)
    return plan


def _asked(act: Act, form: MovementForm) -> Answer:
    """Whose account was typed: counted wherever a name is shown, so that no page walks the register."""
    text = str(form.account.data or "")
    if act.kind is not MovementKind.TRANSFER or not text:
        return Answer()
    return carry_out(lambda: account_lookup.ask(db_session(), text, actor=actor()))


def _show_input(
    act: Act, form: MovementForm, plan: Draft, asked: Answer | None = None, status: int = 200
) -> Any:
    """The input; with the name behind the number only if ``asked`` tells it."""
    more = any(p.refusal is Refusal.RETIRE_MORE_THAN_NEEDED for p in plan.problems)
    unit = plan.unit_class.unit_type.value
    view = View(
        act=act,
        plan=plan,
        unit=unit,
        unit_name=unit_name(plan.unit_class),
        choices=len(form.unit.choices),
        missing=plan.missing if act.kind is MovementKind.RETIRE else None,
        show_voluntary=act.kind is MovementKind.RETIRE and (more or bool(form.voluntary.data)),
        sure=not plan.problems,
        late=deadline_over(plan) if not plan.standing else None,
        named=asked.account if asked is not None else None,
        # what was refused says so at its field already
        stuck=tuple(texts(plan.standing)) if status == 200 else (),
        offers=not plan.standing or status != 200,
    )
    form.quantity.description = unbroken(most_movable(act, plan))
    form.unit.label.text = str(act.units)
    held_up = [one for one in waiting_of(plan.source) if one.holds == plan.unit_class.id]
    template = "participant/allowances/movement.html"
    return render_template(template, form=form, view=view, act=act, waiting=held_up), status


def _show_confirm(act: Act, form: MovementForm, plan: Draft, asked: Answer, status: int = 200) -> Any:
    assert plan.target is not None and plan.quantity is not None
    unit = plan.unit_class.unit_type.value
    amount = f"{number(plan.quantity)} {unit}"
    say = act.sentence(
        amount=amount,
        unit=unit_name(plan.unit_class),
        code=plan.target.code,
        name=asked.account.name if asked.account is not None else "",
    )
    page = render_template(
        "participant/allowances/confirm.html",
        form=form,
        act=act,
        plan=plan,
        named=asked.account,
        say=unbroken(say),
        press=str(act.press) % {"amount": amount},
        amount=amount,
        unit=unit,
        unit_name=unit_name(plan.unit_class),
        late=deadline_over(plan),
        last_day=last_day(plan),
    )
    return page, status


def _input(act: Act) -> Any:
    form = MovementForm()
    if request.method == "GET":
        account = allowances.own_account(db_session(), actor())
        if not may_give(account.state):
            # why not stands on that page; what is sent all the same is the service's to refuse
            return redirect(url_for("participant.balance"))
        form.key.data = once.new_movement_key()
        form.quantity.data = request.args.get("quantity", "")[:30]
        first = positions.first_to_move(db_session(), account, act.kind is MovementKind.RETIRE)
        form.unit.data = request.args.get("unit", "")[:16] or str(first or "")
        plan = _look(act, form)
        if act.kind is MovementKind.RETIRE and plan.quantity and 0 < plan.movable < plan.quantity:
            # what is still to retire may be more than there is
            form.quantity.data = number(plan.movable)
            plan = _look(act, form)
        return _show_input(act, form, plan)
    if not once.is_shaped(form.key.data, movement=True):
        form.key.data = once.new_movement_key()
    if (refused := _unit_refused(act, form)) is not None:
        return refused
    asked = _asked(act, form)
    if asked.paused is not None:
        return _show_paused(act, form, asked.paused)
    plan = _look(act, form)
    if (fill := request.form.get("fill")) in ("max", "missing"):
        return _filled(act, form, plan, str(fill), asked)
    if "look" in request.form:
        if request.form["look"] == "name":
            put(form, tuple(p for p in plan.problems if p.field == "account"))
        return _show_input(act, form, plan, asked)
    if "back" in request.form:
        return _show_input(act, form, plan, asked)
    if plan.problems:
        note_refused(_attempt(act, form), plan.problems)
        return _refused(act, form, _look(act, form), asked)
    _wait(act, form, plan)
    return redirect(url_for(act.confirm_endpoint, key=form.key.data))


def _unit_refused(act: Act, form: MovementForm, *, needed: bool = False) -> Any:
    """The input again, with units to choose anew, if what was sent is none of the choice; else ``None``."""
    problem = unit_problem(form, needed=needed)
    if problem is None:
        return None
    note_refused(_attempt(act, form), (problem,))
    form.unit.data = ""
    plan = _look(act, form)
    put(form, (problem,))
    return _show_input(act, form, plan, None, 422)


def _filled(act: Act, form: MovementForm, plan: Draft, fill: str, asked: Answer) -> Any:
    """A button wrote the quantity; what is still to retire is known only with an approved figure."""
    if fill == "missing" and plan.missing is None:
        put(form, (Problem(Refusal.EXACT_NEEDS_FIGURE, "quantity"),))
        return _show_input(act, form, plan, asked, 422)
    form.quantity.data = number(plan.movable if fill == "max" else plan.missing)
    return _show_input(act, form, _look(act, form), asked)


def _refused(act: Act, form: MovementForm, plan: Draft, asked: Answer) -> Any:
    """The input with every reason at its field."""
    put(form, plan.problems)
    return _show_input(act, form, plan, asked, 422)


def _show_paused(act: Act, form: MovementForm, problem: Problem) -> Any:
    """The input as it was typed, without a name, and without a word about the number."""
    typed, form.account.data = form.account.data, ""
    plan = _look(act, form)
    form.account.data = typed
    put(form, (problem,))
    return _show_input(act, form, plan, None, 429)


def _wait(act: Act, form: MovementForm, plan: Draft) -> None:
    """Keep what is to be confirmed in the session."""
    if not once.is_shaped(form.key.data, movement=True):
        form.key.data = once.new_movement_key()
    what = {
        "act": act.slug,
        "unit": str(plan.unit_class.id),
        "quantity": number(plan.quantity),
        "account": plan.target.code if plan.target is not None else "",
        "note": plan.note,
        "voluntary": plan.voluntary,
    }
    _remember(str(form.key.data), what)


def _remember(key: str, what: Any) -> None:
    """Only the newest few: the session is a cookie."""
    rest = [one for one in session.get(_WAITING, {}).items() if one[0] != key]
    session[_WAITING] = dict([*rest, (key, what)][-_MOST_WAITING:])


def _ask(act: Act) -> Any:
    """The page of the question: what waits under the key of its address, or was typed before a late login."""
    key = request.args.get("key", "")
    waiting = session.get(_WAITING, {}).get(key)
    if isinstance(waiting, str):
        return redirect(url_for("participant.receipt", code=waiting))
    if waiting is not None and waiting["act"] == act.slug:
        form = ConfirmForm(None, **{**waiting, "key": key})
    elif typed := shown():
        form = ConfirmForm(typed)
        if (refused := _unit_refused(act, form)) is not None:
            return refused
    else:
        return redirect(url_for(act.endpoint))
    asked = _asked(act, form)
    if asked.paused is not None:
        return _show_paused(act, form, asked.paused)
    plan = _look(act, form)
    if plan.problems:
        return _refused(act, form, plan, asked)
    said = told(key)
    form.password.errors = (*said,)
    return _show_confirm(act, form, plan, asked, 422 if said else 200)


def _confirm(act: Act) -> Any:
    if request.method == "GET":
        return _ask(act)
    form = ConfirmForm()
    password, key = str(form.password.data or ""), str(form.key.data or "")
    if (refused := _unit_refused(act, form, needed=True)) is not None:
        return refused
    wanted = request_of(act, form)
    problem = prove(password, "password") if password else Problem(Refusal.REQUIRED, "password")
    if problem is not None:
        asked = _asked(act, form)
        if asked.paused is not None:
            return _show_paused(act, form, asked.paused)
        plan = _look(act, form)
        if plan.problems:
            return _refused(act, form, plan, asked)
        _wait(act, form, plan)
        tell_later(str(form.key.data), texts((problem,)))
        return redirect(url_for(act.confirm_endpoint, key=form.key.data), 303)
    try:
        code, amount = carry_out_recorded(lambda: _move(wanted, key), _attempt(act, form))
    except PortalError as error:
        asked = _asked(act, form)
        if asked.paused is not None:
            return _show_paused(act, form, asked.paused)
        plan = _look(act, form)
        put(form, error.problems)
        if not plan.problems and error.refusal is Refusal.RETIREMENT_NOW_LATE:
            return _show_confirm(act, form, plan, asked, 422)
        form.key.data = once.new_movement_key() if error.refusal in _BAD_KEY else form.key.data
        return _show_input(act, form, plan, asked, 422)
    again = isinstance(session.get(_WAITING, {}).get(key), str)
    # whoever goes back to the question finds its receipt
    _remember(key, code)
    done(_("この手続きは、すでに完了しています。") if again else str(act.done) % {"amount": amount})
    return redirect(url_for("participant.receipt", code=code))


def _attempt(act: Act, form: MovementForm) -> Attempt:
    """How it is recorded if it is refused."""
    account = allowances.own_account(db_session(), actor())
    typed = str(form.account.data or "") if act.kind is MovementKind.TRANSFER else ""
    return Attempt(Account, account.id, act.kind.value, str(form.quantity.data or ""), typed)


def _move(wanted: allowances.Request, key: str) -> tuple[str, str]:
    once.check_shape(key, movement=True)
    movement = allowances.move(db_session(), wanted, key=key, actor=actor())
    assert movement.transaction is not None
    unit = movement.unit_class.unit_type.value
    return movement.transaction.code, f"{number(movement.quantity)} {unit}"


@pages.route("/allowances/transfer", methods=["GET", "POST"])
@requires(Permission.ALLOWANCE_TRANSFER)
def transfer() -> Any:
    """Move units to another participant's account."""
    return _input(TRANSFER)


@pages.route("/allowances/transfer/confirm", methods=["GET", "POST"])
@requires(Permission.ALLOWANCE_TRANSFER)
def transfer_confirm() -> Any:
    return _confirm(TRANSFER)


@pages.route("/allowances/retire", methods=["GET", "POST"])
@requires(Permission.ALLOWANCE_RETIRE)
def retire() -> Any:
    """Retire units for the own emissions."""
    return _input(RETIRE)


@pages.route("/allowances/retire/confirm", methods=["GET", "POST"])
@requires(Permission.ALLOWANCE_RETIRE)
def retire_confirm() -> Any:
    return _confirm(RETIRE)


@pages.route("/allowances/cancel", methods=["GET", "POST"])
@requires(Permission.ALLOWANCE_TRANSFER)
def cancel() -> Any:
    """Cancel units voluntarily."""
    return _input(CANCEL)


@pages.route("/allowances/cancel/confirm", methods=["GET", "POST"])
@requires(Permission.ALLOWANCE_TRANSFER)
def cancel_confirm() -> Any:
    return _confirm(CANCEL)


@pages.route("/allowances/offset", methods=["GET", "POST"])
@requires(Permission.ALLOWANCE_TRANSFER)
def offset() -> Any:
    """Offset emissions elsewhere voluntarily."""
    return _input(OFFSET)


@pages.route("/allowances/offset/confirm", methods=["GET", "POST"])
@requires(Permission.ALLOWANCE_TRANSFER)
def offset_confirm() -> Any:
    return _confirm(OFFSET)
