"""Where a holder stands, in one sentence with the one next step (domain §5; words of the mockups)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from flask import url_for
from flask_babel import gettext as _

from portal.extensions import db_session
from portal.models import Account, AccountState, Holder, Period, PhaseRule, UnitType
from portal.participant.report_standing import (
    Due,
    Standing,
    left_words,
    report_deadlines,
    report_standing,
    send_back_news,
)
from portal.services.compliance import Compliance, Figures, days_left
from portal.services.positions import Position, Unusable, own_jaa
from portal.services.report_steps import revoked
from portal.web_text import day, fiscal, label, number, tone

_LOOKS = {
    Compliance.UNCONFIRMED: "",
    Compliance.SHORT: "short",
    Compliance.MET: "met",
    Compliance.MISSED: "missed",
    Compliance.NOT_OBLIGED: "",
}


@dataclass(frozen=True)
class Offer:
    """What a holder can retire now, by the rules of retiring: (unit class, units) of own JAA and of jVER.

    ``why``: the sentence that says why nothing can be, however much is held.
    """

    jaa: tuple[int, int] | None = None
    jver: tuple[int, int] | None = None
    why: str = ""

    @property
    def any(self) -> bool:
        return self.jaa is not None or self.jver is not None


def offer_of(account: Account, held: Sequence[Position]) -> Offer:
    """What of the positions of a holder's account it can retire now."""
    free = {one.unit_class.unit_type: (one.unit_class.id, one.retirable) for one in held if one.retirable}
    own = own_jaa(account, held)
    stuck = own is not None and own.why_not is not None and not free
    return Offer(free.get(UnitType.JAA), free.get(UnitType.JVER), _why(own) if stuck and own else "")


def _why(one: Position) -> str:
    if one.why_not is Unusable.PHASE_CLOSED:
        return _("期が%(day)sに締められたため、もう償却できません。", day=day(one.closed_at))
    if one.why_not is Unusable.WINDOW_OVER:
        return _("排出枠を使える期間が%(day)sで終わったため、もう償却できません。", day=day(one.until))
    if one.why_not is Unusable.BOOKS_DISAGREE:
        return _("台帳の照合で不一致が見つかったため、いまは償却できません。事務局が確認しています。")
    return _("口座が利用中でないため、いまは償却できません。")


def compliance_standing(
    holder: Holder, figures: Figures, state: Compliance, rule: PhaseRule, today: date, offer: Offer
) -> Standing:
    """Where login A stands with the target; while nothing is to retire yet, with the reports."""
    where: tuple[str, ...] = ()
    to_report: tuple[tuple[str, str], ...] = ()
    if state is Compliance.UNCONFIRMED:
        reports = report_standing(holder, rule, today)
        if reports.left is not None or reports.look in ("short", "missed"):
            return reports
        if reports.look == "":
            # the report is with its verifier or the office
            where, to_report = (_("%(what)s。", what=reports.head), *_taken_back(holder)), reports.buttons
    if state is Compliance.MET:
        # the target is met; a report may still be the reader's to hand in
        reports = report_standing(holder, rule, today)
        if reports.look in ("short", "missed"):
            return replace(reports, text=(_("目標は達成しています。"), *reports.text))
    if state is Compliance.NOT_OBLIGED and holder.account.state is not AccountState.CLOSED:
        # registered after the deadline; a report may be asked for all the same
        reports = report_standing(holder, rule, today)
        if reports.look in ("short", "missed"):
            return replace(reports, text=(*_not_obliged(holder, figures), *reports.text))
    if state is Compliance.MISSED and figures.missing is None:
        # nothing to retire is known yet; a report may be the reader's to hand in
        reports = report_standing(holder, rule, today)
        if reports.look in ("short", "missed"):
            return replace(reports, text=(_compliance_head(holder, figures, state), *reports.text))
    left = days_left(figures.deadline, today)
    buttons = list(to_report)
    if state in (Compliance.SHORT, Compliance.MISSED) and figures.missing:
        buttons += _retirements(figures.missing, offer)
    buttons.append((_("残高詳細を見る"), url_for("participant.balance")))
    return Standing(
        _LOOKS[state],
        _("目標の遵守状況"),
        label(state),
        tone(state),
        _compliance_head(holder, figures, state),
        (*where, *_compliance_text(holder, figures, state, offer), *send_back_news(holder)),
        tuple(buttons),
        figures.deadline if state in (Compliance.SHORT, Compliance.UNCONFIRMED) else None,
        left if state in (Compliance.SHORT, Compliance.UNCONFIRMED) else None,
    )


def _taken_back(holder: Holder) -> tuple[str, ...]:
    """What the end of an approval means to who was told already how much to retire."""
    target = next((one for one in holder.reports if one.period is Period.TARGET), None)
    if target is None or not revoked(db_session(), target):
        return ()
    return (_("承認が取り消されたため、償却が必要な量は未定に戻りました。"),)


def _retirements(missing: int, offer: Offer) -> list[tuple[str, str]]:
    """The next step, if the act would let it pass: as much of what is missing as can be retired now."""
    if offer.jaa is not None:
        can = min(missing, offer.jaa[1])
        return [(_("%(n)s JAAを償却する", n=number(can)), url_for("participant.retire", quantity=can))]
    if offer.jver is not None:
        unit, can = offer.jver[0], min(missing, offer.jver[1])
        url = url_for("participant.retire", quantity=can, unit=unit)
        return [(_("%(n)s jVERを償却する", n=number(can)), url)]
    return []


def _compliance_head(holder: Holder, figures: Figures, state: Compliance) -> str:
    year = fiscal(holder.phase.target_year)
    if state is Compliance.NOT_OBLIGED:
        return _("償却期限までに必要な手続きはありません")
    if state is Compliance.MET:
        return _("目標を達成しました。必要な手続きはありません")
    if state is Compliance.UNCONFIRMED:
        return _("%(year)sの排出量が承認されると、償却が必要な量が決まります", year=year)
    if state is Compliance.SHORT:
        return _(
            "%(day)sまでに、あと%(n)s t-CO2分の排出枠を償却してください",
            day=day(figures.deadline),
            n=number(figures.missing),
        )
    if figures.missing is None:
        return _("償却期限を過ぎました。%(year)sの排出量は、まだ承認されていません", year=year)
    if figures.missing == 0 and figures.approved_late:
        return _(
            "%(year)sの排出量は、償却期限のあとに承認されました。期限までの目標遵守にはなりません", year=year
        )
    if figures.missing == 0:
        return _("償却期限後に償却が済みました。期限までの目標遵守にはなりません")
    return _("償却期限を過ぎました。%(n)s JAA足りません", n=number(figures.missing))


def _compliance_text(holder: Holder, figures: Figures, state: Compliance, offer: Offer) -> tuple[str, ...]:
    why = (offer.why,) if offer.why else ()
    if state is Compliance.NOT_OBLIGED:
        return _not_obliged(holder, figures)
    if state is Compliance.MISSED:
        more = _("いまからの償却は、期限後の償却として記録され、期限までの目標遵守にはなりません。")
        return (
            _("今後の手続きは、事務局からご連絡します。"),
            *((why or (more,)) if figures.missing else ()),
        )
    if state is Compliance.UNCONFIRMED:
        if why:
            return (_("償却期限は%(day)sです。", day=day(figures.deadline)), *why)
        return (_("償却期限は%(day)sです。その前でも償却できます。", day=day(figures.deadline)),)
    found = [
        _(
            "%(year)s（削減目標年度）の排出量は、%(n)s t-CO2に確定しました。",
            year=fiscal(holder.phase.target_year),
            n=number(figures.target_emissions),
        )
    ]
    if figures.retired:
        found.append(_("これまでに%(n)s t-CO2分を償却しています。", n=number(figures.retired)))
    if state is Compliance.SHORT and why:
        return (*found, *why)
    if state is Compliance.SHORT and figures.promised:
        found += _while_units_wait(figures)
    elif state is Compliance.SHORT:
        values = {"held": number(figures.available), "n": number(figures.missing)}
        if figures.to_buy:
            values["n"] = number(figures.to_buy)
            found.append(
                _("口座の残高は%(held)s JAAで、%(n)s JAA足りません。期限までに購入してください。", **values)
            )
        elif figures.available < (figures.missing or 0):
            values["jver"] = number(figures.held_jver)
            found.append(
                _(
                    "口座のJAA %(held)sとjVER %(jver)sのうち、あと%(n)sを償却すると、目標遵守となります。",
                    **values,
                )
            )
        elif figures.available == figures.missing:
            found.append(
                _("口座の残高%(held)s JAAをすべて償却すると、目標遵守となります。", held=values["held"])
            )
        else:
            found.append(
                _("口座の残高は%(held)s JAAです。あと%(n)s JAAを償却すると、目標遵守となります。", **values)
            )
    return tuple(found)


def _not_obliged(holder: Holder, figures: Figures) -> tuple[str, ...]:
    """Why the deadline asks nothing of who left the scheme before it, or came after it."""
    if holder.account.state is AccountState.CLOSED:
        return (_("口座が閉鎖されているため、この期の目標遵守の対象外です。"),)
    until = day(figures.deadline)
    return (_("償却期限の%(day)sのあとに登録されたため、この期の目標遵守の対象外です。", day=until),)


def _while_units_wait(figures: Figures) -> tuple[str, str]:
    """What of the balance may be retired, and whether that is enough, while some of it is promised."""
    values = {"free": number(figures.available), "n": number(figures.missing)}
    waits = _(
        "口座の残高%(held)s JAAのうち%(promised)s JAAは、手続き中のため、いまは動かせません。",
        held=number(figures.held),
        promised=number(figures.promised),
    )
    if figures.to_buy:
        values["n"] = number(figures.to_buy)
        if replace(figures, promised=0).to_buy:
            rest = _("残りの%(free)s JAAでは%(n)s JAA足りません。期限までに購入してください。", **values)
        else:
            rest = _(
                "残りの%(free)s JAAでは%(n)s JAA足りません。"
                "手続きのあとも足りないときは、期限までに購入してください。",
                **values,
            )
        return waits, rest
    if figures.available < (figures.missing or 0):
        return waits, _(
            "残りのJAA %(free)sとjVER %(jver)sのうち、あと%(n)sを償却すると、目標遵守となります。",
            jver=number(figures.held_jver),
            **values,
        )
    return waits, _("残りの%(free)s JAAのうち、あと%(n)s JAAを償却すると、目標遵守となります。", **values)


def deadlines(
    holder: Holder,
    rule: PhaseRule,
    today: date,
    state: Compliance | None = None,
    figures: Figures | None = None,
    offer: Offer | None = None,
) -> list[Due]:
    """What has a term and is not over; without ``state`` (login B): reports only."""
    found = report_deadlines(holder, rule, today)
    if state is not None and figures is not None and offer is not None:
        found += _allowance_deadlines(holder, rule, today, state, figures, offer)
    return sorted(found, key=lambda due: due.until)


def _allowance_deadlines(
    holder: Holder, rule: PhaseRule, today: date, state: Compliance, figures: Figures, offer: Offer
) -> list[Due]:
    found = []
    until = rule.retirement_deadline
    asked = state is not Compliance.NOT_OBLIGED
    if asked and (state is not Compliance.MET or today <= until):
        unit = offer.jver[0] if offer.jver is not None and offer.jaa is None else None
        url = url_for("participant.retire", unit=unit) if offer.any else ""
        # done, in time or late: nothing more to retire
        done = state is Compliance.MET or figures.missing == 0
        name = _("%(year)sの排出量に応じた償却", year=fiscal(holder.phase.target_year))
        left = "—" if done else left_words(None, until, today)
        link = "" if done or not url else _("償却する")
        found.append(Due(name, None, until, left, label(state), tone(state), "" if done else url, link))
    return found
