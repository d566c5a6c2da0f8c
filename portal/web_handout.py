"""What the portal hands out before the door: blank application forms. Applicants have no login."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from io import BytesIO
from typing import Any

from flask import Blueprint, Flask, abort, render_template, request, send_file, url_for

from portal import clock
from portal.extensions import db_session
from portal.models import ParticipantKind
from portal.permissions import Permission
from portal.services import application_form_desk, documents
from portal.web import requires
from portal.web_text import label, locale_name, phase_name

pages = Blueprint("application_forms", __name__)


@dataclass(frozen=True)
class BlankForm:
    """One blank form to download. ``due`` is the last day for applications; ``None``: at any time."""

    name: str
    url: str
    due: date | None = None
    open: bool = True


def blank_forms() -> list[BlankForm]:
    """Every blank form: holders have one for each phase, those still open first."""
    today = clock.today()
    phases = sorted(
        application_form_desk.form_phases(db_session()), key=lambda one: (one.due < today, -one.number)
    )
    holder = str(label(ParticipantKind.HOLDER))
    found = [
        BlankForm(
            f"{holder}　{phase_name(one.number)}",
            url_for("application_forms.blank", kind=ParticipantKind.HOLDER.value, phase=one.number),
            one.due,
            one.due >= today,
        )
        for one in phases
    ]
    others = (ParticipantKind.TRADER, ParticipantKind.VERIFIER)
    return found + [
        BlankForm(str(label(kind)), url_for("application_forms.blank", kind=kind.value)) for kind in others
    ]


@pages.get("/application-forms")
@requires(Permission.PUBLIC)
def index() -> str:
    """The three forms and how to apply."""
    blanks = blank_forms()
    return render_template(
        "handout/application_forms.html", blanks=blanks, no_phase=all(one.due is None for one in blanks)
    )


@pages.get("/application-forms/<kind>")
@requires(Permission.PUBLIC)
def blank(kind: str) -> Any:
    """A blank form; a holder's needs the number of its phase."""
    if kind not in list(ParticipantKind):
        abort(404)
    typed = request.args.get("phase", "")
    number = int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 6 else None
    name, data = application_form_desk.blank(
        db_session(), ParticipantKind(kind), number, locale=locale_name()
    )
    return send_file(BytesIO(data), mimetype=documents.XLSX, as_attachment=True, download_name=name)


def install(app: Flask) -> None:
    """Hang the pages on ``app``."""
    app.register_blueprint(pages)
