"""The receipt of a movement: what it was, in words and figures, on the page and as a PDF."""

from __future__ import annotations

import io
from typing import Any

from flask import render_template, send_file
from flask_babel import gettext as _

from portal import web_papers
from portal.extensions import db_session
from portal.models import MovementKind
from portal.participant import pages
from portal.participant.movement_words import ACTS
from portal.permissions import Permission
from portal.services import allowances, papers, receipts
from portal.services.allowance_rules import may_give
from portal.services.figures import figures_of
from portal.services.receipts import Receipt
from portal.web import actor, requires
from portal.web_lines import was_corrected
from portal.web_text import unit_name


def _slip(code: str) -> tuple[Receipt, str]:
    """(the reader's receipt of ``T-000214``, its title)."""
    session = db_session()
    account = allowances.own_account(session, actor())
    slip = receipts.receipt(session, account, code, actor=actor())
    act = ACTS.get(slip.transaction.kind) if slip.outgoing else None
    return slip, str(act.receipt) if act is not None else _("取引の記録")


def _missing(slip: Receipt) -> int | None:
    """What is still to retire after a retirement, in t-CO2; ``None`` beside anything else."""
    holder = slip.account.holder
    if slip.transaction.kind is not MovementKind.RETIRE or not slip.outgoing or holder is None:
        return None
    return figures_of(db_session(), holder).missing


@pages.get("/allowances/receipt/<code>")
@requires(Permission.ALLOWANCE_OWN_VIEW)
def receipt(code: str) -> Any:
    """The receipt of ``T-000214`` for whoever's account moved."""
    slip, title = _slip(code)
    return render_template(
        "participant/allowances/receipt.html",
        slip=slip,
        title=title,
        account_words=web_papers.account_words,
        missing=_missing(slip),
        was_corrected=was_corrected,
        moves=may_give(slip.account.state),
        unit=slip.unit_class.unit_type.value,
        unit_name=unit_name(slip.unit_class),
        given_name=unit_name(slip.given.unit_class) if slip.given is not None else "",
    )


@pages.get("/allowances/receipt/<code>/pdf")
@requires(Permission.ALLOWANCE_OWN_VIEW)
def receipt_pdf(code: str) -> Any:
    """The same on one A4 sheet."""
    slip, title = _slip(code)
    pdf = papers.render(web_papers.of_receipt(slip, title))
    name = f"{slip.account.code}_{title}_{slip.transaction.code}.pdf"
    return send_file(io.BytesIO(pdf), mimetype="application/pdf", as_attachment=True, download_name=name)
