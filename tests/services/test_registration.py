"""The registration office: what acceptance makes, and what is refused with nothing changed (domain §3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.errors import PortalError, Refusal, Stale
from portal.models import (
    Account,
    AccountKind,
    ApplicationState,
    Base,
    Event,
    Letter,
    LetterKind,
    LetterState,
    MailMessage,
    ParticipantKind,
    Period,
    RegistrationApplication,
    ReportState,
)
from portal.permissions import Role
from portal.services import registration
from portal.services.audit import EventTag
from portal.services.near_duplicates import near_duplicates
from portal.services.registration import ApplicationData
from portal.services.registration_checks import CheckCode, CheckResult, checks
from portal.services.transaction import one_transaction
from tests.factories import registration as make


@pytest.fixture(autouse=True)
def in_2013(at: Callable[[str], datetime]) -> None:
    at("2013-10-08 09:00")


def refused(work: Callable[[], object]) -> dict[str | None, Refusal]:
    """Field → refusal of what ``work`` is refused with."""
    with pytest.raises(PortalError) as caught:
        work()
    return {problem.field: problem.refusal for problem in caught.value.problems}


def counts(session: Session) -> dict[str, int]:
    return {
        name: session.scalar(select(func.count()).select_from(table)) or 0
        for name, table in Base.metadata.tables.items()
    }


def tags(session: Session) -> list[str]:
    return list(session.scalars(select(Event.tag).order_by(Event.id)))


def test_acceptance_makes_all_that_the_scheme_needs(session: Session) -> None:
    officer = make.office(session)
    data = make.holder_data(session, mail_b="b@tsubame.example")
    row = registration.record_application(session, data, actor=officer)
    made = registration.accept(session, row.id, actor=officer)
    session.flush()
    holder = made.holder
    assert holder is not None
    assert row.number == "R2-0001"
    assert row.state is ApplicationState.ACCEPTED
    assert (holder.account.code, holder.account.kind) == ("AST-1001", AccountKind.COMPLIANCE)
    assert {(u.login_id, u.role, u.email) for u in holder.users} == {
        ("AST1001A", Role.HOLDER_A, data.mail_a),
        ("AST1001B", Role.HOLDER_B, "b@tsubame.example"),
    }
    assert {r.period: r.state for r in holder.reports} == dict.fromkeys(Period, ReportState.NOT_SUBMITTED)
    assert [j.organisation.name for j in holder.joint_companies] == [data.joint_companies[0][0]]
    assert (made.letter.kind, made.letter.state) == (LetterKind.COMPLETION, LetterState.WAITING)
    assert made.letter.number == "第2期 通知第0001号"
    assert made.letter.copy_id is not None
    assert tags(session).count(EventTag.APPLICATION_ACCEPTED) == 1
    mails = session.scalars(select(MailMessage.recipient).where(MailMessage.kind == "registration_accepted"))
    assert list(mails) == [data.mail_a]


def test_traders_and_verifiers_register_with_shorter_forms(session: Session) -> None:
    make.holder(session)
    trader = make.trader(session)
    verifier = make.verifier(session)
    assert trader.account.code == "AST-1002"
    assert trader.account.kind is AccountKind.TRADING
    assert [u.login_id for u in trader.users] == ["AST1002T"]
    assert [u.login_id for u in verifier.users] == ["VRF01-1"]
    numbers = session.scalars(select(RegistrationApplication.number).order_by(RegistrationApplication.id))
    assert list(numbers) == ["R2-0001", "RT-0001", "RV-0001"]


@pytest.mark.parametrize(
    ("field", "value", "refusal"),
    [
        ("company_kana", "ツバメいんさつ", Refusal.KANA_NOT_HIRAGANA),
        ("representative_kana", "かわぐち Haruko", Refusal.KANA_NOT_HIRAGANA),
        ("contact_kana", "もりた 夏夫", Refusal.KANA_NOT_HIRAGANA),
        ("site_kana", "ｶﾜｸﾞﾁ", Refusal.KANA_NOT_HIRAGANA),
        ("contact_postal_code", "123456", Refusal.POSTAL_CODE_FORM),
        ("contact_telephone", "048-0000", Refusal.TELEPHONE_FORM),
        ("contact_fax", "fax", Refusal.TELEPHONE_FORM),
        ("mail_a", "morita@", Refusal.MAIL_FORM),
        ("mail_b", "a b@example.jp, c@example.jp", Refusal.MAIL_FORM),
        ("contact_company", "よその会社", Refusal.CONTACT_ELSEWHERE),
        ("contact_name", "森田😀", Refusal.GLYPH_MISSING),
        ("company_name", "", Refusal.REQUIRED),
        ("site_kind", None, Refusal.REQUIRED),
        ("account_name", " 　", Refusal.REQUIRED),
        ("contact_address", "長" * 201, Refusal.TOO_LONG),
        ("received_on", date(2013, 10, 9), Refusal.DATE_IN_FUTURE),
        ("phase_id", None, Refusal.PHASE_NEEDED),
    ],
)
def test_a_wrong_item_is_refused_at_its_field(
    session: Session, field: str, value: object, refusal: Refusal
) -> None:
    officer = make.office(session)
    data = make.holder_data(session, **{field: value})
    session.flush()
    before = counts(session)
    found = refused(lambda: registration.record_application(session, data, actor=officer))
    assert found[field] is refusal
    assert counts(session) == before


def test_all_that_is_wrong_is_said_at_once(session: Session) -> None:
    officer = make.office(session)
    data = make.holder_data(
        session,
        contact_postal_code="12-3",
        mail_a="x",
        joint_companies=(("株式会社わかば", "ワカバ"), ("株式会社ふたば", "")),
    )
    found = refused(lambda: registration.record_application(session, data, actor=officer))
    assert found == {
        "contact_postal_code": Refusal.POSTAL_CODE_FORM,
        "mail_a": Refusal.MAIL_FORM,
        "joint_companies-0-kana": Refusal.KANA_NOT_HIRAGANA,
        "joint_companies-1-kana": Refusal.JOINT_KANA_NEEDED,
    }


def test_the_refusal_of_kana_names_what_is_no_hiragana(session: Session) -> None:
    data = make.holder_data(session, company_kana="えーびーしーリース")
    with pytest.raises(PortalError) as caught:
        registration.record_application(session, data, actor=make.office(session))
    assert "「リース」" in caught.value.problems[0].text("ja")


@pytest.mark.parametrize("typed", ["1234567", "１２３４５６７", "123-4567", "〒123 4567"])
def test_a_postal_code_is_understood_however_it_is_typed(session: Session, typed: str) -> None:
    data = make.holder_data(session, contact_postal_code=typed)
    row = registration.record_application(session, data, actor=make.office(session))
    assert row.contact_postal_code == "123-4567"


def test_widths_and_blanks_are_put_right(session: Session) -> None:
    data = make.holder_data(
        session,
        contact_postal_code="〒１２３－４５６７",
        contact_telephone=" ０４８ー０００ー１２３４ ",
        mail_a="Ｍｏｒｉｔａ＠tsubame.example",
        company_kana=" つばめ　いんさつ ",
        site_name="川口工場\r\n",
    )
    row = registration.record_application(session, data, actor=make.office(session))
    assert row.contact_postal_code == "123-4567"
    assert row.contact_telephone == "048-000-1234"
    assert row.mail_a == "Morita@tsubame.example"
    assert (row.company_kana, row.site_name) == ("つばめ　いんさつ", "川口工場")


@pytest.mark.parametrize(
    ("seal", "consent", "missing"),
    [
        (False, True, {"seal_received": Refusal.SEAL_MISSING}),
        (True, False, {"consent_received": Refusal.CONSENT_MISSING}),
    ],
)
def test_without_seal_and_consent_form_nothing_is_accepted(
    session: Session, seal: bool, consent: bool, missing: dict[str, Refusal]
) -> None:
    officer = make.office(session)
    data = make.holder_data(session, seal_received=seal, consent_received=consent)
    row = registration.record_application(session, data, actor=officer)
    assert refused(lambda: registration.accept(session, row.id, actor=officer)) == missing
    registration.record_papers(session, row.id, seal=True, consent=True, actor=officer)
    assert registration.accept(session, row.id, actor=officer).holder


def test_nothing_is_made_when_acceptance_fails(session: Session) -> None:
    officer = make.office(session)
    first = make.holder_data(session)
    twin = replace(first, site_name="別の工場", contact_telephone="048-111-2222")
    with one_transaction(session):
        make.accepted(session, first, actor=officer)
        row = registration.record_application(session, twin, actor=officer)
    before, row_id = counts(session), row.id
    with pytest.raises(PortalError), one_transaction(session):
        registration.accept(session, row_id, actor=officer)
    assert counts(session) == before
    assert session.get_one(RegistrationApplication, row_id).state is ApplicationState.RECEIVED


def test_account_names_are_unique_however_they_are_spaced(session: Session) -> None:
    officer = make.office(session)
    make.accepted(session, make.holder_data(session, account_name="ABCリース　第一ビル"), actor=officer)
    row = registration.record_application(
        session, make.trader_data(account_name="ＡＢＣリース第一ビル"), actor=officer
    )
    found = refused(lambda: registration.accept(session, row.id, actor=officer))
    assert found == {"account_name": Refusal.ACCOUNT_NAME_TAKEN}


def test_a_site_is_registered_once_in_a_phase(session: Session) -> None:
    officer = make.office(session)
    data = make.holder_data(session)
    make.accepted(session, data, actor=officer)
    again = replace(data, account_name="別の口座名", site_address=f"{data.site_address} ")
    row = registration.record_application(session, again, actor=officer)
    found = refused(lambda: registration.accept(session, row.id, actor=officer, distinct=True))
    assert found == {"site_name": Refusal.SITE_TAKEN}
    third = replace(data, account_name="第三期の口座", phase_id=make.phase(session, 3).id)
    assert make.accepted(session, third, actor=officer).holder


def test_numbers_are_not_given_twice_after_a_failed_acceptance(session: Session) -> None:
    officer = make.office(session)
    with one_transaction(session):
        make.accepted(session, make.holder_data(session), actor=officer)
        bad = registration.record_application(
            session, make.holder_data(session, seal_received=False), actor=officer
        )
    with pytest.raises(PortalError), one_transaction(session):
        registration.accept(session, bad.id, actor=officer)
    with one_transaction(session):
        made = make.accepted(session, make.holder_data(session), actor=officer)
    assert made.holder is not None
    assert made.holder.account.id == 1002
    assert session.scalar(select(func.count()).select_from(Account).where(Account.id >= 1001)) == 2


def test_a_correction_brings_a_letter_and_the_application_back(session: Session) -> None:
    officer = make.office(session)
    row = registration.record_application(session, make.holder_data(session), actor=officer)
    letter = registration.ask_correction(session, row.id, "同意書に責任者印を押してください。", actor=officer)
    assert (letter.kind, letter.state, row.state) == (
        LetterKind.CORRECTION,
        LetterState.WAITING,
        ApplicationState.CORRECTION_ASKED,
    )
    data = replace(registration.data_of(row), contact_post="部長")
    registration.change_application(session, row.id, data, actor=officer)
    assert (row.state, row.contact_post) == (ApplicationState.RECEIVED, "部長")
    assert tags(session)[-2:] == [EventTag.APPLICATION_CORRECTED, EventTag.LETTER_VOIDED]


def test_joint_companies_may_be_exchanged(session: Session) -> None:
    officer = make.office(session)
    row = registration.record_application(session, make.holder_data(session), actor=officer)
    version = row.version
    pairs = (("株式会社いろは", "いろは"), ("株式会社ほへと", "ほへと"))
    data = replace(registration.data_of(row), joint_companies=pairs)
    registration.change_application(session, row.id, data, actor=officer, version=version)
    session.flush()
    session.expire_all()
    assert tuple((j.name, j.name_kana) for j in row.joint_companies) == pairs
    assert row.version > version
    with pytest.raises(Stale):
        registration.change_application(session, row.id, data, actor=officer, version=version)


def test_a_rejection_needs_a_reason_and_is_final(session: Session) -> None:
    officer = make.office(session)
    row = registration.record_application(session, make.trader_data(), actor=officer)
    assert refused(lambda: registration.reject(session, row.id, " ", actor=officer)) == {
        "reason": Refusal.REASON_NEEDED
    }
    letter = registration.reject(session, row.id, "対象となる要件を満たしていません。", actor=officer)
    assert letter.kind is LetterKind.REJECTION
    assert (row.state, row.decided_by_id) == (ApplicationState.REJECTED, officer.id)
    assert refused(lambda: registration.accept(session, row.id, actor=officer)) == {None: Refusal.WRONG_STATE}


def test_the_page_shows_ten_checks(session: Session) -> None:
    officer = make.office(session)
    make.accepted(session, make.holder_data(session, company_name="同じ会社", contact_company="同じ会社"))
    data = make.holder_data(
        session, company_name="同じ会社", contact_company="同じ会社", consent_received=False
    )
    row = registration.record_application(session, data, actor=officer)
    found = {check.code: check.result for check in checks(session, row)}
    assert len(found) == 10
    assert found[CheckCode.CONSENT] is CheckResult.BAD
    assert found[CheckCode.SITE] is CheckResult.ASK
    assert {r for code, r in found.items() if code not in (CheckCode.CONSENT, CheckCode.SITE)} == {
        CheckResult.OK
    }
    (duplicate,) = near_duplicates(session, row)
    assert (duplicate.code, duplicate.matches) == ("AST-1001", ("company_name",))


@pytest.mark.parametrize(("day", "late"), [(date(2013, 9, 30), False), (date(2013, 10, 1), True)])
def test_an_application_after_its_day_is_asked_about_and_not_refused(
    session: Session, day: date, late: bool
) -> None:
    officer = make.office(session)
    row = registration.record_application(session, make.holder_data(session, received_on=day), actor=officer)
    (check,) = [one for one in checks(session, row) if one.code is CheckCode.RECEIVED_ON]
    assert check.result is (CheckResult.ASK if late else CheckResult.OK)
    assert [problem.refusal for problem in check.problems] == ([Refusal.RECEIVED_LATE] if late else [])
    assert registration.accept(session, row.id, actor=officer).holder is not None


def test_what_a_shorter_form_does_not_ask_is_dropped(session: Session) -> None:
    data: ApplicationData = make.trader_data(site_name="工場", phase_id=None, mail_b="b@x.example")
    row = registration.record_application(session, data, actor=make.office(session))
    assert (row.kind, row.site_name, row.mail_b) == (ParticipantKind.TRADER, None, None)
    assert len(checks(session, row)) == 8


def test_letters_of_an_application_are_found(session: Session) -> None:
    officer = make.office(session)
    row = registration.record_application(session, make.holder_data(session), actor=officer)
    registration.ask_correction(session, row.id, "補正", actor=officer)
    registration.reject(session, row.id, "却下", actor=officer)
    kinds = [letter.kind for letter in registration.letters_of(session, row.id)]
    assert kinds == [LetterKind.REJECTION, LetterKind.CORRECTION]
    assert session.scalar(select(func.count()).select_from(Letter)) == 2
