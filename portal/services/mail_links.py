"""Where a mail leads: the page of what it is about, for whoever reads it; it opens after the log-in too.

Addresses, not routes: services know no web. ``tests/services/test_mail_links.py`` looks each up in the
application's own map.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from portal.models import (
    AccountChange,
    ApprovalRevocation,
    BankingApplication,
    ContactChange,
    EmissionsReport,
    FactorProposal,
    Holder,
    Import,
    IssueBatch,
    Movement,
    PhaseClosing,
    PhaseProposal,
    Publication,
    ReductionTarget,
    User,
)
from portal.services.mail_kinds import MailKind, Reader

START = "/"
_PARTICIPANTS = frozenset({Reader.HOLDER_A, Reader.HOLDER_B, Reader.TRADER, Reader.VERIFIER})

#: the office's page of a row
OFFICE: Mapping[type[Any], str] = {
    AccountChange: "/admin/account_change/details/?id={id}",
    ApprovalRevocation: "/admin/report/details/?id={report_id}",
    BankingApplication: "/admin/banking/details/?id={id}",
    ContactChange: "/admin/contact_change/details/?id={id}",
    EmissionsReport: "/admin/report/details/?id={id}",
    FactorProposal: "/admin/factor_proposal/details/?id={id}",
    Holder: "/admin/holder/details/?id={id}",
    Import: "/admin/import/details/?id={id}",
    IssueBatch: "/admin/issue_batch/details/?id={id}",
    Movement: "/admin/movement/details/?id={id}",
    PhaseClosing: "/admin/phase_closing/details/?id={id}",
    PhaseProposal: "/admin/phase_proposal/details/?id={id}",
    Publication: "/admin/publication/details/?id={id}",
    ReductionTarget: "/admin/target/details/?id={id}",
    User: "/admin/user/details/?id={id}",
}
#: the office's page of a kind that is about no single row
OFFICE_KINDS: Mapping[MailKind, str] = {
    MailKind.TARGETS_TO_CONFIRM: "/admin/target/",
    MailKind.FIGURES_NEEDED: "/admin/late_report/",
    MailKind.BOOKS_DISAGREED: "/admin/book_check/",
    MailKind.BOOKS_NOT_COMPARED: "/admin/book_check/",
    MailKind.CONTACT_CHANGE_APPLIED: "/admin/contact_change/",
    MailKind.CONTACT_CHANGE_WITHDRAWN: "/admin/contact_change/",
}
#: a participant's page of a kind; reports and banking applications have one each
OWN_KINDS: Mapping[MailKind, str] = {
    MailKind.RETIREMENT_DUE: "/allowances/retire",
    MailKind.RETIREMENT_SETTLED: "/allowances/retire",
    MailKind.BANKING_DUE: "/allowances/banking",
    MailKind.PHASE_CLOSED: "/allowances",
    MailKind.ACCOUNT_SUSPENDED: "/allowances",
    MailKind.ACCOUNT_RESUMED: "/allowances",
    MailKind.ACCOUNT_CLOSED: "/allowances",
    MailKind.CONTACT_CHANGE_APPLIED: "/registration",
    MailKind.CONTACT_CHANGE_ACCEPTED: "/registration",
    MailKind.CONTACT_CHANGE_DECLINED: "/registration",
    MailKind.CONTACT_CHANGE_WITHDRAWN: "/registration",
    MailKind.CONTACT_CORRECTED: "/registration",
    MailKind.COMPANY_CHANGED: "/registration",
    MailKind.CONSENT_GIVEN: "/registration",
    MailKind.CONSENT_WITHDRAWN: "/registration",
}
RECEIPT = "/allowances/receipt/{code}"
OWN_REPORT, VERIFIERS_REPORT = "/reports/{period}", "/verification/{id}"
OWN_BANKING = "/allowances/banking/{id}"
#: told to a verifier whose report it is no longer
_GONE = frozenset({MailKind.VERIFIER_UNASSIGNED})


def page_of(kind: MailKind, reader: Reader, row: Any, *, receipt: str | None = None) -> str:
    """The path a mail of ``kind`` about ``row`` leads ``reader`` to; START where there is nothing to show.

    ``receipt`` is the ledger number of a movement that was posted.
    """
    if reader not in _PARTICIPANTS:
        page = OFFICE.get(type(row), OFFICE_KINDS.get(kind, START))
        return page.format(id=row.id, report_id=getattr(row, "report_id", None)) if row is not None else page
    if receipt is not None:
        return RECEIPT.format(code=receipt)
    if isinstance(row, EmissionsReport) and kind not in _GONE:
        page = VERIFIERS_REPORT if reader is Reader.VERIFIER else OWN_REPORT
        return page.format(id=row.id, period=row.period.value)
    if isinstance(row, BankingApplication):
        return OWN_BANKING.format(id=row.id)
    return OWN_KINDS.get(kind, START)
