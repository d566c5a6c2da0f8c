"""What an event was about, by its name and with its page: one query for each kind of row on a page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from flask import current_app, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup, escape
from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from portal.models import (
    Account,
    AccountChange,
    ApprovalRevocation,
    BankingApplication,
    CompanyChange,
    ComplianceSnapshot,
    Contact,
    ContactChange,
    Document,
    EmissionFactor,
    EmissionsReport,
    Event,
    FactorProposal,
    Holder,
    Import,
    IssueBatch,
    Letter,
    MailMessage,
    Movement,
    Organisation,
    ParticipantNote,
    Phase,
    PhaseClosing,
    PhaseProposal,
    PhaseRule,
    Publication,
    ReductionTarget,
    RegistrationApplication,
    Reminder,
    Trader,
    UnitClass,
    User,
    VerificationDraft,
    Verifier,
    VerifierAssignment,
)
from portal.web_tables import publication_name
from portal.web_text import day, english, fiscal, label, number, phase_name

#: table → what it holds, in words
SUBJECTS: dict[str, Any] = {
    "registration_application": _l("登録申請"),
    "holder": _l("目標保有者"),
    "account": _l("口座"),
    "user": _l("利用者"),
    "letter": _l("通知書"),
    "phase": _l("期"),
    "phase_rule": _l("期の日程"),
    "emission_factor": _l("排出係数"),
    "factor_proposal": _l("排出係数の起案"),
    "verification_draft": _l("検証の下書き"),
    "reminder": _l("期限のお知らせ"),
    "publication": _l("公表"),
    "issue_batch": _l("一括発行"),
    "phase_closing": _l("期の締め"),
    "book_check": _l("帳簿の照合"),
    "job": _l("夜間の処理"),
    "reduction_target": _l("削減目標量"),
    "emissions_report": _l("報告書"),
    "approval_revocation": _l("承認の取消し"),
    "document": _l("ファイル"),
    "movement": _l("移動"),
    "contact_change": _l("担当者の変更申請"),
    "banking_application": _l("バンキング申請"),
    "compliance_snapshot": _l("償却期限の記録"),
    "mail_message": _l("メール"),
    "portal_state": _l("システム"),
    "import": _l("一括取り込み"),
    "letter_batch": _l("通知書のまとめ印刷"),
    "phase_proposal": _l("期の起案"),
    "account_change": _l("口座の状態の変更"),
    "company_change": _l("書面による変更"),
    "participant_note": _l("メモ"),
    "trader": _l("取引参加者"),
    "verifier": _l("検証機関"),
}
#: table → the screen of its rows
_SCREENS = {
    "registration_application": "application",
    "holder": "holder",
    "account": "account",
    "letter": "letter",
    "emissions_report": "report",
    "movement": "movement",
    "mail_message": "mail",
    "user": "user",
    "contact_change": "contact_change",
    "trader": "trader",
    "verifier": "verifier",
    "phase": "phase",
    "import": "import",
    "letter_batch": "letter_batch",
    "phase_proposal": "phase_proposal",
    "reduction_target": "target",
    "account_change": "account_change",
    "company_change": "company_change",
    "factor_proposal": "factor_proposal",
    "publication": "publication",
    "banking_application": "banking",
    "issue_batch": "issue_batch",
    "phase_closing": "phase_closing",
}


@dataclass(frozen=True)
class Subject:
    """The row an event was about: its kind, its name (its number where it has none), its page."""

    kind: str
    name: str
    url: str | None

    def plain(self) -> str:
        """登録申請　R2-0012　みほん工業株式会社."""
        return f"{self.kind}　{self.name}"

    def cell(self) -> Markup:
        """As a list shows it: the name, linked where there is a page, over the kind."""
        name = escape(self.name)
        if self.url is not None:
            name = Markup('<a class="as-link" href="{}">{}</a>').format(self.url, name)
        return Markup('{}<span class="as-table__more">{}</span>').format(name, self.kind)


Key = tuple[str, int]
_HOLDER = Organisation.name, Holder.site_name


def _of_holder(model: Any, *more: Any) -> Any:
    """The rows of a model that belongs to a holder, with the holder's name."""
    return select(model.id, *_HOLDER, *more).join(model.holder).join(Holder.representative)


def _note() -> Any:
    holders, traders, verifiers = aliased(Organisation), aliased(Organisation), aliased(Organisation)
    return (
        select(ParticipantNote.id, func.coalesce(holders.name, traders.name, verifiers.name))
        .outerjoin(Holder, Holder.id == ParticipantNote.holder_id)
        .outerjoin(holders, holders.id == Holder.representative_id)
        .outerjoin(Trader, Trader.id == ParticipantNote.trader_id)
        .outerjoin(traders, traders.id == Trader.organisation_id)
        .outerjoin(Verifier, Verifier.id == ParticipantNote.verifier_id)
        .outerjoin(verifiers, verifiers.id == Verifier.organisation_id)
    )


def _joined(*parts: Any) -> str:
    return "　".join(str(part) for part in parts if part)


def _named(name: str, login: str) -> str:
    return _("%(name)s（%(login)s）", name=name, login=login)


def _movement(kind: Any, quantity: int, unit: Any) -> str:
    return _joined(label(kind), _("%(n)s %(unit)s", n=number(quantity), unit=unit.value))


#: table → (a query of the row's number and what names it, the name of that)
_READ: dict[str, tuple[Callable[[], Any], Callable[..., str]]] = {
    "registration_application": (
        lambda: select(
            RegistrationApplication.id, RegistrationApplication.number, RegistrationApplication.company_name
        ),
        _joined,
    ),
    "holder": (lambda: select(Holder.id, *_HOLDER).join(Holder.representative), _joined),
    "account": (lambda: select(Account.id, Account.id, Account.name), lambda n, name: f"AST-{n}　{name}"),
    "user": (lambda: select(User.id, User.name, User.login_id), _named),
    "letter": (lambda: select(Letter.id, Letter.number, Letter.addressee), _joined),
    "phase": (lambda: select(Phase.id, Phase.number), phase_name),
    "issue_batch": (lambda: select(IssueBatch.id, Phase.number).join(IssueBatch.phase), phase_name),
    "phase_closing": (lambda: select(PhaseClosing.id, Phase.number).join(PhaseClosing.phase), phase_name),
    "phase_rule": (lambda: select(PhaseRule.id, Phase.number).join(PhaseRule.phase), phase_name),
    "emission_factor": (
        lambda: select(
            EmissionFactor.id, EmissionFactor.fiscal_year, EmissionFactor.name_ja, EmissionFactor.name_en
        ),
        lambda year, ja, en: _joined(fiscal(year), en if english() else ja),
    ),
    "factor_proposal": (lambda: select(FactorProposal.id, FactorProposal.fiscal_year), fiscal),
    "publication": (
        lambda: select(Publication.id, Phase.number, Publication.subject).join(Publication.phase),
        publication_name,
    ),
    "reminder": (
        lambda: _of_holder(Reminder, Reminder.subject, Reminder.due),
        lambda company, site, subject, due: _joined(company, site, label(subject), day(due)),
    ),
    "verification_draft": (
        lambda: (
            select(VerificationDraft.id, *_HOLDER, EmissionsReport.period)
            .join(VerificationDraft.assignment)
            .join(VerifierAssignment.report)
            .join(EmissionsReport.holder)
            .join(Holder.representative)
        ),
        lambda company, site, period: _joined(company, site, label(period)),
    ),
    "reduction_target": (
        lambda: _of_holder(ReductionTarget, ReductionTarget.quantity),
        lambda company, site, n: _joined(company, site, _("%(n)s t-CO2", n=number(n))),
    ),
    "emissions_report": (
        lambda: _of_holder(EmissionsReport, EmissionsReport.period),
        lambda company, site, period: _joined(company, site, label(period)),
    ),
    "approval_revocation": (
        lambda: (
            select(ApprovalRevocation.id, *_HOLDER, EmissionsReport.period)
            .join(ApprovalRevocation.report)
            .join(EmissionsReport.holder)
            .join(Holder.representative)
        ),
        lambda company, site, period: _joined(company, site, label(period)),
    ),
    "document": (lambda: select(Document.id, Document.name), str),
    "movement": (
        lambda: select(Movement.id, Movement.kind, Movement.quantity, UnitClass.unit_type).join(
            Movement.unit_class
        ),
        _movement,
    ),
    "contact_change": (
        lambda: (
            select(ContactChange.id, Organisation.name, Contact.name)
            .join(ContactChange.contact)
            .join(Contact.organisation)
        ),
        _joined,
    ),
    "banking_application": (lambda: _of_holder(BankingApplication), _joined),
    "compliance_snapshot": (lambda: _of_holder(ComplianceSnapshot), _joined),
    "mail_message": (
        lambda: select(MailMessage.id, MailMessage.recipient_name, MailMessage.subject),
        _joined,
    ),
    "import": (
        lambda: select(Import.id, Import.kind, Import.file_name),
        lambda kind, name: _joined(label(kind), name),
    ),
    "phase_proposal": (lambda: select(PhaseProposal.id, PhaseProposal.number), phase_name),
    "account_change": (
        lambda: select(AccountChange.id, Account.id, Account.name, AccountChange.action).join(
            AccountChange.account
        ),
        lambda n, name, action: _joined(f"AST-{n}", name, label(action)),
    ),
    "company_change": (lambda: select(CompanyChange.id, CompanyChange.number), str),
    "participant_note": (_note, str),
    "trader": (lambda: select(Trader.id, Organisation.name).join(Trader.organisation), str),
    "verifier": (lambda: select(Verifier.id, Organisation.name).join(Verifier.organisation), str),
}


def subjects_of(session: Session, events: Iterable[Event]) -> dict[Key, Subject]:
    """What each of ``events`` was about; as many queries as there are kinds of rows among them."""
    wanted: dict[str, set[int]] = {}
    for event in events:
        wanted.setdefault(event.subject_type, set()).add(event.subject_id)
    found: dict[Key, Subject] = {}
    for table, ids in wanted.items():
        names = _names(session, table, sorted(ids))
        screen = _screen(table)
        for row_id in ids:
            url = url_for(f"{screen}.details_view", id=row_id) if screen and row_id in names else None
            kind = str(SUBJECTS.get(table, table))
            found[table, row_id] = Subject(kind, names.get(row_id) or number(row_id), url)
    return found


def _names(session: Session, table: str, ids: Sequence[int]) -> dict[int, str]:
    if table not in _READ:
        return dict.fromkeys(ids, "")
    make, words = _READ[table]
    query = make()
    rows = session.execute(query.where(query.selected_columns[0].in_(ids)))
    return {row_id: words(*parts) for row_id, *parts in rows}


def _screen(table: str) -> str | None:
    """The screen of a table's rows, if the reader may open it."""
    wanted = _SCREENS.get(table)
    for view in current_app.extensions["admin"][0]._views:
        if view.endpoint == wanted:
            return wanted if view.is_accessible() else None
    return None
