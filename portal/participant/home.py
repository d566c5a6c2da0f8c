"""The participants' homes: where you stand and the one next step; all own events."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from flask import abort, redirect, render_template, request, url_for
from sqlalchemy.orm import joinedload, selectinload

from portal import clock
from portal.extensions import db_session
from portal.models import EmissionsReport, Holder, Period, Phase, User
from portal.participant import outlooks, pages, pictures
from portal.participant.account_notice import notice_of
from portal.participant.correction_words import waiting_of
from portal.participant.event_words import report_year, told
from portal.participant.leftovers import due_of, leftover_of, with_leftover
from portal.participant.report_standing import report_standing
from portal.participant.standing import compliance_standing, deadlines, offer_of
from portal.permissions import Permission, Role, may
from portal.services import compliance_records, phases, positions, statements, timeline
from portal.services.allowances import own_account
from portal.services.compliance import Compliance
from portal.services.figures import figures_of
from portal.services.line_search import Filters
from portal.services.timeline import Cut
from portal.web import actor, requires
from portal.web_lines import line_words
from portal.web_positions import own_name, why_not_words

_LATEST = 5
_LATEST_MOVEMENTS = 10


@pages.get("/home")
@requires(Permission.SIGNED_IN)
def home() -> Any:
    """The home of the reader's role."""
    user = actor()
    if user.role is Role.VERIFIER:
        return redirect(url_for("participant.verifier_desk"))
    if user.role is Role.TRADER:
        return _trader_home(user)
    if user.holder_id is None:
        abort(404)
    holder = _own_holder(user.holder_id)
    return _holder_home(user, holder) if user.role is Role.HOLDER_A else _reports_home(user, holder)


def _own_holder(holder_id: int) -> Holder:
    options = (
        joinedload(Holder.phase),
        joinedload(Holder.representative),
        joinedload(Holder.account),
        selectinload(Holder.reports).selectinload(EmissionsReport.send_back_requests),
    )
    return db_session.get_one(Holder, holder_id, options=options, populate_existing=True)


def _report(holder: Holder, period: Period) -> EmissionsReport | None:
    return next((r for r in holder.reports if r.period is period), None)


def _latest(user: User, phase: Phase | None) -> Any:
    return told(timeline.own_events(db_session(), user, size=_LATEST).happenings, phase)


def _holder_home(user: User, holder: Holder) -> Any:
    session, today = db_session(), clock.today()
    figures, rule = figures_of(session, holder), phases.rule_in_force(session, holder.phase)
    state = compliance_records.official(session, {holder.id: figures})[holder.id]
    held = positions.positions(session, holder.account, figures, today)
    own, offer = positions.own_jaa(holder.account, held), offer_of(holder.account, held)
    movable = own.movable if own is not None else 0
    others = positions.besides(holder.account, held)
    chart, summary = pictures.of_holder(figures, own, others)
    asked = state is not Compliance.NOT_OBLIGED
    frozen = compliance_records.records_of(session, holder.id) if asked else []
    missing = figures.missing or 0
    left = leftover_of(session, holder, rule, own)
    standing = compliance_standing(holder, figures, state, rule, today, offer)
    dues = [*deadlines(holder, rule, today, state, figures, offer), *due_of(left, today)]
    return render_template(
        "participant/homes/holder.html",
        holder=holder,
        notice=notice_of(holder.account),
        waiting=waiting_of(holder.account),
        own_name=lambda name: own_name(name, own, others),
        figures=figures,
        movable=movable,
        stuck=why_not_words(own) if own is not None else "",
        promised=own.promised if own is not None else 0,
        others=others,
        why_not_words=why_not_words,
        standing=with_leftover(standing, left, figures, state, today),
        state=state,
        outlook=outlooks.asked(figures, offer.why),
        frozen=frozen,
        frozen_day=clock.in_tokyo(frozen[-1].deadline_at - timedelta(seconds=1)).date() if frozen else None,
        frozen_states=[Compliance(one.status) for one in frozen],
        base=_report(holder, Period.BASE),
        target=_report(holder, Period.TARGET),
        issued_at=positions.issued_at(session, holder.account),
        chart=chart,
        summary=summary,
        today=today,
        # moving out what may move would leave too little to retire
        careful=bool(missing and movable and figures.held - movable < missing <= figures.held),
        deadlines=sorted(dues, key=lambda due: due.until),
        events=_latest(user, holder.phase),
    )


def _reports_home(user: User, holder: Holder) -> Any:
    """Login B: reports only, no allowance figure, not even a word of it (domain §2)."""
    today, rule = clock.today(), phases.rule_in_force(db_session(), holder.phase)
    return render_template(
        "participant/homes/reports.html",
        holder=holder,
        standing=report_standing(holder, rule, today),
        reports=[r for p in Period if (r := _report(holder, p)) is not None],
        year_of=lambda report: report_year(report, holder.phase),
        today=today,
        deadlines=deadlines(holder, rule, today),
        events=_latest(user, holder.phase),
    )


def _trader_home(user: User) -> Any:
    session, today = db_session(), clock.today()
    account = own_account(session, user)
    held = positions.positions(session, account, None, today)
    return render_template(
        "participant/homes/trader.html",
        account=account,
        notice=notice_of(account),
        waiting=waiting_of(account),
        held=held,
        moves=any(one.movable for one in held),
        why_not_words=why_not_words,
        history=statements.look_back(session, account, Filters(), size=_LATEST_MOVEMENTS, count=False),
        **line_words(session, account),
        today=today,
    )


@pages.get("/events")
@requires(Permission.SIGNED_IN)
def events() -> Any:
    """All own events; login B reads about reports only."""
    user, session = actor(), db_session()
    if not may(user.role, Permission.REPORT_OWN_VIEW) and not may(user.role, Permission.ALLOWANCE_OWN_VIEW):
        abort(404)
    found = timeline.own_events(session, user, before=_cut("before"), after=_cut("after"))
    phase = user.holder.phase if user.holder is not None else None
    return render_template(
        "participant/homes/events.html",
        events=told(found.happenings, phase),
        newer=_address(after=found.newer),
        older=_address(before=found.older),
    )


def _cut(name: str) -> Cut | None:
    """Where a page of the events begins or ends; anything else shows the newest."""
    match = re.fullmatch(r"([0-9]{1,16})-([0-9]{1,16})", request.args.get(name, ""), re.ASCII)
    return Cut(int(match[1]), int(match[2])) if match is not None else None


def _address(**cut: Cut | None) -> str:
    """The address of the neighbouring page of the events; nothing if there is none."""
    ((name, place),) = cut.items()
    wanted: dict[str, Any] = {name: f"{place.event}-{place.entry}"} if place is not None else {}
    return url_for("participant.events", **wanted) if wanted else ""
