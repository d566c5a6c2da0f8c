"""The forms of a movement, and how what was sent by them is read: every rule is ``services/allowances``."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, HiddenField, PasswordField, SelectField, StringField

from portal.errors import Problem, Refusal
from portal.extensions import db_session
from portal.models import MovementKind, UnitClass
from portal.participant.movement_words import Act
from portal.services import allowances
from portal.web_forms import PageForm


class MovementForm(PageForm):
    """What a movement is made of, as typed; the service says what is wrong with it."""

    unit = SelectField(_l("排出枠"), validate_choice=False, default="")
    quantity = StringField(_l("数量"))
    account = StringField(
        _l("移転先の口座番号"), description=_l("取引先から聞いた口座番号を入力してください。例：AST-1234")
    )
    note = StringField(_l("メモ"), description=_l("ご自身の履歴にだけ残ります。100字まで"))
    voluntary = BooleanField(_l("必要量を超えて償却する"))
    key = HiddenField()
    late = HiddenField()  # of the confirmation: it said that the deadline is over


class ConfirmForm(MovementForm):
    """The same, proven with the password."""

    password = PasswordField(_l("パスワード"))


def _unit(form: MovementForm) -> int | None:
    chosen = str(form.unit.data or "")
    return int(chosen) if chosen.isascii() and chosen.isdigit() and len(chosen) < 16 else None


def unit_problem(form: MovementForm, *, needed: bool) -> Problem | None:
    """CHOICE_UNKNOWN if units were sent that there are not: nothing is guessed, another class would be moved.

    None sent are those of the account, which the next page names; not when it was named (``needed``).
    """
    unit = _unit(form)
    known = unit is not None and db_session().get(UnitClass, unit) is not None
    if known or (not form.unit.data and not needed):
        return None
    return Problem(Refusal.CHOICE_UNKNOWN, "unit")


def request_of(act: Act, form: MovementForm) -> allowances.Request:
    """What is asked for, still as text where it was typed."""
    return allowances.Request(
        kind=act.kind,
        quantity=str(form.quantity.data or ""),
        account=str(form.account.data or "") if act.kind is MovementKind.TRANSFER else "",
        unit_class_id=_unit(form),
        note=str(form.note.data or "").strip(),
        voluntary=bool(form.voluntary.data),
        late=bool(form.late.data),
    )
