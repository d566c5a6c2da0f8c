"""The verifier's desk: the list of what is assigned, and who is in charge of it (issue "Verifier's desk").

Only assigned reports exist here, and only while they are assigned (safety 15). No allowance figure.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, TypeVar

from flask import redirect, render_template, request, url_for
from flask_babel import gettext as _
from wtforms import StringField

from portal.errors import NotFound, PortalError
from portal.extensions import db_session
from portal.models import ReportState, User
from portal.participant import pages
from portal.permissions import Permission
from portal.services import verification_charge, verification_desk
from portal.services.report_rules import Turn
from portal.services.report_views import VERIFIER_DAYS
from portal.services.verification_desk import SOON_DAYS, DeskPage, Lateness, Order, Wanted
from portal.web import actor, carry_out, done, requires, show_problems
from portal.web_forms import PageForm
from portal.web_text import label

_LONGEST = 100
#: tab in the address → whose turn it shows
TABS = {
    "mine": Turn.VERIFIER,
    "holder": Turn.HOLDER,
    "secretariat": Turn.SECRETARIAT,
    "approved": Turn.NOBODY,
}
#: what ``charge`` may be in the address besides a login
_ME, _NOBODY = "me", "none"

E = TypeVar("E", bound=StrEnum)


class ChargeForm(PageForm):
    """Who shall be in charge, by login; ``shown`` is who was when the page was made. Empty: nobody."""

    user = StringField()
    shown = StringField()


@pages.get("/verification")
@requires(Permission.REPORT_ASSIGNED_VIEW)
def verifier_desk() -> Any:
    """What is assigned, by whose turn it is, the oldest first."""
    reader = actor()
    wanted, tab = _wanted(reader), _tab()
    found = verification_desk.look(db_session(), reader, wanted)
    return render_template(
        "participant/verification/desk.html",
        found=found,
        wanted=wanted,
        tab=tab,
        tabs=_tabs(found, tab),
        charge=request.args.get("charge", ""),
        states=[(state.value, label(state)) for state in _states(wanted.turn)],
        charges=_charges(reader),
        lates=_lates(wanted.turn),
        address=lambda **more: url_for("participant.verifier_desk", **{**_asked(), **more}),
        mine=Turn.VERIFIER,
    )


def _tab() -> str:
    asked = request.args.get("turn", "")
    return asked if asked in TABS else "mine"


def _wanted(reader: User) -> Wanted:
    charge = request.args.get("charge", "")
    people = {one.login_id: one.id for one in verification_charge.colleagues(db_session(), reader)}
    order = request.args.get("order", "")
    return Wanted(
        turn=TABS[_tab()],
        words=request.args.get("search", "").strip()[:_LONGEST],
        state=_one(ReportState, "state"),
        charge={_ME: reader.id, _NOBODY: 0}.get(charge, people.get(charge)),
        late=_one(Lateness, "late"),
        order=next((one for one in Order if one.value == order.lstrip("-")), Order.SINCE),
        descending=order.startswith("-"),
        page=request.args.get("page", 1, type=int),
    )


def _one(kind: type[E], name: str) -> E | None:
    return next((one for one in kind if one.value == request.args.get(name)), None)


def _asked() -> dict[str, str]:
    """What the address asks for, without the page."""
    names = ("turn", "search", "state", "charge", "late", "order")
    return {name: request.args[name] for name in names if request.args.get(name)}


def _tabs(found: DeskPage, here: str) -> list[tuple[str, str, bool]]:
    words = {
        "mine": _("あなたの番 %(n)s件", n=found.counts[Turn.VERIFIER]),
        "holder": _("目標保有者の番 %(n)s件", n=found.counts[Turn.HOLDER]),
        "secretariat": _("事務局の番 %(n)s件", n=found.counts[Turn.SECRETARIAT]),
        "approved": _("承認済 %(n)s件", n=found.counts[Turn.NOBODY]),
    }
    return [(words[tab], url_for("participant.verifier_desk", turn=tab), tab == here) for tab in TABS]


def _states(turn: Turn) -> tuple[ReportState, ...]:
    """The states that a tab can hold; one alone is no choice."""
    return {
        Turn.VERIFIER: (ReportState.VERIFICATION_REQUESTED, ReportState.UNDER_REVIEW),
        Turn.SECRETARIAT: (ReportState.APPROVAL_REQUESTED, ReportState.UNDER_REVIEW),
    }.get(turn, ())


def _charges(reader: User) -> list[tuple[str, str]]:
    people = [one for one in verification_charge.colleagues(db_session(), reader) if one.id != reader.id]
    others = [(one.login_id, _("%(name)s さん", name=one.name)) for one in people]
    return [(_ME, _("自分")), *others, (_NOBODY, _("決まっていない"))]


def _lates(turn: Turn) -> list[tuple[str, str]]:
    if turn is Turn.NOBODY:
        return []
    found = [
        (Lateness.OVERDUE.value, _("期限を過ぎた")),
        (Lateness.SOON.value, _("期限まで%(n)s日以内", n=SOON_DAYS)),
    ]
    waiting = (Lateness.WAITING.value, _("届いてから%(n)s日を過ぎた", n=VERIFIER_DAYS))
    return [*found, waiting] if turn is Turn.VERIFIER else found


def _id_of(login: str) -> int:
    """The colleague behind a login; 0 for nobody, −1 for a login that is none of theirs."""
    people = {one.login_id: one.id for one in verification_charge.colleagues(db_session(), actor())}
    return people.get(login, -1) if login else 0


def _shown(report_id: int, form: ChargeForm) -> int:
    """Who was in charge on the page, if that is still so; anything else is an older page."""
    now = verification_charge.in_charge(db_session(), report_id, actor())
    same = (now.login_id if now is not None else "") == str(form.shown.data or "")
    return (now.id if now is not None else 0) if same else -1


@pages.post("/verification/<int:report_id>/charge")
@requires(Permission.REPORT_VERIFY)
def verifier_charge(report_id: int) -> Any:
    """Take charge of a report, hand it to a colleague, or give it back."""
    form = ChargeForm()
    chosen = actor().login_id if request.form.get("do") == "take" else str(form.user.data or "")
    if form.validate_on_submit():
        try:
            carry_out(
                lambda: verification_charge.choose(
                    db_session(), report_id, _id_of(chosen), actor=actor(), shown=_shown(report_id, form)
                )
            )
        except NotFound:
            raise
        except PortalError as error:
            show_problems(error)
        else:
            done(_("担当者を決めました。") if chosen else _("担当者を「決まっていない」に戻しました。"))
    return redirect(url_for("participant.verifier_report", report_id=report_id) + "#charge")
