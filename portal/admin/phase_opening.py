"""Opening a phase: its number, its fiscal years and its first dates (domain §1, §6).

The form comes filled in with the calendar of the phase before, moved on by a year; without one
with that of the briefing's second phase moved to the year asked for.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import Session
from wtforms import IntegerField
from wtforms.validators import InputRequired

from portal import clock
from portal.admin.phase_rules import RULE_WORDS, YEAR_WORDS, RuleForm, field_of
from portal.models import Phase
from portal.services import phases

_NUMBER = _l("数字を入力してください。")


def _year(words: Any) -> Any:
    return IntegerField(words, validators=[InputRequired(_NUMBER)])


class OpeningForm(RuleForm):
    """Everything a phase begins with."""

    number = IntegerField(_l("期の番号"), validators=[InputRequired(_NUMBER)])

    def years(self) -> phases.PhaseYears:
        return phases.PhaseYears(**{name: self[name].data for name in YEAR_WORDS})


NewPhaseForm: type[OpeningForm] = type(
    "NewPhaseForm",
    (OpeningForm,),
    {
        **{name: _year(words) for name, words in YEAR_WORDS.items()},
        **{name: field_of(name) for name in RULE_WORDS},
    },
)


def _moved(day: date) -> date:
    """The same day a year later; 29 February becomes the 28th."""
    try:
        return day.replace(year=day.year + 1)
    except ValueError:
        return day.replace(year=day.year + 1, day=28)


def suggestion(session: Session) -> dict[str, Any]:
    """What the form is filled in with: the newest phase, a year on."""
    newest = session.scalars(select(Phase).order_by(Phase.number.desc()).limit(1)).one_or_none()
    if newest is None:
        years, first = phases.calendar_of(clock.fiscal_year(clock.today()))
        return {"number": 1, **asdict(years), **asdict(first)}
    dates = asdict(phases.dates_of(phases.rule_in_force(session, newest)))
    return {
        "number": newest.number + 1,
        **{name: getattr(newest, name) + 1 for name in YEAR_WORDS},
        **{name: _moved(value) if isinstance(value, date) else value for name, value in dates.items()},
        # how much a phase may have is decided for each anew
        "issue_cap": None,
    }
