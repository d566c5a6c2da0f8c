"""A small scheme with a reader of every kind, made through the services."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.models import (
    EmissionsReport,
    Holder,
    ParticipantKind,
    Participation,
    Period,
    Phase,
    SiteKind,
    Trader,
    User,
    Verifier,
)
from portal.permissions import Role
from portal.services import phases, registration, users
from portal.services.registration_data import ApplicationData
from tests.factories.registration import opened

DATES = phases.RuleDates(
    application_due=date(2012, 9, 30),
    base_report_from=date(2013, 4, 1),
    base_report_due=date(2013, 9, 30),
    issue_from=date(2014, 4, 1),
    target_report_from=date(2015, 4, 1),
    target_report_due=date(2015, 9, 30),
    retirement_deadline=date(2015, 11, 30),
    banking_from=date(2015, 12, 1),
    banking_until=date(2016, 1, 31),
    adjustment_report_from=date(2016, 4, 1),
    adjustment_report_due=date(2016, 9, 30),
)
YEARS = phases.PhaseYears(2013, 2014, 2015, 2016, 2010, 2012)


@dataclass
class People:
    """Everybody who may get a mail."""

    officer: User
    approver: User
    viewer: User
    holder: Holder
    other_holder: Holder
    trader: Trader
    verifier: Verifier
    phase: Phase

    def report(self, period: Period = Period.BASE) -> EmissionsReport:
        return next(report for report in self.holder.reports if report.period is period)

    def login(self, session: Session, role: Role, holder: Holder | None = None) -> User:
        wanted = (holder or self.holder).id
        return session.scalars(select(User).where(User.holder_id == wanted, User.role == role)).one()


def people(session: Session, *, mail_b: str | None = "b@holder.example") -> People:
    """The small scheme; the caller commits."""
    made = [
        users.create_secretariat_user(session, login, name, role, f"{login}@office.example", actor=None)[0]
        for login, name, role in (
            ("office01", "事務 一子", Role.OFFICER),
            ("office02", "承認 二郎", Role.APPROVER),
            ("office03", "閲覧 三子", Role.VIEWER),
        )
    ]
    officer, approver, viewer = made
    session.flush()
    phase = opened(session, 2, YEARS, DATES, by=(officer, approver))
    session.flush()

    def accepted(data: ApplicationData) -> registration.Accepted:
        row = registration.record_application(session, data, actor=officer)
        session.flush()
        return registration.accept(session, row.id, actor=officer, distinct=True)

    holders = [accepted(_holder(phase, n, mail_b)).holder for n in (1, 2)]
    trader = accepted(_company(ParticipantKind.TRADER, "取引商事株式会社", "t@trader.example")).trader
    verifier = accepted(_company(ParticipantKind.VERIFIER, "検証株式会社", "v@verifier.example")).verifier
    session.flush()
    assert holders[0] is not None and holders[1] is not None and trader is not None and verifier is not None
    return People(officer, approver, viewer, holders[0], holders[1], trader, verifier, phase)


def _company(kind: ParticipantKind, name: str, mail: str) -> ApplicationData:
    return ApplicationData(
        kind=kind,
        received_on=date(2012, 9, 1),
        company_name=name,
        company_kana="かいしゃ",
        representative_name="代表 太郎",
        representative_kana="だいひょう たろう",
        contact_company=name,
        contact_name="環境 太郎",
        contact_kana="かんきょう たろう",
        contact_postal_code="100-0001",
        contact_address="東京都千代田区千代田1-1",
        contact_telephone="03-1234-5678",
        mail_a=mail,
        account_name=None if kind is ParticipantKind.VERIFIER else name,
        disclosure_consent=True,
        seal_received=True,
        consent_received=True,
    )


def _holder(phase: Phase, number: int, mail_b: str | None) -> ApplicationData:
    plain = _company(ParticipantKind.HOLDER, f"試験工業{number}株式会社", f"a{number}@holder.example")
    return ApplicationData(
        **{
            **vars(plain),
            "phase_id": phase.id,
            "mail_b": mail_b if number == 1 else None,
            "site_name": f"第{number}工場",
            "site_kana": "こうじょう",
            "site_address": f"東京都千代田区千代田1-{number}",
            "site_kind": SiteKind.FACTORY,
            "participation": Participation.SINGLE,
            "other_scheme": False,
        }
    )
