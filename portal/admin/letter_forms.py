"""What is asked about letters: a day, a reason, which of many."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import DateField, HiddenField, TextAreaField
from wtforms.validators import InputRequired

from portal.admin.acts import DayForm, Needed, ReasonForm
from portal.admin.forms import AdminForm
from portal.web_forms import KeyField


class VoidForm(ReasonForm):
    """Why a letter is not sent."""

    reason = TextAreaField(_l("理由"), validators=[Needed()], description=_l("この通知書の記録に残ります。"))


class TogetherForm(AdminForm):
    """The day many letters were posted; ``chosen`` says which, and what of them the page showed."""

    posted_on = DateField(_l("日付"), validators=[InputRequired(_l("日付を入力してください。"))])
    key = KeyField()
    chosen = HiddenField()


def day_form(field: str, data: dict[str, Any]) -> Any:
    """A form whose day has the name by which the service refuses it."""
    return type("DayForm", (DayForm,), {"day": None, field: DayForm.day})(data=data)
