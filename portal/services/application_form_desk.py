"""The registration application form without a web server: blanks out, filled ones in (domain §3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.errors import NotFound
from portal.models import ParticipantKind, Phase, PhaseRule
from portal.services.application_judge import judge
from portal.services.form_desk import answer_problems
from portal.services.registration_data import json_of
from portal.services.spreadsheets.application_blank import build_application
from portal.services.spreadsheets.form_types import file_problem
from portal.services.spreadsheets.jail import read_application_jailed
from portal.services.spreadsheets.layouts import application as form
from portal.settings import Settings


@dataclass(frozen=True)
class FormPhase:
    """A phase that one can apply for: its number, the fiscal year of adoption, the last day."""

    number: int
    adopted: int
    due: date


def form_phases(session: Session, number: int | None = None) -> list[FormPhase]:
    """Every phase (or that of ``number``) with its last day for applications, the newest first; one query."""
    query = (
        select(Phase.number, Phase.installation_year, PhaseRule.application_due)
        .join(PhaseRule, PhaseRule.phase_id == Phase.id)
        .where(PhaseRule.superseded_at.is_(None))
        .order_by(Phase.number.desc())
    )
    if number is not None:
        query = query.where(Phase.number == number)
    return [FormPhase(*row) for row in session.execute(query)]


def blank(
    session: Session, kind: ParticipantKind, phase: int | None = None, *, locale: str = "ja"
) -> tuple[str, bytes]:
    """(file name, bytes) of the blank form of ``kind``; a holder's is that of ``phase``.

    Without a phase a holder gets that of the newest one. Raises ``NotFound`` for a phase that is not there.
    """
    if kind is not ParticipantKind.HOLDER:
        return _file_name(kind, None, locale), build_application(kind.value, locale=locale)
    found = next(iter(form_phases(session, phase)), None)
    if found is None:
        raise NotFound
    data = build_application(kind.value, found.number, found.adopted, locale)
    return _file_name(kind, found.number, locale), data


def _file_name(kind: ParticipantKind, phase: int | None, locale: str) -> str:
    if locale == "en":
        return f"registration_application_{kind.value}{f'_phase{phase}' if phase else ''}.xlsx"
    of_phase = f"第{phase}期_" if phase else ""
    return f"ASSETシステム登録申請書_{of_phase}{form.KIND_NAMES[kind.value][0]}用.xlsx"


def read(session: Session, data: bytes, *, settings: Settings, locale: str = "ja") -> dict[str, Any]:
    """What a filled form says, as the JSON contract of ``portal form application-read`` has it.

    ``{"ok": true, "kind", "phase", "data"}``, or ``{"ok": false, "problems": […]}``.
    """
    if len(data) > settings.form_limit_mb * 1024 * 1024:
        return answer_problems([file_problem("too_large", f"{len(data):,} bytes")], locale)
    reading = read_application_jailed(
        data, seconds=settings.reader_seconds, memory_mb=settings.reader_memory_mb
    )
    if reading.kind is None:
        return answer_problems(reading.problems, locale)
    judged = judge(session, reading)
    if judged.problems:
        return answer_problems(judged.problems, locale)
    items: Mapping[str, Any] = json_of(judged.data)
    left_out = ("kind", "phase_id", "received_on", "seal_received", "consent_received", "note")
    return {
        "ok": True,
        "kind": judged.kind.value,
        "phase": reading.phase,
        "data": {name: value for name, value in items.items() if name not in left_out},
    }
