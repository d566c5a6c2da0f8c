"""Every act on an application: where it leads, who may, pressed twice, two officers at once (domain §3)."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from portal.errors import NotAllowed, PortalError, Refusal
from portal.extensions import make_session
from portal.models import (
    Account,
    ApplicationState,
    RegistrationApplication,
    User,
)
from portal.permissions import Role
from portal.services import registration, transitions
from portal.services.transaction import one_transaction, run
from tests.factories import registration as make


@pytest.fixture(autouse=True)
def in_2013(at: Callable[[str], datetime]) -> None:
    at("2013-10-08 09:00")


def refused(work: Callable[[], object]) -> dict[str | None, Refusal]:
    """Field → refusal of what ``work`` is refused with."""
    with pytest.raises(PortalError) as caught:
        work()
    return {problem.field: problem.refusal for problem in caught.value.problems}


ACTS: dict[str, Callable[[Session, int, object], object]] = {
    "accept": lambda s, i, a: registration.accept(s, i, actor=a),  # type: ignore[arg-type]
    "ask_correction": lambda s, i, a: registration.ask_correction(s, i, "補正", actor=a),  # type: ignore[arg-type]
    "reject": lambda s, i, a: registration.reject(s, i, "理由", actor=a),  # type: ignore[arg-type]
    "withdraw": lambda s, i, a: registration.withdraw(s, i, "取下げ", actor=a),  # type: ignore[arg-type]
}


def in_state(session: Session, state: ApplicationState) -> int:
    officer = make.office(session)
    row = registration.record_application(session, make.trader_data(), actor=officer)
    before = {
        ApplicationState.CORRECTION_ASKED: "ask_correction",
        ApplicationState.ACCEPTED: "accept",
        ApplicationState.REJECTED: "reject",
        ApplicationState.WITHDRAWN: "withdraw",
    }.get(state)
    if before is not None:
        ACTS[before](session, row.id, officer)
    assert row.state is state
    return row.id


@pytest.mark.parametrize("state", ApplicationState)
@pytest.mark.parametrize("action", ACTS)
def test_every_act_follows_the_table(session: Session, state: ApplicationState, action: str) -> None:
    row_id = in_state(session, state)
    edge = transitions.APPLICATION.edge(state, action)
    if edge is None:
        found = refused(lambda: ACTS[action](session, row_id, make.office(session)))
        assert found == {None: Refusal.WRONG_STATE}
        return
    with pytest.raises(NotAllowed):
        ACTS[action](session, row_id, make.office(session, Role.VIEWER))
    ACTS[action](session, row_id, make.office(session))
    assert session.get_one(RegistrationApplication, row_id).state is edge.to


def test_a_second_press_records_one_application(session: Session) -> None:
    officer = make.office(session)
    data = make.holder_data(session)
    first = registration.record_application(session, data, actor=officer, key="k1")
    again = registration.record_application(session, data, actor=officer, key="k1")
    assert first.id == again.id
    other = replace(data, site_name="よその工場")
    found = refused(lambda: registration.record_application(session, other, actor=officer, key="k1"))
    assert found == {None: Refusal.KEY_REUSED}


def test_participants_and_viewers_record_nothing(session: Session) -> None:
    holder = make.holder(session)
    data = make.trader_data()
    for actor in (holder.users[0], make.office(session, Role.VIEWER)):
        with pytest.raises(NotAllowed):
            registration.record_application(session, data, actor=actor)


def test_two_officers_at_once_do_not_give_one_name_twice(engine: Engine, session: Session) -> None:
    with one_transaction(session):
        officer = make.office(session)
        name = "同じ口座名"
        rows = [
            registration.record_application(session, make.trader_data(account_name=name), actor=officer).id
            for _ in range(2)
        ]
        officer_id = officer.id

    def accept(row_id: int) -> str:
        with make_session(engine) as own:
            try:
                run(
                    own,
                    lambda: registration.accept(
                        own, row_id, actor=own.get_one(User, officer_id), distinct=True
                    ),
                )
            except PortalError as error:
                return error.refusal.name
            return "done"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(accept, rows)) == ["ACCOUNT_NAME_TAKEN", "done"]
    session.rollback()
    numbers = session.scalars(select(Account.id).where(Account.id >= 1001))
    assert list(numbers) == [1001]
