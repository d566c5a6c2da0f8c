"""Forms of the secretariat's screens: CSRF on every one of them, refusals at the field they belong to."""

from __future__ import annotations

from typing import Any

from flask_admin.form import BaseForm
from flask_wtf import FlaskForm
from wtforms import Form, IntegerField
from wtforms.validators import InputRequired
from wtforms.widgets import HiddenInput

from portal.errors import PortalError
from portal.web_forms import said_at
from portal.web_text import locale_name


class AdminForm(FlaskForm, BaseForm):  # type: ignore[misc]
    """The base of every form Flask-Admin builds: with Flask-WTF's token."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[no-untyped-call]


class VersionField(IntegerField):
    """The version the page showed, so that the slower of two clerks is told (architecture, habit 6)."""

    widget: Any = HiddenInput()

    def __init__(self, **kwargs: Any) -> None:
        # required: without it the row's current version would stand in, and nobody would be told
        kwargs.setdefault("validators", [InputRequired()])
        super().__init__(**kwargs)  # type: ignore[no-untyped-call]


def show_problems(form: Form, error: PortalError) -> None:
    """Write every problem of ``error`` to the form field it names, or to the form as a whole.

    The texts come in the reader's language. Nothing typed is touched.
    """
    locale = locale_name()
    for problem in error.problems:
        field = form[problem.field] if problem.field and problem.field in form else None
        if field is None:
            form.form_errors.append(problem.text(locale))
        else:
            field.errors = [*field.errors, said_at(problem, field, locale)]
