"""Tables for the public: frozen when proposed, released by another person; their sums add up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import NotAllowed, NotFound, PortalError, Refusal
from portal.models import (
    Event,
    MailMessage,
    MovementKind,
    Organisation,
    Period,
    Publication,
    PublicationState,
    PublicationSubject,
    ReportState,
    User,
)
from portal.permissions import Role
from portal.services import colleagues, publications, reviews
from portal.services.audit import EventTag
from portal.services.publication_content import EmissionsRow, content_of, emissions_sums
from portal.services.transaction import one_transaction
from tests.factories import allowances, reports, settlement
from tests.factories import registration as make
from tests.services.test_races import at_once

S, EMISSIONS, ALLOWANCES = PublicationState, PublicationSubject.EMISSIONS, PublicationSubject.ALLOWANCES
Act = Callable[[int, User], object]


@pytest.fixture
def market(session: Session, running_clock: None) -> allowances.Market:
    """A holder with approved base year 10,000 and target 1,500, 8,500 issued; 8 April 2014."""
    with one_transaction(session):
        made = allowances.market(session)
    return made


def propose(
    session: Session, market: allowances.Market, subject: PublicationSubject = EMISSIONS, **more: Any
) -> Publication:
    actor = more.pop("actor", market.officer)
    return publications.propose(session, market.holder.phase_id, subject, actor=actor, **more)


def refused(work: Callable[[], object]) -> list[Refusal]:
    with pytest.raises(PortalError) as caught:
        work()
    return [problem.refusal for problem in caught.value.problems]


def approve_target_year(session: Session, market: allowances.Market, tonnes: int = 7_400) -> None:
    reports.bring(session, market.scheme, ReportState.APPROVED, Period.TARGET, tonnes)


def tags(session: Session, row: Publication) -> list[str]:
    query = select(Event.tag).where(Event.subject_type == "publication", Event.subject_id == row.id)
    return list(session.scalars(query.order_by(Event.id)))


def mails(session: Session, kind: str) -> list[MailMessage]:
    return list(session.scalars(select(MailMessage).where(MailMessage.kind == kind)))


def test_what_two_persons_let_out_is_what_the_first_one_saw(
    session: Session, market: allowances.Market
) -> None:
    seen = publications.present(session, market.holder.phase, EMISSIONS)[1]
    row = propose(session, market, seen=seen, note="概算です", key="one")
    assert propose(session, market, seen=seen, note="概算です", key="one") is row
    assert publications.released(session) == [] and not publications.anything_released(session)
    (asked,) = [
        one for one in mails(session, "publication_to_confirm") if one.recipient == market.approver.email
    ]
    assert "第2期の検証済排出量の公表が起案されました" in asked.body
    publications.release(session, row.id, actor=market.approver, version=row.version)
    (public,) = publications.released(session)
    assert public.content["rows"] == [
        {
            "company": market.holder.representative.name,
            "site": market.holder.site_name,
            "base": 10_000,
            "target": 1_500,
            "actual": None,
            "reduced": None,
        }
    ]
    assert public.content["sums"]["rate"] is None
    (told,) = mails(session, "publication_released")
    assert told.recipient == market.a.email
    assert tags(session, row) == [EventTag.PUBLICATION_PROPOSED.value, EventTag.PUBLICATION_RELEASED.value]


def test_a_newer_table_takes_the_place_of_the_older_one(session: Session, market: allowances.Market) -> None:
    first = propose(session, market)
    publications.release(session, first.id, actor=market.approver)
    assert refused(lambda: propose(session, market)) == [Refusal.PUBLICATION_SAME]
    approve_target_year(session, market)
    second = propose(session, market)
    assert publications.released_one(session, 2, EMISSIONS) is first
    clock.step(timedelta(hours=1))
    publications.release(session, second.id, actor=market.approver)
    assert publications.released(session) == [second]
    assert (first.state, first.ended_by_id, first.ended_at) == (S.REPLACED, market.approver.id, clock.now())
    assert second.content["sums"]["reduced"] == 2_600 and second.content["sums"]["rate"] == "26.00"
    assert tags(session, first)[-1] == EventTag.PUBLICATION_REPLACED.value


def test_what_has_changed_since_the_proposal_is_not_released(
    session: Session, market: allowances.Market
) -> None:
    seen = publications.present(session, market.holder.phase, EMISSIONS)[1]
    row = propose(session, market)
    approve_target_year(session, market)
    assert refused(lambda: propose(session, market, seen=seen)) == [Refusal.FIGURES_CHANGED]
    assert refused(lambda: publications.release(session, row.id, actor=market.approver)) == [
        Refusal.PROPOSAL_EXPIRED,
        Refusal.PUBLICATION_OUTDATED,
    ]
    assert row.state is S.PROPOSED and not publications.anything_released(session)
    publications.withdraw(session, row.id, actor=market.approver, reason="数値が変わったため")
    assert (row.state, row.ended_reason) == (S.WITHDRAWN, "数値が変わったため")
    told = mails(session, "proposal_declined")
    assert any("第2期の公表（検証済排出量）" in one.body for one in told)
    publications.release(session, propose(session, market).id, actor=market.approver)


def test_a_renamed_company_makes_a_proposal_old_too(session: Session, market: allowances.Market) -> None:
    row = propose(session, market)
    company = session.get_one(Organisation, market.holder.representative_id)
    company.name = "みほん新社名株式会社"
    session.flush()
    assert publications.release_problems(session, row, market.approver)[0].refusal is (
        Refusal.PUBLICATION_OUTDATED
    )


def test_everything_against_a_proposal_is_said_at_once(session: Session, running_clock: None) -> None:
    with one_transaction(session):
        scheme = reports.scheme(session)
    phase, officer = scheme.holder.phase_id, scheme.officer
    for subject in PublicationSubject:
        found = refused(
            lambda subject=subject: publications.propose(
                session, phase, subject, actor=officer, note="あ" * 2_001
            )
        )
        assert found == [Refusal.PUBLICATION_EMPTY, Refusal.TOO_LONG]


def test_one_proposal_of_a_subject_waits_at_a_time(session: Session, market: allowances.Market) -> None:
    propose(session, market)
    assert refused(lambda: propose(session, market)) == [Refusal.PUBLICATION_OPEN]
    allowances.at("2014-04-09 09:00")
    propose(session, market, ALLOWANCES)


def test_four_eyes_are_two_people(session: Session, market: allowances.Market) -> None:
    second = make.office(session, Role.APPROVER)
    row = propose(session, market, actor=market.approver)

    def release(who: User) -> object:
        return publications.release(session, row.id, actor=who)

    assert refused(lambda: release(market.approver)) == [Refusal.SAME_PERSON]
    colleagues.reissue_password(session, market.approver.id, actor=second)
    assert refused(lambda: release(second)) == [Refusal.PASSWORD_ISSUER]
    third = make.office(session, Role.APPROVER)
    market.approver.active = False
    assert refused(lambda: release(third)) == [Refusal.PERSON_INACTIVE]
    third.active = False
    market.approver.active = True
    with pytest.raises(NotAllowed):
        release(third)
    third.active = True
    release(third)


@pytest.mark.parametrize("values", [{"confirmed_by_id": "proposer"}, {"confirmed_by_id": None}])
def test_the_database_itself_wants_another_person(
    session: Session, market: allowances.Market, values: dict[str, Any]
) -> None:
    row = propose(session, market)
    who = market.officer.id if values["confirmed_by_id"] else None
    change = update(Publication).where(Publication.id == row.id)
    with pytest.raises(IntegrityError, match=r"four_eyes|confirmer_if_released"):
        session.execute(change.values(state=S.RELEASED, confirmed_by_id=who))


def test_two_approvers_at_once_release_once(
    engine: Engine, session: Session, market: allowances.Market
) -> None:
    with one_transaction(session):
        second = make.office(session, Role.APPROVER)
        row = propose(session, market)
    row_id, version, people = row.id, row.version, [market.approver.id, second.id]
    session.rollback()

    def releasing(user_id: int) -> Callable[[Session], object]:
        return lambda own: (
            publications.release(own, row_id, actor=own.get_one(User, user_id), version=version).id
        )

    answers = at_once(engine, [releasing(one) for one in people])
    assert sorted(map(str, answers)) == sorted([str(row_id), str(Refusal.STALE_PAGE)])
    session.expire_all()
    assert len(publications.released(session)) == 1
    assert len(mails(session, "publication_released")) == 1


def test_one_key_pressed_three_times_at_once_proposes_once(
    engine: Engine, session: Session, market: allowances.Market
) -> None:
    phase_id, officer_id = market.holder.phase_id, market.officer.id
    session.rollback()

    def press(own: Session) -> object:
        who = own.get_one(User, officer_id)
        return publications.propose(own, phase_id, EMISSIONS, actor=who, key="one-page-of-the-officer").id

    assert len(set(at_once(engine, [press] * 3))) == 1
    assert session.scalar(select(func.count(Publication.id))) == 1


#: state → act → who may; every other combination changes nothing (domain §2: another person, an approver)
MAY: dict[PublicationState, dict[str, set[Role]]] = {
    S.PROPOSED: {
        "release": {Role.APPROVER},
        "withdraw": {Role.OFFICER},
        "decline": {Role.OFFICER, Role.APPROVER},
    },
    S.RELEASED: {"end": {Role.APPROVER}},
}


def brought(session: Session, market: allowances.Market, state: PublicationState) -> Publication:
    row = propose(session, market)
    if state is S.WITHDRAWN:
        publications.withdraw(session, row.id, actor=market.officer)
    if state in (S.RELEASED, S.REPLACED, S.ENDED):
        publications.release(session, row.id, actor=market.approver)
    if state is S.REPLACED:
        approve_target_year(session, market)
        publications.release(session, propose(session, market).id, actor=market.approver)
    if state is S.ENDED:
        publications.end(session, row.id, "誤りがあったため", actor=market.approver)
    if state is S.EXPIRED:
        settlement.lapse(session)
    assert row.state is state
    return row


@pytest.mark.parametrize("state", S)
def test_every_act_in_every_state_by_every_role(
    session: Session, market: allowances.Market, state: PublicationState
) -> None:
    row = brought(session, market, state)
    people = [market.a, market.b, market.t, market.scheme.v, market.officer, market.approver]
    people.append(market.scheme.viewer)
    acts: dict[str, Act] = {
        "release": lambda n, who: publications.release(session, n, actor=who),
        # without a reason only its proposer, the officer, ends it
        "withdraw": lambda n, who: publications.withdraw(session, n, actor=who),
        "decline": lambda n, who: publications.withdraw(session, n, actor=who, reason="理由"),
        "end": lambda n, who: publications.end(session, n, "理由", actor=who),
    }
    assert {who.role for who in people} == set(Role)
    done: dict[str, set[Role]] = {}
    for name, act in acts.items():
        for who in people:
            events = session.scalar(select(func.count(Event.id)))
            with session.begin_nested() as point:
                try:
                    act(row.id, who)
                except PortalError:
                    assert (row.state, session.scalar(select(func.count(Event.id)))) == (state, events)
                else:
                    done.setdefault(name, set()).add(Role(who.role))
                point.rollback()
            session.expire_all()
    assert done == MAY.get(state, {})


@pytest.mark.parametrize("role", [role for role in Role if role not in (Role.OFFICER, Role.APPROVER)])
def test_nobody_else_proposes(session: Session, market: allowances.Market, role: Role) -> None:
    people = [market.a, market.b, market.t, market.scheme.v, market.scheme.viewer]
    who = next(one for one in people if one.role is role)
    with pytest.raises(NotAllowed):
        propose(session, market, actor=who)


def test_what_ended_is_gone_and_needs_its_reason(session: Session, market: allowances.Market) -> None:
    row = brought(session, market, S.RELEASED)
    assert refused(lambda: publications.end(session, row.id, " ", actor=market.approver)) == [
        Refusal.REASON_NEEDED
    ]
    assert row.state is S.RELEASED
    publications.end(session, row.id, "社名の誤り", actor=market.approver)
    assert (row.state, row.ended_reason, publications.released(session)) == (S.ENDED, "社名の誤り", [])
    with pytest.raises(NotFound):
        publications.released_one(session, 2, EMISSIONS)


def test_an_approval_taken_back_shows_beside_what_is_public(
    session: Session, market: allowances.Market
) -> None:
    approve_target_year(session, market)
    row = brought(session, market, S.RELEASED)
    assert not publications.outdated(session, row)
    report = market.scheme.report(Period.TARGET)
    proposed = reviews.propose_revocation(session, report.id, "転記の誤り", actor=market.officer)
    reviews.confirm_revocation(session, proposed.id, actor=market.approver)
    assert publications.outdated(session, row) and row.content["sums"]["actual"] == 7_400
    assert content_of(session, market.holder.phase, EMISSIONS)["rows"][0]["actual"] is None


# ---- sums


def cohort(holders: int, base: int, reduced: int) -> list[EmissionsRow]:
    """A cohort with these sums, spread over its holders."""
    bases, cuts = [base // holders] * holders, [reduced // holders] * holders
    bases[0] += base - sum(bases)
    cuts[-1] += reduced - sum(cuts)
    return [
        EmissionsRow(f"みほん{n}", "工場", b, cut, b - cut)
        for n, (b, cut) in enumerate(zip(bases, cuts, strict=True))
    ]


@pytest.mark.parametrize(
    ("holders", "base", "reduced", "rate"), [(9, 24_274, 5_678, "23.39"), (50, 149_015, 12_865, "8.63")]
)
def test_the_published_cohorts_have_the_published_sums(
    holders: int, base: int, reduced: int, rate: str
) -> None:
    sums = emissions_sums(cohort(holders, base, reduced))
    assert (sums["holders"], sums["base"], sums["reduced"], sums["rate"]) == (holders, base, reduced, rate)
    assert (sums["target"], sums["actual"], sums["confirmed"]) == (reduced, base - reduced, holders)


FIGURE = st.none() | st.integers(0, 2**53 - 1)


@given(st.lists(st.builds(EmissionsRow, st.text(max_size=3), st.text(max_size=3), FIGURE, FIGURE, FIGURE)))
def test_the_last_line_is_the_sum_of_the_lines_above(rows: list[EmissionsRow]) -> None:
    sums = emissions_sums(rows)
    for name in ("base", "target", "actual", "reduced"):
        known = [value for one in rows if (value := getattr(one, name)) is not None]
        assert sums[name] == (sum(known) if known else None)
    both = [one for one in rows if one.base is not None and one.actual is not None]
    assert (sums["holders"], sums["confirmed"]) == (len(rows), len(both))
    assert sums["confirmed_base"] - (sums["reduced"] or 0) == sum(one.actual or 0 for one in both)
    if sums["rate"] is not None:
        exact = 100 * (sums["reduced"] or 0) / sums["confirmed_base"]
        assert abs(float(sums["rate"]) - exact) <= 0.005 + abs(exact) * 1e-9


def test_allowances_are_told_in_sum_and_compliance_in_a_word(
    session: Session, market: allowances.Market
) -> None:
    allowances.move(session, market.a, MovementKind.TRANSFER, 1_500, market.trader.account.code)
    allowances.move(session, market.t, MovementKind.TRANSFER, 400, market.holder.account.code)
    allowances.move(session, market.t, MovementKind.CANCEL, 7)
    allowances.move(session, market.t, MovementKind.OFFSET, 5)
    approve_target_year(session, market)
    allowances.move(session, market.a, MovementKind.RETIRE, 5_000)
    content = content_of(session, market.holder.phase, ALLOWANCES, clock.today())
    jaa, jver = content["sums"].pop("units")
    assert content["sums"] == {"holders": 1, "met": 0, "compliance_accounts": 1, "trading_accounts": 1}
    moved = {"carried_in": 0, "carried_out": 0, "transferred": 1_900, "retired": 5_000, "cancelled": 7}
    assert jaa == {"unit": "JAA", "issued": 8_500, **moved, "offset": 5, "held": 3_488}
    assert set(jver.values()) == {"jVER", 0}
    # short before the deadline is nobody's affair; and no figure of a participant goes out
    (line,) = content["rows"]
    assert line == {
        "company": market.holder.representative.name,
        "site": market.holder.site_name,
        "standing": "unconfirmed",
    }
    reports.at("2015-12-01 00:00")
    assert content_of(session, market.holder.phase, ALLOWANCES)["rows"][0]["standing"] == "missed"
    day = clock.today() - timedelta(days=2)
    assert content_of(session, market.holder.phase, ALLOWANCES, day)["rows"][0]["standing"] == "unconfirmed"
