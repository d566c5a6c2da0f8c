"""Units of a holder's own phase that are left over when its banking window is open: what login A is told."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from flask import url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from portal.models import BankingApplication, Holder, PhaseRule
from portal.participant.report_standing import Due, Standing, left_words
from portal.services import banking
from portal.services.compliance import Compliance, Figures
from portal.services.positions import Position
from portal.web_text import day, label, number, tone


@dataclass(frozen=True)
class Leftover:
    """What may be carried over (whole units), in which days, and the application that waits for it."""

    quantity: int
    #: the same before anything was promised: what waits may be promised already, or not yet
    free: int
    opens: date
    until: date
    waits: BankingApplication | None
    has_next: bool

    def unasked(self, today: date) -> int:
        """What may be carried over and was left out of the application that waits."""
        if self.waits is None or not self.opens <= today <= self.until:
            return 0
        return max(0, min(self.quantity, self.free - self.waits.quantity))

    def may_apply(self, today: date) -> bool:
        """Whether there is something to apply for, and nothing in the way."""
        inside = self.opens <= today <= self.until
        return inside and self.has_next and self.waits is None and self.quantity > 0


def leftover_of(session: Session, holder: Holder, rule: PhaseRule, own: Position | None) -> Leftover:
    """Of the holder's own JAA; two queries."""
    return Leftover(
        own.movable if own is not None else 0,
        own.held - (own.reserve or 0) if own is not None else 0,
        rule.banking_from,
        rule.banking_until,
        banking.open_application(session, holder.id),
        banking.window_of(session, holder.phase).next_phase is not None,
    )


def due_of(left: Leftover, today: date) -> list[Due]:
    """The banking's line among the procedures with a term; none once the window is over."""
    if today > left.until:
        return []
    words = left_words(left.opens, left.until, today)
    name = _("バンキング申請")
    if left.waits is not None:
        url = url_for("participant.banking_show", application_id=left.waits.id)
        waits = label(left.waits.state), tone(left.waits.state)
        return [Due(name, left.opens, left.until, "—", *waits, url, _("申請を見る"))]
    early = today < left.opens
    state, look = (_("受付前"), "off") if early else (_("受付中"), "go")
    url, link = "", ""
    if left.may_apply(today):
        url, link = url_for("participant.banking_apply"), _("申請する")
    return [Due(name, left.opens, left.until, words, state, look, url, link)]


def with_leftover(
    standing: Standing, left: Leftover, figures: Figures, state: Compliance, today: date
) -> Standing:
    """The head of the home page with what is left over, once nothing is to retire any more."""
    if figures.missing != 0 or state not in (Compliance.MET, Compliance.MISSED):
        return standing
    if left.waits is not None:
        return _with_application(standing, left, state, today)
    if not left.may_apply(today):
        return standing
    head = standing.head
    if state is Compliance.MET:
        head = _("目標を達成しました。残りの%(n)s JAAは、まだ使えます", n=number(left.quantity))
    more = _(
        "残りの%(n)s JAAは、%(day)sまでにバンキングを申請しないと、使えなくなります。",
        n=number(left.quantity),
        day=day(left.until),
    )
    button = (_("バンキングを申請する"), url_for("participant.banking_apply"))
    return replace(standing, head=head, text=(*standing.text, more), buttons=(button, *standing.buttons))


def _with_application(standing: Standing, left: Leftover, state: Compliance, today: date) -> Standing:
    """The same while an application waits: it, and what it left out, which nobody else will name."""
    assert left.waits is not None
    head, rest = standing.head, left.unasked(today)
    more = [_("バンキングを申請した%(n)s JAAは、事務局の決定を待っています。", n=number(left.waits.quantity))]
    if rest:
        more.append(
            _(
                "申請していない%(n)s JAAは、%(day)sを過ぎると使えなくなります。",
                n=number(rest),
                day=day(left.until),
            )
        )
    if rest and state is Compliance.MET:
        head = _("目標を達成しました。残りの%(n)s JAAは、まだ使えます", n=number(rest))
    return replace(standing, head=head, text=(*standing.text, *more))
