"""What the reader of application forms answers: plain values that travel as JSON, no workbook."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from portal.services.spreadsheets.form_types import Note, Problem
from portal.services.spreadsheets.layouts import application as form
from portal.services.spreadsheets.layouts.application import Kind


@dataclass(frozen=True)
class ApplicationReading:
    """What an application form says. ``kind`` is there when it is a form of ours whose cells can be trusted.

    ``values`` are the texts as written by field of the application (``joint_companies-0-name`` for the
    rows of joint companies), choices by their value; blank cells have none. ``problems`` are those of
    the file and its cells, not yet those of what was written.
    """

    problems: tuple[Problem, ...] = ()
    notes: tuple[Note, ...] = ()
    kind: Kind | None = None
    phase: int | None = None
    values: dict[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The reading as values that JSON can hold."""
        return {
            "problems": [vars(problem) for problem in self.problems],
            "notes": [vars(note) for note in self.notes],
            "kind": self.kind,
            "phase": self.phase,
            "values": self.values,
        }

    def to_json(self) -> str:
        """The reading as JSON text; :meth:`from_json` gives an equal reading back."""
        return json.dumps(self.as_dict(), ensure_ascii=False)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ApplicationReading:
        """The reading :meth:`as_dict` was made from. Raises ``KeyError``, ``TypeError``, ``ValueError``."""
        if values["kind"] is not None and values["kind"] not in form.KIND_NAMES:
            raise ValueError(values["kind"])
        return cls(
            problems=tuple(Problem(**problem) for problem in values["problems"]),
            notes=tuple(Note(**note) for note in values["notes"]),
            kind=values["kind"],
            phase=values["phase"],
            values={str(name): str(value) for name, value in values["values"].items()},
        )

    @classmethod
    def from_json(cls, text: str) -> ApplicationReading:
        """The reading that ``text`` holds. Raises ``ValueError``, ``KeyError`` or ``TypeError``."""
        return cls.from_dict(json.loads(text))


def refused(*problems: Problem) -> ApplicationReading:
    """A reading of a file that is no form of ours, or cannot be opened."""
    return ApplicationReading(problems=problems)


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Problems from top to bottom and left to right, as one goes through the form."""

    def place(problem: Problem) -> tuple[int, str]:
        found = re.match(r"([A-Z]+)([0-9]+)", problem.cell)
        return (int(found[2]), found[1]) if found else (0, "")

    return tuple(sorted(problems, key=place))
