"""A row of an import's workbook as the record it will become, judged by the rules of the desk.

Nothing here asks the database; what needs it is judged for all rows together (``import_checks``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from typing import Any

from portal import clock
from portal.errors import Problem, Refusal, Refused
from portal.models import ParticipantKind, Participation, SiteKind
from portal.services.numbers import parse_account, parse_quantity
from portal.services.registration_data import (
    ApplicationData,
    form_problems,
    json_of,
    normalised,
    tidy,
    tidy_code,
)
from portal.services.spreadsheets.cells import shown
from portal.services.spreadsheets.import_table import Row
from portal.services.spreadsheets.import_words import Finding, refused
from portal.services.spreadsheets.layouts import imports as layout

#: what a text column is stored in; longer texts are refused, and their beginning is shown
_YES_NO = ("seal_received", "consent_received", "disclosure_consent", "other_scheme")
_LABEL = 400


@dataclass
class Judged:
    """One row: what it will become, what is wrong with it, what it looks like."""

    row: Row
    #: field → letters of its column
    columns: Mapping[str, str]
    label: str
    values: dict[str, Any]
    findings: list[Finding] = field(default_factory=list)
    similar: list[dict[str, Any]] = field(default_factory=list)
    data: ApplicationData | None = None
    account: int | None = None
    quantity: int | None = None

    @property
    def place(self) -> dict[str, Any]:
        """Where the row stands, as other rows' findings name it."""
        return {"other_sheet": self.row.sheet, "other_row": self.row.number}

    def in_order(self) -> list[Finding]:
        """What is wrong, from the first column to the last."""
        return sorted(self.findings, key=lambda one: (len(one.cell), one.cell))

    def wrong(self, finding: Finding, name: str) -> None:
        """Add a finding at the cell of field ``name``."""
        self.findings.append(_placed(finding, self.row, self.columns, name))


def _placed(finding: Finding, row: Row, columns: Mapping[str, str], name: str) -> Finding:
    letters = columns.get(name, "")
    label = next((one.label for one in _columns(row.sheet) if one.field == name), ("", ""))
    found = finding.found or shown(row.values.get(name))
    return Finding(
        finding.code,
        row.sheet,
        f"{letters}{row.number}" if letters else "",
        label,
        found,
        finding.expected,
        finding.figures,
    )


def _columns(sheet: str) -> tuple[layout.Column, ...]:
    both = (*layout.applications(), *layout.targets())
    return next((one.columns for one in both if one.sheet == sheet), ())


# ---- applications


def application(row: Row, columns: Mapping[str, str], phases: Mapping[int, int]) -> Judged:
    """The registration application a row says; ``phases``: number of the phase → its id."""
    kind = ParticipantKind(layout.of_sheet("applications", row.sheet).kind)
    data, places, early = _data(row, kind, phases)
    label = "　".join(part for part in (data.company_name, data.site_name) if part)[:_LABEL]
    made = Judged(row, columns, label, json_of(data), list(row.findings), data=data)
    more = [
        (refused(problem), places.get(problem.field or "", problem.field or ""))
        for problem in form_problems(data)
    ]
    for findings in (early, more):
        # what could not be read is said already, and is not missing too
        unread = {one.cell for one in made.findings}
        for finding, name in findings:
            if f"{columns.get(name, '')}{row.number}" not in unread:
                made.wrong(finding, name)
    return made


def _data(
    row: Row, kind: ParticipantKind, phases: Mapping[int, int]
) -> tuple[ApplicationData, dict[str, str], list[tuple[Finding, str]]]:
    """(what the row says, problem's field → column's field, what it says wrongly by itself)."""
    said, early = dict(row.values), []
    values: dict[str, Any] = {"kind": kind}
    names = {one.name for one in fields(ApplicationData)}
    values |= {name: text for name, text in said.items() if name in names}
    for name in _YES_NO:
        values[name] = {"yes": True, "no": False}.get(said.get(name, ""))
    for name in ("seal_received", "consent_received"):
        values[name] = bool(values[name])
    if values["disclosure_consent"] is None:
        values["disclosure_consent"] = False
        if kind is not ParticipantKind.VERIFIER:
            early.append((refused(Problem(Refusal.REQUIRED)), "disclosure_consent"))
    values["site_kind"] = SiteKind(said["site_kind"]) if "site_kind" in said else None
    values["participation"] = Participation(said["participation"]) if "participation" in said else None
    if "received_on" not in said:
        early.append((refused(Problem(Refusal.REQUIRED)), "received_on"))
    day = said.get("received_on")
    values["received_on"] = date.fromisoformat(day) if day else clock.today()
    if kind is ParticipantKind.HOLDER:
        values["phase_id"] = _phase(said.get("phase", ""), phases, early)
    pairs, places = _joint(said)
    values["joint_companies"] = pairs
    return normalised(ApplicationData(**values)), {**places, "phase_id": "phase"}, early


def _phase(text: str, phases: Mapping[int, int], early: list[tuple[Finding, str]]) -> int | None:
    plain = tidy_code(text).removeprefix("第").removesuffix("期")
    number = int(plain) if plain.isascii() and plain.isdigit() and len(plain) < 6 else None
    if text and number not in phases:
        offered = "、".join(f"第{n}期" for n in sorted(phases))
        early.append((Finding("phase_unknown", expected=offered), "phase"))
    return phases.get(number) if number is not None else None


def _joint(said: Mapping[str, str]) -> tuple[tuple[tuple[str, str], ...], dict[str, str]]:
    """The joint companies that are named, and in which columns each stands."""
    pairs: list[tuple[str, str]] = []
    places: dict[str, str] = {}
    for n in range(layout.MOST_JOINT):
        pair = tuple(said.get(f"joint_companies-{n}-{part}", "") for part in ("name", "kana"))
        if any(map(tidy, pair)):
            for part in ("name", "kana"):
                places[f"joint_companies-{len(pairs)}-{part}"] = f"joint_companies-{n}-{part}"
            pairs.append((pair[0], pair[1]))
    return tuple(pairs), places


# ---- reduction targets


def target(row: Row, columns: Mapping[str, str]) -> Judged:
    """The reduction target a row says: account number and quantity in t-CO2, the names to compare."""
    said = row.values
    names = {name: tidy(said.get(name)) for name in ("company_name", "site_name")}
    label = "　".join(part for part in (tidy(said.get("account")), *names.values()) if part)[:_LABEL]
    made = Judged(row, columns, label, dict(names), list(row.findings))
    unread = {one.cell for one in row.findings}

    def parsed(name: str, read: Any) -> int | None:
        try:
            return int(read(said.get(name), name))
        except Refused as problem:
            if f"{columns.get(name, '')}{row.number}" not in unread:
                made.wrong(refused(problem.problems[0]), name)
            return None

    made.account = parsed("account", parse_account)
    made.quantity = parsed("quantity", parse_quantity)
    made.values |= {"account": made.account, "quantity": made.quantity}
    return made
