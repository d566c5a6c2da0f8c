"""The base of the pages' forms: Flask-WTF's token, and signatures a type checker can read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask_wtf import FlaskForm
from wtforms import Field

from portal.errors import Problem, Refusal


class PageForm(FlaskForm):
    """A form of a page; what is wrong beyond its shape the services say."""

    if TYPE_CHECKING:  # Flask-WTF is untyped

        def __init__(self, formdata: Any = ..., *, obj: Any = None, **values: Any) -> None: ...

        def validate_on_submit(self, extra_validators: Any = None) -> bool: ...


def said_at(problem: Problem, field: Field, locale: str) -> str:
    """The sentence of ``problem`` beside ``field``: what is missing is chosen there, or typed."""
    chosen = hasattr(field, "iter_choices")
    if problem.refusal is Refusal.REQUIRED and chosen:
        return Problem(Refusal.CHOICE_NEEDED).text(locale)
    return problem.text(locale)
