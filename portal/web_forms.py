"""The base of the pages' forms: Flask-WTF's token, and signatures a type checker can read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask_wtf import FlaskForm


class PageForm(FlaskForm):
    """A form of a page; what is wrong beyond its shape the services say."""

    if TYPE_CHECKING:  # Flask-WTF is untyped

        def __init__(self, formdata: Any = ..., *, obj: Any = None, **values: Any) -> None: ...

        def validate_on_submit(self, extra_validators: Any = None) -> bool: ...
