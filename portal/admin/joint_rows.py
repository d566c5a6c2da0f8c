"""The rows for joint companies of a form, and the order in which its page shows the fields.

Shared by the application's form and the paper's of a change: the same rows, the same place for them,
the same address for a reason that the service gives (``joint_companies-3-kana``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from flask import request
from flask_babel import lazy_gettext as _l
from wtforms import StringField

from portal import web_refill
from portal.admin.forms import AdminForm

MOST_ROWS = 60
_JOINT = re.compile(r"joint_companies-([0-9]{1,3})-(?:name|kana)")
#: the parts of a page: (heading, names of fields)
Sections = tuple[tuple[Any, tuple[str, ...]], ...]


def row_count(names: Iterable[str]) -> int:
    """How many rows the fields of these names need: one more than the highest place."""
    return max((int(found[1]) + 1 for name in names if (found := _JOINT.fullmatch(name))), default=0)


def rows_wanted(at_least: int, more: int) -> int:
    """How many rows the page shows: those the form sent, and ``more`` of them if its button asked.

    Rows that a form brought back after its login ended are shown again too.
    """
    return max(at_least, row_count([*request.form, *web_refill.shown()])) + (
        more if "more_rows" in request.form else 0
    )


def row_fields(rows: int) -> dict[str, Any]:
    """The fields of so many rows, as attributes of a form class."""
    items: dict[str, Any] = {}
    for place in range(min(rows, MOST_ROWS)):
        items[f"joint_companies-{place}-name"] = StringField(_l("法人名"))
        items[f"joint_companies-{place}-kana"] = StringField(_l("ふりがな"))
    return items


def row_values(companies: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The companies as the values of their rows."""
    values: dict[str, str] = {}
    for place, (name, kana) in enumerate(companies):
        values[f"joint_companies-{place}-name"] = name
        values[f"joint_companies-{place}-kana"] = kana
    return values


class JointRowsForm(AdminForm):
    """A form with rows for joint companies. A subject says its :meth:`parts`."""

    def parts(self) -> Sections:
        """The parts of the page, with the names of fields that a kind's form may lack."""
        raise NotImplementedError(f"{type(self).__name__}.parts")

    def joint_rows(self) -> list[tuple[Any, Any]]:
        """The rows for joint companies, as pairs of fields, in their order."""
        fields: Mapping[str, Any] = self._fields
        places = sorted({int(found[1]) for name in fields if (found := _JOINT.fullmatch(name))})
        return [(self[f"joint_companies-{n}-name"], self[f"joint_companies-{n}-kana"]) for n in places]

    def sections(self) -> list[tuple[Any, list[Any]]]:
        """The parts of the page with the fields that this kind's form has."""
        found = [
            (head, [self[name] for name in names if name in self._fields]) for head, names in self.parts()
        ]
        return [(head, some) for head, some in found if some]

    def in_order(self) -> list[Any]:
        """All fields as the page shows them; the rows of joint companies end the second part."""
        parts = [some for _head, some in self.sections()]
        rows = [field for pair in self.joint_rows() for field in pair]
        shown = [field for some in (*parts[:2], rows, *parts[2:]) for field in some]
        return shown + [field for field in self if all(field is not one for one in shown)]
