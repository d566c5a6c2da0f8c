"""The receipt of a movement: what it was, in words and figures; it prints on one sheet."""

from __future__ import annotations

from typing import Any

from flask import render_template

from portal.extensions import db_session
from portal.models import Account, AccountKind
from portal.participant import pages
from portal.participant.movement_words import ACTS
from portal.permissions import Permission
from portal.services import allowances, statements
from portal.services.allowance_rules import may_give
from portal.web import actor, requires
from portal.web_text import label, unit_name


def _words(account: Account) -> str:
    """Its name; the scheme's own accounts in the reader's language."""
    own = account.kind in (AccountKind.COMPLIANCE, AccountKind.TRADING)
    return account.name if own else label(account.kind)


@pages.get("/allowances/receipt/<code>")
@requires(Permission.ALLOWANCE_OWN_VIEW)
def receipt(code: str) -> Any:
    """The receipt of ``T-000214`` for whoever's account moved."""
    session = db_session()
    account = allowances.own_account(session, actor())
    slip = statements.receipt(session, account, code, actor=actor())
    act = ACTS.get(slip.transaction.kind) if slip.outgoing else None
    return render_template(
        "participant/allowances/receipt.html",
        slip=slip,
        title=act.receipt if act is not None else None,
        account_words=_words,
        moves=may_give(account.state),
        unit=slip.unit_class.unit_type.value,
        unit_name=unit_name(slip.unit_class),
    )
