"""What was read from an application form, judged by the rules that typing has too (domain §3).

Each refusal of the typed form finds its cell again, with what stands in it and what belongs there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import clock, errors
from portal.errors import Refusal
from portal.models import ParticipantKind, Participation, Phase, SiteKind
from portal.services.registration_data import CODES, ApplicationData, form_problems, normalised, tidy
from portal.services.spreadsheets.application_reading import ApplicationReading, in_order
from portal.services.spreadsheets.cells import shown
from portal.services.spreadsheets.form_types import Note, Problem
from portal.services.spreadsheets.layouts import application as form

_PHONES = "03-1234-5678"
_MAILS = "name@example.jp"
#: refusal of the typed form → (code, what belongs there)
_CODES: dict[Refusal, tuple[str, str]] = {
    Refusal.KANA_NOT_HIRAGANA: ("kana_wrong", "ひらがな"),
    Refusal.POSTAL_CODE_FORM: ("postal_wrong", "123-4567"),
    Refusal.TELEPHONE_FORM: ("phone_wrong", _PHONES),
    Refusal.MAIL_FORM: ("mail_wrong", _MAILS),
    Refusal.GLYPH_MISSING: ("glyph_missing", "印刷できる文字"),
    Refusal.CONTACT_ELSEWHERE: ("contact_elsewhere", "代表事業者または共同事業者の法人名"),
    Refusal.JOINT_KANA_NEEDED: ("joint_incomplete", "法人名（ひらがな）"),
    Refusal.PHASE_NEEDED: ("phase_unknown", "登録されている期"),
}
_CHOICES: dict[str, Callable[[str], Any]] = {
    "disclosure_consent": lambda value: value == "True",
    "other_scheme": lambda value: value == "True",
    "site_kind": SiteKind,
    "participation": Participation,
}


@dataclass(frozen=True)
class Judged:
    """A form of ours with everything that is wrong in it, and what could be read all the same.

    ``values`` are the fields of the page for typing (``joint_companies-0-name`` for the rows), tidied;
    ``at_field`` says which problem belongs to which of them.
    """

    kind: ParticipantKind
    data: ApplicationData
    problems: tuple[Problem, ...]
    notes: tuple[Note, ...]
    values: dict[str, Any] = field(default_factory=dict)
    at_field: tuple[tuple[str, Problem], ...] = ()

    @property
    def ok(self) -> bool:
        return not self.problems


def judge(session: Session, reading: ApplicationReading) -> Judged:
    """Judge what a form of ours says. Raises ``ValueError`` for a reading without a kind."""
    if reading.kind is None:
        raise ValueError("the file is no application form")
    kind = ParticipantKind(reading.kind)
    cells = form.layout(reading.kind).cells
    rows = _joint_rows(reading.values)
    data = normalised(_data(session, kind, reading, rows))
    places = {_typed_field(name, rows): cell for name, cell in cells.items()}
    at_field = [(name, problem) for problem in reading.problems for name in _fields_at(problem, places)]
    taken = {problem.cell for problem in reading.problems}
    problems = list(reading.problems)
    for one in form_problems(data):
        cell = places.get(one.field or "", "")
        if cell and cell in taken:
            continue
        found = _problem(reading, one, cell)
        problems.append(found)
        at_field.append((one.field or "", found))
    values = _values(reading, data)
    notes = (*_rewritten(reading, data, cells), *reading.notes)
    return Judged(kind, data, in_order(problems), notes, values, tuple(at_field))


def _joint_rows(values: dict[str, str]) -> list[int]:
    """The rows of joint companies that hold something; the page for typing leaves no gap between them."""
    return [
        number
        for number in range(form.JOINT_ROWS)
        if any(tidy(values.get(f"joint_companies-{number}-{part}")) for part in ("name", "kana"))
    ]


def _typed_field(name: str, rows: list[int]) -> str:
    """The field of the page for typing that a field of the form goes to."""
    parts = name.split("-")
    if parts[0] != "joint_companies":
        return name
    number = int(parts[1])
    return f"joint_companies-{rows.index(number)}-{parts[2]}" if number in rows else ""


def _fields_at(problem: Problem, places: dict[str, str]) -> list[str]:
    return [name for name, cell in places.items() if name and cell == problem.cell]


def _data(
    session: Session, kind: ParticipantKind, reading: ApplicationReading, rows: list[int]
) -> ApplicationData:
    values: dict[str, Any] = {}
    for name, text in reading.values.items():
        if not name.startswith("joint_companies-"):
            values[name] = _CHOICES[name](text) if name in _CHOICES else text
    said = reading.values
    joint = tuple(
        (said.get(f"joint_companies-{n}-name", ""), said.get(f"joint_companies-{n}-kana", "")) for n in rows
    )
    phase_id = None
    if reading.phase is not None:
        phase_id = session.scalar(select(Phase.id).where(Phase.number == reading.phase))
    return ApplicationData(
        kind=kind, received_on=clock.today(), joint_companies=joint, phase_id=phase_id, **values
    )


def _problem(reading: ApplicationReading, one: errors.Problem, cell: str) -> Problem:
    assert reading.kind is not None
    name = one.field or ""
    raw = next((n for n, at in form.layout(reading.kind).cells.items() if at == cell), name)
    found = shown(reading.values.get(raw))
    if one.refusal is Refusal.PHASE_NEEDED:
        found = form.phase_cell(reading.phase)
    item = form.item_of(reading.kind, name)
    if one.refusal is Refusal.REQUIRED:
        code, expected = "item_blank", item.label[0] if item else "正しい内容"
    elif one.refusal is Refusal.TOO_LONG:
        code, expected = "text_too_long", f"{one.figures['limit']}字以内"
    else:
        code, expected = _CODES.get(one.refusal, ("item_wrong", "正しい内容"))
    if code == "joint_incomplete" and name.endswith("-name"):
        expected = "法人名"
    return Problem(form.SHEET, cell, found, expected, code, str(one.figures.get("found", "")))


def _values(reading: ApplicationReading, data: ApplicationData) -> dict[str, Any]:
    """The page's fields with what was read: what could not be read stays empty."""
    values: dict[str, Any] = {
        name: getattr(data, name) for name in reading.values if not name.startswith("joint_companies-")
    }
    for place, (name, kana) in enumerate(data.joint_companies):
        values[f"joint_companies-{place}-name"] = name
        values[f"joint_companies-{place}-kana"] = kana
    if data.phase_id is not None:
        values["phase_id"] = data.phase_id
    return values


def _rewritten(reading: ApplicationReading, data: ApplicationData, cells: dict[str, str]) -> list[Note]:
    """Codes that were written in other signs than they are kept in."""
    notes = []
    for name in CODES:
        raw, kept = reading.values.get(name), getattr(data, name)
        if raw is not None and kept and kept != raw:
            notes.append(Note(form.SHEET, cells[name], shown(raw), kept, "read_as_written"))
    return notes
