"""What an accepted application makes: companies, contact, participant, account, logins (domain §3)."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import clock
from portal.models import (
    Account,
    AccountKind,
    AccountState,
    Contact,
    EmissionsReport,
    Holder,
    JointCompany,
    Organisation,
    Period,
    Phase,
    RegistrationApplication,
    ReportState,
    Trader,
    User,
)
from portal.permissions import Role
from portal.services import audit, phases
from portal.services.audit import EventTag
from portal.services.numbers import next_number, search_key
from portal.services.registration_checks import account_key, joined_key, participant_key, site_key
from portal.services.users import add_login

#: domain §3, decided: account numbers run from AST-1001 upward and are never reused
FIRST_ACCOUNT = 1001


def next_account_number(session: Session) -> int:
    """The next account number. Its series is locked until the end: acceptances wait for each other."""
    return next_number(session, "account", start=FIRST_ACCOUNT)


def organisation(
    session: Session,
    name: str,
    kana: str,
    representative: str | None = None,
    representative_kana: str | None = None,
) -> Organisation:
    """The company as registered before, or a new row; another representative is another row."""
    same = session.scalars(
        select(Organisation)
        .where(Organisation.name == name, Organisation.name_kana == kana)
        .order_by(Organisation.id.desc())
    )
    wanted = (representative, representative_kana)
    for row in same:
        if representative is None or wanted == (row.representative_name, row.representative_kana):
            return row
    made = Organisation(
        name=name,
        name_kana=kana,
        representative_name=representative,
        representative_kana=representative_kana,
        search_key=joined_key(name, kana)[:500],
        created_at=clock.now(),
    )
    session.add(made)
    session.flush()
    return made


def companies_of(
    session: Session, application: RegistrationApplication
) -> tuple[Organisation, list[Organisation], Organisation]:
    """(the applicant, its joint companies, the one the contact person belongs to)."""
    first = organisation(
        session,
        application.company_name,
        application.company_kana,
        application.representative_name,
        application.representative_kana,
    )
    joint = [organisation(session, j.name, j.name_kana) for j in application.joint_companies]
    wanted = search_key(application.contact_company)
    theirs = next(company for company in (first, *joint) if search_key(company.name) == wanted)
    return first, joint, theirs


def contact_of(session: Session, application: RegistrationApplication, company: Organisation) -> Contact:
    """The contact person as the application names it."""
    contact = Contact(
        organisation=company,
        department=application.contact_department,
        post=application.contact_post,
        name=application.contact_name,
        name_kana=application.contact_kana,
        postal_code=application.contact_postal_code,
        address=application.contact_address,
        telephone=application.contact_telephone,
        fax=application.contact_fax,
        mail=application.mail_a,
        created_at=clock.now(),
    )
    session.add(contact)
    session.flush()
    return contact


def make_holder(
    session: Session, application: RegistrationApplication, number: int, *, actor: User
) -> tuple[Holder, list[User]]:
    """A holder with its compliance account ``number``, logins A and B, and its three periods."""
    site, address = application.site_name or "", application.site_address or ""
    assert application.site_kind and application.participation and application.phase_id
    first, joint, theirs = companies_of(session, application)
    contact = contact_of(session, application, theirs)
    holder = Holder(
        phase_id=application.phase_id,
        application_id=application.id,
        representative=first,
        contact=contact,
        mail_b=application.mail_b,
        disclosure_consent=application.disclosure_consent,
        site_name=site,
        site_kana=application.site_kana or "",
        site_address=address,
        site_kind=application.site_kind,
        participation=application.participation,
        other_scheme=bool(application.other_scheme),
        site_key=site_key(first.name, site, address),
        search_key="",
        created_at=clock.now(),
    )
    for position, company in enumerate(joint, 1):
        holder.joint_companies.append(JointCompany(organisation=company, position=position))
    session.add(holder)
    session.flush()
    name = application.account_name or ""
    holder.account = _account(AccountKind.COMPLIANCE, number, name, first)
    refresh_search_key(holder)
    _open(session, holder.account, holder.id, actor)
    for period in Period:
        holder.reports.append(
            EmissionsReport(period=period, state=ReportState.NOT_SUBMITTED, state_since=clock.now())
        )
    phases.unit_class_for(session, session.get_one(Phase, application.phase_id))
    login_a = add_login(
        session, f"AST{number}A", Role.HOLDER_A, contact.name, contact.mail, holder=holder, actor=actor
    )
    login_b = add_login(
        session, f"AST{number}B", Role.HOLDER_B, contact.name, application.mail_b, holder=holder, actor=actor
    )
    return holder, [login_a, login_b]


def make_trader(
    session: Session, application: RegistrationApplication, number: int, *, actor: User
) -> tuple[Trader, list[User]]:
    """A trader with its trading account ``number`` and its login."""
    first, _joint, theirs = companies_of(session, application)
    contact = contact_of(session, application, theirs)
    trader = Trader(
        application_id=application.id,
        organisation=first,
        contact=contact,
        disclosure_consent=application.disclosure_consent,
        search_key="",
        created_at=clock.now(),
    )
    session.add(trader)
    session.flush()
    trader.account = _account(AccountKind.TRADING, number, application.account_name or "", first)
    refresh_search_key(trader)
    _open(session, trader.account, None, actor)
    login = add_login(
        session, f"AST{number}T", Role.TRADER, contact.name, contact.mail, trader=trader, actor=actor
    )
    return trader, [login]


def _account(kind: AccountKind, number: int, name: str, company: Organisation) -> Account:
    return Account(
        id=number,
        kind=kind,
        state=AccountState.OPEN,
        name=name,
        search_key=account_key(name, f"AST-{number}", company.name, company.name_kana),
        opened_at=clock.now(),
    )


def _open(session: Session, account: Account, holder_id: int | None, actor: User) -> None:
    audit.record(
        session,
        EventTag.ACCOUNT_OPENED,
        account,
        actor=actor,
        holder_id=holder_id,
        account=account.code,
        kind=account.kind.value,
        name=account.name,
    )


def refresh_search_key(participant: Holder | Trader) -> None:
    """Write anew what the participant is searched by, after one of its names changed."""
    account = participant.account
    if isinstance(participant, Holder):
        companies = [participant.representative, *(j.organisation for j in participant.joint_companies)]
        texts = (participant.site_name, participant.site_kana, account.name)
        participant.search_key = participant_key(account.code, companies, participant.contact, *texts)
    else:
        companies = [participant.organisation]
        participant.search_key = participant_key(account.code, companies, participant.contact, account.name)
