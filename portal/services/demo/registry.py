"""Scenes of the registration office: phases, logins, applications, letters, targets, assignments."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from portal import clock
from portal.models import ParticipantKind, Participation, SiteKind
from portal.permissions import Role
from portal.services import letters, phase_proposals, phases, registration, targets, users
from portal.services.demo import names, plan
from portal.services.demo.assigning import assign_holder
from portal.services.demo.stage import Stage
from portal.services.registration_data import ApplicationData

HOLDER_LOGINS = ("AST1001A", "AST1001B", "AST1002A", "AST1022A", "AST1048A")
OTHER_LOGINS = ("AST1051T", "VRF01-1", "VRF02-1")
#: the demonstration's passwords; printed by ``make run`` and worth nothing elsewhere
PASSWORD = "asset-jissen-2015-demo"  # noqa: S105
#: the logins a visitor may play
PERSONAS = (*(login for login, _name, _role in names.OFFICE), *HOLDER_LOGINS, *OTHER_LOGINS)


def phase_dates(number: int) -> tuple[phases.PhaseYears, phases.RuleDates]:
    """Phase N in the rhythm of phase 2 (domain §6)."""
    return phases.calendar_of(2011 + number)


def office(stage: Stage) -> None:
    """The five logins of the secretariat."""

    def make() -> None:
        for login_id, name, role in names.OFFICE:
            user, _once = users.create_secretariat_user(
                stage.session, login_id, name, Role(role), f"{login_id}@office.example", actor=None
            )
            stage.office[login_id] = user.id

    stage.at("2013-04-01 09:00")
    stage.play(make)


def personas(stage: Stage) -> None:
    """Those whom a visitor may play have done their first login and set the printed password."""
    for login_id in PERSONAS:
        stage.at("2014-09-10 09:00")
        stage.play(users.set_first_password, stage.session, PASSWORD, PASSWORD, actor=stage.user(login_id))


def all_phases(stage: Stage) -> None:
    """Phases 1 to 4, each by two persons; the second is the one shown."""

    def make() -> None:
        for number in (1, 2, 3, 4):
            years, dates = phase_dates(number)
            proposal = phase_proposals.propose_phase(
                stage.session, number, years, dates, reason="実施ルールのとおり", actor=stage.officer()
            )
            clock.step(timedelta(hours=1))
            phase = phase_proposals.confirm_proposal(stage.session, proposal.id, actor=stage.approver())
            stage.phases[number] = phase.id

    stage.at("2013-04-02 10:00")
    stage.play(make)


def holder_data(stage: Stage, position: int, *, phase: int, received: date) -> ApplicationData:
    """The paper application of an invented company."""
    company = names.companies()[position]
    person = names.people()[position % len(names.people())]
    return ApplicationData(
        kind=ParticipantKind.HOLDER,
        received_on=received,
        phase_id=stage.phases[phase],
        company_name=company.name,
        company_kana=company.kana,
        representative_name=f"代表 {person.name.split()[1]}",
        representative_kana=f"だいひょう {person.kana.split()[1]}",
        contact_company=company.name,
        contact_department="総務部",
        contact_post="環境課長" if position % 2 else "環境担当",
        contact_name=person.name,
        contact_kana=person.kana,
        contact_postal_code=f"{100 + position:03d}-{1000 + position * 37:04d}",
        contact_address=f"{company.prefecture}みほん市みほん町{position + 2}-2-3",
        contact_telephone=f"03-0000-{1000 + position:04d}",
        contact_fax=f"03-0000-{2000 + position:04d}",
        mail_a=f"a{position + 1}@holder.example",
        mail_b=f"b{position + 1}@holder.example" if position % 3 == 0 else None,
        disclosure_consent=position % 5 != 4,
        site_name=company.site,
        site_kana=company.site_kana,
        site_address=f"{company.prefecture}みほん市みほん町{position + 2}-2-3",
        site_kind=SiteKind.FACTORY if company.factory else SiteKind.WORKPLACE,
        participation=Participation.GROUP if position % 7 == 6 else Participation.SINGLE,
        other_scheme=company.prefecture in ("東京都", "埼玉県"),
        account_name=f"{company.name}　{company.site}",
        seal_received=True,
        consent_received=True,
    )


def example_data(stage: Stage) -> ApplicationData:
    """The application the briefing fills in as its example (briefing §5)."""
    return ApplicationData(
        kind=ParticipantKind.HOLDER,
        received_on=date(2013, 9, 24),
        phase_id=stage.phases[2],
        company_name="ABCリース株式会社",
        company_kana="えーびーしーりーすかぶしきがいしゃ",
        representative_name="先進 花子",
        representative_kana="せんしん はなこ",
        joint_companies=(("株式会社アセット不動産", "かぶしきがいしゃあせっとふどうさん"),),
        contact_company="株式会社アセット不動産",
        contact_department="環境部",
        contact_post="環境部長",
        contact_name="環境 太郎",
        contact_kana="かんきょう たろう",
        contact_postal_code="123-4567",
        contact_address="東京都千代田区みほん1-2-3",
        contact_telephone="03-0000-0001",
        contact_fax="03-0000-0002",
        mail_a="taro@asset.example",
        mail_b="kankyo@asset.example",
        disclosure_consent=True,
        site_name="アセット第一ビル",
        site_kana="あせっとだいいちびる",
        site_address="埼玉県みほん市みほん第一1-2-3",
        site_kind=SiteKind.WORKPLACE,
        participation=Participation.SINGLE,
        other_scheme=False,
        account_name="ABCリース株式会社　アセット第一ビル",
        seal_received=True,
        consent_received=True,
    )


def _register(stage: Stage, data: ApplicationData) -> registration.Accepted:
    row = registration.record_application(stage.session, data, actor=stage.officer())
    accepted = registration.accept(stage.session, row.id, actor=stage.officer(2))
    stage.letters.append(accepted.letter.id)
    return accepted


def holders(stage: Stage) -> None:
    """Phase 2's fifty holders; the worked example is the first."""
    for position in range(plan.HOLDERS):
        data = (
            example_data(stage)
            if position == 0
            else holder_data(stage, position - 1, phase=2, received=date(2013, 9, 24))
        )
        stage.at("2013-10-08 09:30", minutes=3 * position)
        accepted = stage.play(_register, stage, data)
        assert accepted.holder is not None
        stage.holders.append(accepted.holder.id)


def earlier_holders(stage: Stage) -> None:
    """Three holders of phase 1, taken over from paper: their last year's states are seen here only."""
    for number in range(3):
        data = holder_data(stage, plan.HOLDERS - 1 + number, phase=1, received=date(2014, 9, 1))
        stage.at("2014-09-03 10:00", minutes=number)
        accepted = stage.play(_register, stage, data)
        assert accepted.holder is not None
        stage.earlier_holders.append(accepted.holder.id)


def traders(stage: Stage) -> None:
    """Six traders, each with its login and trading account."""
    for number, (name, kana) in enumerate(names.TRADERS):
        person, mail = names.people()[number], f"t{number + 1}@trader.example"
        data = _short_form(ParticipantKind.TRADER, name, kana, person.name, person.kana, mail)
        stage.at("2013-11-05 10:00", minutes=number)
        accepted = stage.play(_register, stage, data)
        assert accepted.trader is not None
        stage.traders.append(accepted.trader.id)


def all_verifiers(stage: Stage) -> None:
    """Four verifiers, each with its first login."""
    for number, (name, kana, person, person_kana) in enumerate(names.VERIFIERS):
        mail = f"v{number + 1}@verifier.example"
        data = _short_form(ParticipantKind.VERIFIER, name, kana, person, person_kana, mail)
        stage.at("2013-09-12 10:00", minutes=number)
        accepted = stage.play(_register, stage, data)
        assert accepted.verifier is not None
        stage.verifiers.append(accepted.verifier.id)


def with_another_site(
    stage: Stage, position: int, site: tuple[str, str], *, phase: int, received: date
) -> registration.Accepted:
    """A company of phase 2 takes part in ``phase`` with ``site`` (name, kana): recorded and accepted now."""
    data = holder_data(stage, position, phase=phase, received=received)
    name, kana = site
    data = replace(data, site_name=name, site_kana=kana, account_name=f"{data.company_name}　{name}")
    row = stage.play(registration.record_application, stage.session, data, actor=stage.officer())
    # the company is in phase 2 with another site: whoever accepts has compared the two
    return stage.play(registration.accept, stage.session, row.id, actor=stage.officer(2), distinct=True)


def _short_form(
    kind: ParticipantKind,
    name: str,
    kana: str,
    person: str,
    person_kana: str,
    mail: str,
    *,
    received: date = date(2013, 9, 10),
) -> ApplicationData:
    return ApplicationData(
        kind=kind,
        received_on=received,
        company_name=name,
        company_kana=kana,
        representative_name=person,
        representative_kana=person_kana,
        contact_company=name,
        contact_department="業務部",
        contact_post="担当",
        contact_name=person,
        contact_kana=person_kana,
        contact_postal_code="100-0001",
        contact_address=f"東京都みほん区みほん4-5-{sum(map(ord, mail)) % 1000}",
        contact_telephone=f"03-0000-3{sum(map(ord, mail)) % 1000:03d}",
        mail_a=mail,
        disclosure_consent=True,
        account_name=name if kind is ParticipantKind.TRADER else None,
        seal_received=True,
        consent_received=True,
    )


def targets_and_verifiers(stage: Stage) -> None:
    """Reduction targets by two persons; verifiers shared out."""
    for one in plan.holders():
        _prepare(stage, stage.holders[one.position], one.target, one.position, "2013-10-20 10:00")
    for number, holder_id in enumerate(stage.earlier_holders):
        _prepare(stage, holder_id, 181 + 17 * number, number, "2014-09-05 10:00")


def _prepare(stage: Stage, holder_id: int, target: int, number: int, when: str) -> None:
    stage.at(when, minutes=number)
    made = stage.play(targets.propose_target, stage.session, holder_id, target, actor=stage.officer())
    stage.at(when, days=1, minutes=number)
    stage.play(targets.confirm_target, stage.session, made.id, actor=stage.approver())
    verifier_id = stage.verifiers[number % 4]
    stage.at(when, days=2, minutes=number)
    stage.play(assign_holder, stage.session, holder_id, verifier_id, actor=stage.officer())


def posted_letters(stage: Stage) -> None:
    """All were printed and nearly all posted; one came back. October's wait for the printer."""
    for index, letter_id in enumerate(stage.letters):
        stage.at("2014-09-08 14:00", minutes=index)
        stage.play(letters.print_letter, stage.session, letter_id, actor=stage.officer())
        if index % 16 != 14:
            stage.play(letters.mark_posted, stage.session, letter_id, clock.today(), actor=stage.officer())
    stage.at("2014-09-15 10:00")
    stage.play(letters.mark_returned, stage.session, stage.letters[2], clock.today(), actor=stage.officer())


def open_applications(stage: Stage) -> None:
    """What lies on the desk on the demonstration's day: phase 4, every state."""
    first = plan.HOLDERS + 2
    acts = ("", "", "ask", "", "ask", "", "reject", "", "withdraw", "")
    for number, act in enumerate(acts):
        data = holder_data(
            stage, first + number, phase=4, received=date(2015, 10, 1) + timedelta(days=number)
        )
        if number % 3 == 0:
            data = _without_consent(data)
        stage.at("2015-10-01 13:00", days=number)
        row = stage.play(registration.record_application, stage.session, data, actor=stage.officer())
        stage.at("2015-10-12 10:00", minutes=number)
        stage.play(_decide, stage, row.id, act)
    trader = _short_form(
        ParticipantKind.TRADER,
        "株式会社はつゆき商事",
        "かぶしきがいしゃはつゆきしょうじ",
        "初雪 京子",
        "はつゆき きょうこ",
        "hatsuyuki@trader.example",
        received=date(2015, 10, 13),
    )
    stage.at("2015-10-13 11:00")
    stage.play(registration.record_application, stage.session, trader, actor=stage.officer(2))


def _without_consent(data: ApplicationData) -> ApplicationData:

    return replace(data, consent_received=False)


def _decide(stage: Stage, application_id: int, act: str) -> None:
    actor = stage.officer(2)
    if act == "ask":
        registration.ask_correction(
            stage.session,
            application_id,
            "同意書に個人情報責任者の押印がありません。押印のうえ、もう一度お送りください。",
            actor=actor,
        )
    if act == "reject":
        registration.reject(stage.session, application_id, "第4期の採択事業者ではありません。", actor=actor)
    if act == "withdraw":
        registration.withdraw(
            stage.session, application_id, "申請者から取下げの連絡がありました。", actor=actor
        )
