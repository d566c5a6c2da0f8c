"""A small world with a row of every kind the registration office looks at, made once through the services."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Engine, String, select
from sqlalchemy.orm import Session

from portal import clock
from portal.extensions import make_session
from portal.models import (
    AccountAction,
    CompanyChange,
    Holder,
    ImportRow,
    Letter,
    PublicationSubject,
    ScanKind,
    User,
)
from portal.models.base import Base
from portal.services import (
    account_life,
    company_changes,
    contacts,
    imports,
    notes,
    phase_proposals,
    publications,
    registration,
    scans,
    targets,
    verification,
)
from portal.services import reports as holders_reports
from portal.services.demo.papers import small_pdf
from portal.services.transaction import one_transaction
from tests.factories import allowances, factors, reports
from tests.factories import imports as files
from tests.factories import registration as make

TODAY = "2014-04-08 09:00"
#: as long as registered names come
LONG = "みほん広域エネルギーソリューションズホールディングス株式会社"
LONG_KANA = "みほんこういきえねるぎーそりゅーしょんずほーるでぃんぐすかぶしきがいしゃ"
#: tables whose words are the portal's: they may not hide an untranslated one
_OURS = {"emission_factor", "import_row", "event"}


def build(engine: Engine) -> dict[str, Any]:
    """Fill an empty database; ids and logins by the name the pages' addresses use."""
    with make_session(engine) as session:
        with one_transaction(session):
            rows = _registered(session)
        officer = session.get_one(type(rows["officer"]), rows["officer"].id)
        good = [files.plain_trader(n) for n in range(3)]
        bad = {1: {"mail_a": "みほん", "contact_telephone": "abc"}, 2: {"company_name": "みほん\U00020bb7"}}
        sent = {"ready": files.workbook(good), "refused": files.workbook(good, bad)}
        sent["running"] = files.workbook([files.plain_trader(9)])
        ids = {name: files.send(session, data, actor=officer) for name, data in sent.items()}
        files.work(engine)
        ids["uploaded"] = files.send(session, sent["ready"], actor=officer)
        session.rollback()
        with one_transaction(session):
            imports.start(session, ids["running"], actor=officer)
        made = {name: getattr(row, "login_id", row) for name, row in rows.items()}
        return {**made, **ids, "names": names(session)}


def _registered(session: Session) -> dict[str, Any]:
    market = allowances.market(session)
    allowances.at(TODAY)
    officer, approver, holder = market.officer, market.approver, market.holder
    applications = _applications(session, officer)
    second = reports.scheme(session)
    reports.bring(session, second, reports.ReportState.APPROVED, reports.Period.BASE, 9_000)
    third, assigned = _verifying(session)
    allowances.at(TODAY)
    target = targets.propose_target(session, second.holder.id, 1_200, actor=officer)
    old = contacts.present(holder)
    change = contacts.apply_for_change(session, replace(old, department="環境推進部"), actor=market.a)
    recorded = _paper_change(session, holder, officer)
    notes.write(session, company_changes.kind_of(holder), holder.id, "電話で確かめた。", actor=officer)
    account = account_life.propose(
        session, second.holder.account.id, AccountAction.SUSPEND, "届出のため", actor=officer
    )
    dates = replace(make.DATES, retirement_deadline=date(2015, 11, 27))
    proposal = phase_proposals.propose_rule(
        session, holder.phase_id, dates, reason="実施ルールの改正", actor=officer
    )
    table = factors.proposed(session, 2016, officer, factors.FREE, electricity={"factor": "0.000570"})
    # amounts are told as of a day that is over
    allowances.at(f"{clock.today() + timedelta(days=1)} {TODAY.split()[1]}")
    for subject in PublicationSubject:
        public = publications.propose(session, holder.phase_id, subject, actor=officer)
        publications.release(session, public.id, actor=approver)
    session.flush()
    letter = session.scalars(select(Letter.id)).first()
    return {
        **applications,
        "officer": officer,
        "approver": approver,
        "a": market.a,
        "b": market.b,
        "t": market.t,
        "v": third.v,
        "assigned": assigned,
        "holder": holder.id,
        "trader": market.trader.id,
        "verifier": market.scheme.verifier.id,
        "account": holder.account.id,
        "account_change": account.id,
        "contact_change": change.id,
        "company_change": recorded.id,
        "target": target.id,
        "phase": holder.phase_id,
        "phase_proposal": proposal.id,
        "factor_proposal": table.id,
        "publication": public.id,
        "report": second.report().id,
        "letter": letter,
        "user": market.b.id,
    }


def _paper_change(session: Session, holder: Holder, officer: User) -> CompanyChange:
    paper = replace(
        company_changes.present(holder),
        joint_companies=(("みほん電力サービス株式会社", "みほんでんりょくさーびすかぶしきがいしゃ"),),
        received_on=date(2014, 4, 7),
        seal_received=True,
    )
    kind = company_changes.kind_of(holder)
    return company_changes.record_change(
        session, kind, holder.id, paper, scan=("変更申請書.pdf", small_pdf("変更")), actor=officer
    )


def _verifying(session: Session) -> tuple[reports.Scheme, int]:
    """A report's second version at its verifier, which has a second login and a checklist from the first."""
    scheme = reports.scheme(session)
    make.colleague_of(session, scheme.verifier, scheme.officer)
    report = reports.bring(session, scheme, reports.ReportState.VERIFICATION_REQUESTED)
    reports.verify(session, scheme, report, "qualified")
    verification.return_to_holder(session, report.id, "11月が違います。", actor=scheme.v)
    reports.register(session, report, 9_000, actor=scheme.a)
    holders_reports.request_verification(session, report.id, actor=scheme.a)
    return scheme, report.id


def _applications(session: Session, officer: Any) -> dict[str, int]:
    """One complete, its lookalike, one with a scan and without papers, one to be corrected, one rejected."""
    long = make.holder_data(session, company_name=LONG, company_kana=LONG_KANA, contact_company=LONG)
    plain = registration.record_application(session, long, actor=officer)
    alike = registration.record_application(
        session, make.holder_data(session, company_name=LONG, contact_company=LONG), actor=officer
    )
    waiting = registration.record_application(
        session, make.trader_data(seal_received=False, consent_received=False), actor=officer
    )
    scans.attach(
        session, waiting.id, ScanKind.APPLICATION, [("申請書.pdf", small_pdf("申請"))], actor=officer
    )
    asked = registration.record_application(session, make.verifier_data(), actor=officer)
    registration.ask_correction(session, asked.id, "押印がありません。", actor=officer)
    refused = registration.record_application(session, make.trader_data(), actor=officer)
    registration.reject(session, refused.id, "対象外です。", actor=officer)
    return {
        "plain": plain.id,
        "alike": alike.id,
        "waiting": waiting.id,
        "asked": asked.id,
        "rejected": refused.id,
    }


def names(session: Session) -> list[str]:
    """Every text of a row, longest first: what may stand in Japanese on an English page."""
    found: set[str] = set()
    for table in Base.metadata.sorted_tables:
        kept = [column for column in table.columns if isinstance(column.type, String)]
        if kept and table.name not in _OURS:
            for row in session.execute(select(*kept)):
                found.update(str(text).strip() for text in row if text)
    for read in session.scalars(select(ImportRow)):
        found.update(str(text) for text in read.values.values())
        found.add(f"{read.sheet}, row")  # the file's own words
    found.add("受電")  # a source of the forms
    session.rollback()
    return sorted((text for text in found if not text.isascii()), key=len, reverse=True)
