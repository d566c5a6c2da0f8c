"""Factor tables of fiscal years: proposed, confirmed, superseded, never edited (domain §4)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import NotAllowed, NotFound, PortalError, Refusal, Stale
from portal.models import EmissionFactor, Event, FactorProposal, MailMessage, ProposalState, User
from portal.permissions import Role, may
from portal.services import factor_proposals, factors, queues, transitions
from portal.services.audit import EventTag
from portal.services.factor_rules import MOST_ROWS, TypedRow
from portal.services.transaction import one_transaction
from tests.factories import factors as make_factors
from tests.factories import registration as make
from tests.factories import settlement
from tests.factories.factors import FREE
from tests.services.test_races import at_once

S = ProposalState
POWER = {"factor": "0.000570"}


def problems(work: Callable[[], object]) -> list[tuple[str | None, Refusal]]:
    with pytest.raises(PortalError) as caught:
        work()
    return [(problem.field, problem.refusal) for problem in caught.value.problems]


@dataclass
class Office:
    """An officer, two approvers, a viewer; phase 2 with its tables of 2010 to 2016."""

    officer: User
    approver: User
    second: User
    viewer: User

    @property
    def two(self) -> tuple[User, User]:
        return self.officer, self.approver


@pytest.fixture
def office(session: Session, at: Callable[[str], datetime]) -> Office:
    at("2013-10-08 09:00")
    make.phase(session)
    roles = (Role.OFFICER, Role.APPROVER, Role.APPROVER, Role.VIEWER)
    made = Office(*(make.office(session, role) for role in roles))
    clock.step(timedelta(minutes=1))
    session.commit()
    return made


def mailed(session: Session, kind: str) -> list[MailMessage]:
    return list(session.scalars(select(MailMessage).where(MailMessage.kind == kind)))


def ids(session: Session, year: int) -> dict[str, int]:
    return {row.code: row.id for row in factors.in_force(session, [year])[year]}


def test_a_table_is_in_force_once_another_person_has_confirmed_it(session: Session, office: Office) -> None:
    holder = make.holder(session, mail_b="b@tsubame.example")
    before = ids(session, 2014)
    row = make_factors.proposed(session, 2014, office.officer, FREE, electricity=POWER)
    assert factors.factors_for(session, [2014])[2014][7].factor == Decimal("0.000550")
    assert {office.approver.email, office.second.email} <= {
        one.recipient for one in mailed(session, "factors_to_confirm")
    }
    assert queues.waiting(session).factor_proposals == 1
    clock.step(timedelta(hours=1))
    factor_proposals.confirm(session, row.id, actor=office.approver, version=row.version)
    table = factors.factors_for(session, [2014])[2014]
    assert [factor.code for factor in table] == [*before, "mihon_gas"]
    assert {factor.code: factor.factor for factor in table}["electricity"] == Decimal("0.000570")
    after = ids(session, 2014)
    assert {code for code in before if before[code] != after[code]} == {"electricity"}
    (old,) = factors.superseded(session, 2014)
    assert (old.factor, old.superseded_at) == ("0.000550", clock.now())
    assert (row.state, row.confirmed_by_id) == (S.CONFIRMED, office.approver.id)
    told = mailed(session, "factors_changed")
    assert {one.recipient for one in told} == {user.email for user in holder.users}
    assert all("2014年度の排出係数が変わりました" in one.body for one in told)
    tags = session.scalars(select(Event.tag).order_by(Event.id.desc()).limit(2)).all()
    assert tags[::-1] == [EventTag.FACTORS_PROPOSED.value, EventTag.FACTORS_CONFIRMED.value]
    assert queues.waiting(session).factor_proposals == 0


def test_a_row_taken_out_comes_back_under_its_code_and_its_history_stays(
    session: Session, office: Office
) -> None:
    rows = make_factors.rows(session, 2014)
    gone = [replace(row, taken_out=row.code == "kerosene") for row in rows]
    first = factor_proposals.propose(session, 2014, gone, reason="使わない", actor=office.officer)
    factor_proposals.confirm(session, first.id, actor=office.approver)
    assert "kerosene" not in ids(session, 2014)
    make_factors.changed(session, 2014, office.two, rows[0])
    assert "kerosene" in ids(session, 2014)
    assert [row.code for row in factors.superseded(session, 2014)] == ["kerosene"]


def test_a_year_without_a_table_gets_one_and_nobody_is_mailed(session: Session, office: Office) -> None:
    make.holder(session)
    rows = make_factors.rows(session, 2016)
    row = factor_proposals.propose(session, 2031, rows, reason="先の年度", actor=office.officer)
    with pytest.raises(NotFound):
        factors.factors_for(session, [2031])
    factor_proposals.confirm(session, row.id, actor=office.second)
    assert factors.factors_for(session, [2031])[2031] == factors.factors_for(session, [2016])[2016]
    assert mailed(session, "factors_changed") == []
    newest = factors.years_with_tables(session)[0]
    assert (newest.year, newest.rows, newest.superseded) == (2031, 12, 0)


def test_everything_against_a_proposal_is_said_at_once_at_its_field(session: Session, office: Office) -> None:
    table = make_factors.rows(session, 2014, kerosene={"calorific": "0"}, diesel={"carbon": "0.018.7"})
    more = [
        TypedRow("Other Gas", "みほん", "x" * 41, "", "fuel", "1.123456789", "", ""),
        TypedRow("power", "電　気", "Power", "kWh", "energy", "1", "", "1e3"),
        TypedRow("odd", "なぞ", "Odd", "t", "magic"),
        TypedRow(),
    ]

    def propose(rows: list[TypedRow], reason: str = " ") -> object:
        return factor_proposals.propose(session, 2014, rows, reason=reason, actor=office.officer)

    assert problems(lambda: propose([*table, *more])) == [
        ("rows-0-calorific", Refusal.FACTOR_NUMBER),
        ("rows-1-carbon", Refusal.FACTOR_NUMBER),
        ("rows-12-code", Refusal.FACTOR_CODE),
        ("rows-12-name_en", Refusal.TOO_LONG),
        ("rows-12-unit", Refusal.REQUIRED),
        ("rows-12-calorific", Refusal.FACTOR_NUMBER),
        ("rows-12-carbon", Refusal.REQUIRED),
        ("rows-13-calorific", Refusal.FACTOR_KIND),
        ("rows-13-factor", Refusal.FACTOR_NUMBER),
        ("rows-14-kind", Refusal.CHOICE_UNKNOWN),
        ("rows-13-name_ja", Refusal.FACTOR_CODE_TAKEN),
        ("reason", Refusal.REASON_NEEDED),
    ]
    rows = make_factors.rows(session, 2014)
    assert problems(lambda: propose(rows, "x")) == [(None, Refusal.NOTHING_CHANGED)]
    assert (None, Refusal.FACTOR_ROWS_FULL) in problems(
        lambda: propose([replace(FREE, code=f"c{n}", name_ja=f"名{n}", name_en=f"n{n}") for n in range(41)])
    )
    assert problems(lambda: propose([], "x")) == [("rows-0-code", Refusal.REQUIRED)]
    make_factors.proposed(session, 2014, office.officer, electricity=POWER)
    again = lambda: make_factors.proposed(session, 2014, office.approver, FREE)  # noqa: E731
    assert problems(again) == [(None, Refusal.FACTOR_PROPOSAL_OPEN)]
    for year in (None, 14, 20140):
        wrong = lambda y=year: factor_proposals.propose(  # noqa: E731
            session, y, rows, reason="x", actor=office.officer
        )
        assert problems(wrong) == [("year", Refusal.FACTOR_YEAR)]


def test_figures_typed_full_width_are_kept_exactly(session: Session, office: Office) -> None:
    wide = {"calorific": "３６．７０", "carbon": " 0.01850001 "}
    make_factors.changed(session, 2014, office.two, kerosene=wide)
    kerosene = factors.in_force(session, [2014])[2014][0]
    assert (kerosene.calorific, kerosene.carbon) == ("36.70", "0.01850001")


def test_the_years_of_a_base_year_form_keep_one_unit_and_name_for_a_code(
    session: Session, office: Office
) -> None:
    litres = {"unit": "L", "calorific": "0.0367"}
    assert problems(lambda: make_factors.proposed(session, 2011, office.officer, kerosene=litres)) == [
        ("rows-0-unit", Refusal.FACTOR_UNIT_DIFFERS)
    ]
    make_factors.changed(session, 2010, office.two, FREE)
    same_name = replace(FREE, code="other_gas", name_en="Other gas")
    assert problems(lambda: make_factors.proposed(session, 2012, office.officer, same_name)) == [
        ("rows-12-name_ja", Refusal.FACTOR_CODE_TAKEN)
    ]
    # 2014 stands in no base-year form
    make_factors.changed(session, 2014, office.two, kerosene=litres)
    many = [replace(FREE, code=f"c{n}", name_ja=f"名{n}", name_en=f"n{n}") for n in range(MOST_ROWS - 12)]
    assert problems(lambda: make_factors.proposed(session, 2011, office.officer, *many)) == [
        (None, Refusal.FACTOR_ROWS_FULL)
    ]


def test_two_tables_of_one_form_that_clash_are_not_both_confirmed(session: Session, office: Office) -> None:
    first = make_factors.proposed(session, 2010, office.officer, FREE)
    second = make_factors.proposed(session, 2011, office.officer, replace(FREE, unit="t"))
    factor_proposals.confirm(session, first.id, actor=office.approver)
    confirm = lambda: factor_proposals.confirm(session, second.id, actor=office.approver)  # noqa: E731
    assert problems(confirm) == [(None, Refusal.FACTOR_UNIT_DIFFERS)]


def test_four_eyes_are_two_people_and_an_old_page_is_refused(session: Session, office: Office) -> None:
    row = make_factors.proposed(session, 2014, office.approver, electricity=POWER)
    confirm = lambda who, version=None: factor_proposals.confirm(  # noqa: E731
        session, row.id, actor=who, version=version
    )
    assert problems(lambda: confirm(office.approver)) == [(None, Refusal.SAME_PERSON)]
    with pytest.raises(Stale):
        confirm(office.second, 99)
    confirm(office.second, row.version)
    shown = factor_proposals.basis_of(factors.in_force(session, [2015])[2015])
    make_factors.changed(session, 2015, office.two, electricity=POWER)
    with pytest.raises(Stale):
        factor_proposals.propose(
            session, 2015, make_factors.rows(session, 2015), reason="x", actor=office.officer, basis=shown
        )


def test_a_second_press_makes_no_second_proposal(session: Session, office: Office) -> None:
    rows = make_factors.rows(session, 2014, electricity=POWER)
    press = lambda: factor_proposals.propose(  # noqa: E731
        session, 2014, rows, reason="改正", actor=office.officer, key="once"
    )
    assert press() is press()


@pytest.mark.parametrize("state", S)
def test_each_state_action_and_role_as_the_table_says(
    session: Session, office: Office, state: ProposalState
) -> None:
    """The whole square, through the services."""
    acts = {"confirm": factor_proposals.confirm, "withdraw": factor_proposals.withdraw}
    acts["decline"] = partial(factor_proposals.withdraw, reason="誤り")
    outsiders = make.holder(session).users
    session.commit()
    for who in [*outsiders, office.viewer]:
        with pytest.raises((NotAllowed, NotFound)):
            make_factors.proposed(session, 2014, who, electricity=POWER)
    for action, act in acts.items():
        edge = transitions.FACTOR_PROPOSAL.edge(state, action)
        permission = next(e.permission for e in transitions.FACTOR_PROPOSAL.edges if e.action == action)
        for who in [*outsiders, office.viewer, office.officer, office.second]:
            if action == "decline" and who is office.officer:
                continue  # whoever proposed withdraws
            row = make_factors.proposed(session, 2014, office.officer, electricity=POWER)
            if state is S.CONFIRMED:
                factor_proposals.confirm(session, row.id, actor=office.approver)
            if state is S.WITHDRAWN:
                factor_proposals.withdraw(session, row.id, actor=office.officer)
            if state is S.EXPIRED:
                settlement.lapse(session)
            if not may(who.role, permission):
                with pytest.raises((NotAllowed, NotFound)):
                    act(session, row.id, actor=who)
                assert row.state is state
            elif edge is not None and action == "withdraw" and who is not office.officer:
                # what is another's is declined, and that needs a reason
                refused = problems(lambda act=act, row=row, who=who: act(session, row.id, actor=who))
                assert refused == [("reason", Refusal.REASON_NEEDED)]
            elif edge is None:
                refused = problems(lambda act=act, row=row, who=who: act(session, row.id, actor=who))
                assert refused == [(None, Refusal.WRONG_STATE)]
            else:
                act(session, row.id, actor=who)
                assert row.state is edge.to
            session.rollback()


def test_two_clerks_at_once_propose_once_and_two_approvers_at_once_confirm_once(
    engine: Engine, session: Session, at: Callable[[str], datetime]
) -> None:
    at("2013-10-08 09:00")
    with one_transaction(session):
        make.phase(session)
        clerks = [make.office(session).id for _ in range(3)]
        approvers = [make.office(session, Role.APPROVER).id for _ in range(3)]

    def proposer(user_id: int) -> Callable[[Session], int]:
        return lambda own: make_factors.proposed(own, 2014, own.get_one(User, user_id), electricity=POWER).id

    answers = at_once(engine, [proposer(user_id) for user_id in clerks])
    (row_id,) = [answer for answer in answers if isinstance(answer, int)]
    assert {one for one in answers if not isinstance(one, int)} == {Refusal.FACTOR_PROPOSAL_OPEN}

    def confirmer(user_id: int) -> Callable[[Session], int]:
        return lambda own: (
            factor_proposals.confirm(own, row_id, actor=own.get_one(User, user_id), version=1).id
        )

    assert session.get_one(FactorProposal, row_id).version == 1
    session.rollback()
    answers = at_once(engine, [confirmer(user_id) for user_id in approvers])
    assert sum(isinstance(answer, int) for answer in answers) == 1, answers
    assert {one for one in answers if not isinstance(one, int)} == {Refusal.STALE_PAGE}
    power = select(func.count()).where(
        EmissionFactor.fiscal_year == 2014, EmissionFactor.code == "electricity"
    )
    assert session.scalar(power) == 2
    assert session.scalar(power.where(EmissionFactor.superseded_at.is_(None))) == 1
