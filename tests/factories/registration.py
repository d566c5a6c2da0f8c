"""People, phases and participants for tests, made through the services like the real ones."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.models import (
    Holder,
    ParticipantKind,
    Participation,
    Phase,
    SiteKind,
    Trader,
    User,
    Verifier,
)
from portal.permissions import Role
from portal.services import phase_proposals, registration, users, verifiers
from portal.services.passwords import hash_password
from portal.services.phases import PhaseYears, RuleDates
from portal.services.registration import Accepted, ApplicationData
from tests.factories import numbers
from tests.factories.replayed import replayed

PASSWORD = "kawa-no-nagare-wa-taezu-7"
_hashed: list[str] = []

YEARS = PhaseYears(2013, 2014, 2015, 2016, 2010, 2012)
DATES = RuleDates(
    application_due=date(2013, 9, 30),
    base_report_from=date(2013, 4, 1),
    base_report_due=date(2014, 1, 31),
    issue_from=date(2014, 4, 1),
    target_report_from=date(2015, 4, 1),
    target_report_due=date(2015, 7, 31),
    retirement_deadline=date(2015, 11, 30),
    banking_from=date(2015, 12, 1),
    banking_until=date(2016, 1, 31),
    adjustment_report_from=date(2016, 4, 1),
    adjustment_report_due=date(2016, 7, 31),
)


def kana_of(n: int) -> str:
    """A number in hiragana: what looks alike is compared by its reading too."""
    return "".join("おあいうえかきくけこ"[int(digit)] for digit in str(n))


def office(session: Session, role: Role = Role.OFFICER, login_id: str | None = None) -> User:
    """A colleague of the secretariat with :data:`PASSWORD`."""
    name = login_id or f"{role.value}{numbers.following()}"
    user, _ = users.create_secretariat_user(
        session, name, "事務 花子", role, f"{name}@office.example", actor=None
    )
    return with_password(user)


def with_password(user: User) -> User:
    """Let ``user`` have set :data:`PASSWORD` as its own."""
    if not _hashed:
        _hashed.append(hash_password(PASSWORD))
    user.password = _hashed[0]
    user.must_change_password = False
    user.initial_password_until = None
    return user


@replayed
def phase(session: Session, number: int = 2) -> Phase:
    """Phase 2 with the calendar of domain §6 (or another with the same dates)."""
    found = session.scalars(select(Phase).where(Phase.number == number)).one_or_none()
    if found is not None:
        return found
    return opened(session, number, YEARS, DATES, by=(office(session), office(session, Role.APPROVER)))


def opened(
    session: Session, number: int, years: PhaseYears, dates: RuleDates, *, by: tuple[User, User]
) -> Phase:
    """A phase, proposed by the first and confirmed by the second of two colleagues."""
    made = phase_proposals.propose_phase(
        session, number, years, dates, reason="実施ルールによる", actor=by[0]
    )
    return phase_proposals.confirm_proposal(session, made.id, actor=by[1])


def holder_data(session: Session, **changes: object) -> ApplicationData:
    """A complete, correct application of a holder; each call is another company and site."""
    n = numbers.following()
    data = ApplicationData(
        kind=ParticipantKind.HOLDER,
        phase_id=phase(session).id,
        received_on=date(2013, 9, 2),
        company_name=f"つばめ印刷{n}株式会社",
        company_kana=f"つばめいんさつ{kana_of(n)}かぶしきがいしゃ",
        representative_name="川口 春子",
        representative_kana="かわぐち はるこ",
        joint_companies=((f"株式会社わかばリース{n}", "かぶしきがいしゃわかばりーす"),),
        contact_company=f"つばめ印刷{n}株式会社",
        contact_department="総務部",
        contact_post="環境課長",
        contact_name="森田 夏夫",
        contact_kana="もりた なつお",
        contact_postal_code="123-4567",
        contact_address="埼玉県XXX市XXX 1-2-3",
        contact_telephone=f"048-000-{n % 10000:04d}",
        mail_a=f"a{n}@tsubame.example",
        disclosure_consent=True,
        site_name=f"川口工場{n}",
        site_kana="かわぐちこうじょう",
        site_address=f"埼玉県XXX市XXX 4-5-{n}",
        site_kind=SiteKind.FACTORY,
        participation=Participation.SINGLE,
        other_scheme=True,
        account_name=f"つばめ印刷 川口工場{n}",
        seal_received=True,
        consent_received=True,
    )
    return replace(data, **changes)  # type: ignore[arg-type]


def trader_data(**changes: object) -> ApplicationData:
    """A complete, correct application of a trader."""
    n = numbers.following()
    data = ApplicationData(
        kind=ParticipantKind.TRADER,
        received_on=date(2013, 9, 3),
        company_name=f"こはる商会{n}株式会社",
        company_kana=f"こはるしょうかい{kana_of(n)}かぶしきがいしゃ",
        representative_name="小春 一郎",
        representative_kana="こはる いちろう",
        contact_company=f"こはる商会{n}株式会社",
        contact_name="取引 二郎",
        contact_kana="とりひき じろう",
        contact_postal_code="100-0001",
        contact_address=f"東京都千代田区XXX {n}-1",
        contact_telephone=f"03-0001-{n % 10000:04d}",
        mail_a=f"t{n}@koharu.example",
        disclosure_consent=True,
        account_name=f"こはる商会{n}",
        seal_received=True,
        consent_received=True,
    )
    return replace(data, **changes)  # type: ignore[arg-type]


def verifier_data(**changes: object) -> ApplicationData:
    """A complete, correct application of a verifier."""
    data = trader_data(kind=ParticipantKind.VERIFIER, account_name=None)
    n = numbers.following()
    name = f"あおぞら認証{n}株式会社"
    data = replace(data, company_name=name, contact_company=name, mail_a=f"v{n}@aozora.example")
    return replace(data, **changes)  # type: ignore[arg-type]


@replayed
def accepted(session: Session, data: ApplicationData, *, actor: User | None = None) -> Accepted:
    """Recorded and accepted."""
    actor = actor or office(session)
    row = registration.record_application(session, data, actor=actor)
    return registration.accept(session, row.id, actor=actor, distinct=True)


@replayed
def holder(session: Session, /, **changes: object) -> Holder:
    """A registered holder whose logins have :data:`PASSWORD`."""
    made = accepted(session, holder_data(session, **changes)).holder
    assert made is not None
    for user in made.users:
        with_password(user)
    session.flush()
    return made


@replayed
def trader(session: Session, /, **changes: object) -> Trader:
    """A registered trader whose login has :data:`PASSWORD`."""
    made = accepted(session, trader_data(**changes)).trader
    assert made is not None
    for user in made.users:
        with_password(user)
    session.flush()
    return made


def colleague_of(session: Session, whose: Verifier, by: User, name: str = "検証 次郎") -> User:
    """A further login of a verifier; it has :data:`PASSWORD`."""
    login, _letter = verifiers.add_user(
        session, whose.id, name, f"user{len(whose.users) + 1}@{whose.code.lower()}.example", actor=by
    )
    with_password(login)
    session.flush()
    session.expire(whose, ["users"])
    return login


@replayed
def verifier(session: Session, /, **changes: object) -> Verifier:
    """A registered verifier whose login has :data:`PASSWORD`."""
    made = accepted(session, verifier_data(**changes)).verifier
    assert made is not None
    for user in made.users:
        with_password(user)
    session.flush()
    return made
