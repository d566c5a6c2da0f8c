"""What a participant's page says of an act that was refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from flask import flash

from portal.errors import NotFound, PortalError, Problem
from portal.web import carry_out, done, texts
from portal.web_breaks import unbroken
from portal.web_forms import PageForm


def put(form: PageForm, problems: Iterable[Problem]) -> None:
    """Every reason at its field; what belongs to no field goes to the banner."""
    told = tuple(problems)
    for problem, text in zip(told, texts(told), strict=True):
        field = form._fields.get(problem.field) if problem.field else None
        if field is None:
            form.form_errors = [*form.form_errors, unbroken(text)]
        else:
            field.errors = [*field.errors, unbroken(text)]


def carry_out_or_say(work: Callable[[], object], sentence: str) -> None:
    """Carry ``work`` out and say ``sentence``, or say why not: the page that follows is the same.

    A row that is not there is no refusal.
    """
    try:
        carry_out(work)
    except NotFound:
        raise
    except PortalError as error:
        for text in texts(error.problems):
            flash(text, "warn")
        return
    done(sentence)
