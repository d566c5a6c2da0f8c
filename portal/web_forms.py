"""The base of the pages' forms: Flask-WTF's token, and signatures a type checker can read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask_wtf import FlaskForm
from wtforms import Field, HiddenField

from portal.errors import Problem, Refusal
from portal.services.once import is_shaped, new_key
from portal.web_text import locale_name


class PageForm(FlaskForm):
    """A form of a page; what is wrong beyond its shape the services say."""

    if TYPE_CHECKING:  # Flask-WTF is untyped

        def __init__(self, formdata: Any = ..., *, obj: Any = None, **values: Any) -> None: ...

        def validate_on_submit(self, extra_validators: Any = None) -> bool: ...


class KeyField(HiddenField):
    """The identity of what a form makes: fresh for a page, refused if no page of the portal carried it.

    A column that must be unique takes no text that its reader chose. The page comes back with a fresh one.
    """

    def __init__(self, **given: Any) -> None:
        given.setdefault("default", new_key)
        super().__init__(**given)  # type: ignore[no-untyped-call]

    def validate(self, form: Any, extra_validators: Any = ()) -> bool:
        """Whether the key is one of the portal's; nobody looks for a reason at a field that is hidden."""
        if is_shaped(self.data):
            above: Any = super()  # WTForms is untyped
            return bool(above.validate(form, extra_validators))
        form.form_errors.append(Problem(Refusal.KEY_SHAPE).text(locale_name()))
        self.data = new_key()
        return False


def said_at(problem: Problem, field: Field, locale: str) -> str:
    """The sentence of ``problem`` beside ``field``: what is missing is chosen there, or typed."""
    chosen = hasattr(field, "iter_choices")
    if problem.refusal is Refusal.REQUIRED and chosen:
        return Problem(Refusal.CHOICE_NEEDED).text(locale)
    return problem.text(locale)
