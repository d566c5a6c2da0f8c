"""A demonstration's clock: shown and set. In any other installation this page does not exist."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

from flask import abort, flash, redirect, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import DateField, Form, TimeField
from wtforms.validators import InputRequired, ValidationError

from portal import clock
from portal.admin.acts import status, submitted
from portal.admin.door import SecretariatPage, page
from portal.admin.forms import AdminForm
from portal.extensions import db_session
from portal.permissions import Permission
from portal.services import boards, installation, jobs
from portal.services.report_rules import rule_of
from portal.web import actor
from portal.web_text import moment

#: the years a demonstration may visit
EARLIEST, LATEST = date(2000, 1, 1), date(2099, 12, 31)


class ClockForm(AdminForm):
    """A day and a time of day in Tokyo."""

    day = DateField(_l("日付"), validators=[InputRequired(_l("日付を入力してください。"))])
    time = TimeField(_l("時刻"), validators=[InputRequired(_l("時刻を入力してください。"))])

    def validate_day(self, field: DateField) -> None:
        if field.data is not None and not EARLIEST <= field.data <= LATEST:
            raise ValidationError(_("2000年から2099年までの日付を入力してください。"))


def _milestones() -> list[tuple[Any, datetime]]:
    """The moments of the present phase worth visiting, in order."""
    phase = boards.present_phase(db_session(), boards.phases(db_session()))
    if phase is None:
        return []
    rule, office_opens = rule_of(phase), time(9, 0)
    days = [
        (_("基準年度の報告書の期限"), rule.base_report_due),
        (_("排出枠の発行が始まる日"), rule.issue_from),
        (_("削減目標年度の報告書の期限"), rule.target_report_due),
        (_("償却期限"), rule.retirement_deadline),
        (_("バンキングの受付が始まる日"), rule.banking_from),
        (_("バンキングの受付の最後の日"), rule.banking_until),
        (_("調整・自主削減年度の報告書の受付が始まる日"), rule.adjustment_report_from),
        (_("調整・自主削減年度の報告書の期限"), rule.adjustment_report_due),
    ]
    found = [(name, clock.at_tokyo(day, office_opens)) for name, day in days]
    night = clock.at_tokyo(rule.retirement_deadline + timedelta(days=1), jobs.NIGHT)
    found.append((_("償却期限の記録が確定する夜（夜間の処理のあと）"), night + timedelta(minutes=5)))
    return sorted(found, key=lambda one: one[1])


def _asked() -> datetime:
    """The moment the form opens with: one of the days worth visiting, if the address names it, or now."""
    try:
        return clock.in_tokyo(datetime.fromisoformat(request.args.get("at", "")).replace(tzinfo=clock.TOKYO))
    except ValueError:
        return clock.in_tokyo(clock.now())


class DemoClock(SecretariatPage):
    """システムの時計."""

    permission_view = Permission.TARGET_PROPOSE

    @page("/", Permission.TARGET_PROPOSE, methods=("GET", "POST"))
    def index(self) -> Any:
        if not installation.is_demonstration():
            abort(404)
        local = _asked()
        form: Form = ClockForm(data={"day": local.date(), "time": local.time().replace(second=0)})

        def work() -> bool:
            when = clock.at_tokyo(form["day"].data, form["time"].data)
            installation.set_demo_clock(db_session(), when, actor=actor())
            return True

        if submitted(form, work):
            when = clock.at_tokyo(form["day"].data, form["time"].data)
            flash(_("システムの時計を%(when)sにしました。", when=moment(when)), "good")
            return redirect(self.get_url(".index"))
        html = self.render(
            "admin/demo_clock/index.html",
            form=form,
            now=clock.now(),
            milestones=[
                (name, moment(at), self.get_url(".index", at=f"{clock.in_tokyo(at):%Y-%m-%dT%H:%M}"))
                for name, at in _milestones()
            ],
        )
        return html, status()


def views() -> list[Any]:
    return [DemoClock(name=_l("システムの時計"), endpoint="demo_clock", url="/admin/demo-clock")]
