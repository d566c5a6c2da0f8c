"""How lateness is written: why a report is on the list of the late, its day, how many days are left."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup

from portal.services.report_deadlines import LATE, Concern, Standing
from portal.web_text import day, days

CONCERNS: dict[Concern, Any] = {
    Concern.OVERDUE: _l("期限を過ぎて未提出"),
    Concern.APPROVAL_LATE: _l("必要な日を過ぎて未承認"),
    Concern.VERIFICATION_LATE: _l("提出期限を過ぎて検証中"),
    Concern.DUE_SOON: _l("未提出で期限が近い"),
    Concern.APPROVAL_SOON: _l("未承認で必要な日が近い"),
}


def concern_badge(concern: Concern) -> Markup:
    """Late is red, what may become so is yellow; the word says it too."""
    tone = "bad" if concern in LATE else "warn"
    return Markup('<span class="as-badge as-badge--{}">{}</span>').format(tone, CONCERNS[concern])


def days_left(standing: Standing) -> str:
    """あと12日, 今日まで, 3日超過; nothing where no day counts any more."""
    left = standing.days_left
    if left is None:
        return ""
    if left < 0:
        return _("%(days)s超過", days=days(-left))
    return _("あと%(days)s", days=days(left)) if left else _("今日まで")


def day_line(standing: Standing) -> Markup:
    """2015年6月30日（火）まで　107日超過."""
    if standing.day is None:
        return Markup("")
    return Markup('<span class="as-nb">{}</span>　<span class="as-nb">{}</span>').format(
        _("%(day)sまで", day=day(standing.day)), days_left(standing)
    )
