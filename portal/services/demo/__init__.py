"""Demonstration data: phase 2 in October 2015, made through the services from a fixed seed.

Nobody and nothing in it exists. The clock shows 2015-10-15 when it is made and runs on from there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import Refusal, refuse
from portal.models import Phase, PortalState, User
from portal.permissions import Role
from portal.services import installation
from portal.services.demo import (
    accounts,
    applications,
    cohort,
    desk,
    importing,
    postroom,
    publishing,
    records,
    registry,
    reporting,
    scheme,
    trading,
    verifying,
)
from portal.services.demo.stage import Stage, tokyo
from portal.services.outbox import OpenSession

TODAY = "2015-10-15 09:00"


@dataclass(frozen=True)
class Login:
    """A login a visitor may play."""

    login_id: str
    password: str
    role: Role
    name: str


def is_filled(session: Session) -> bool:
    """Whether anything was ever entered."""
    return session.scalars(select(User.id).limit(1)).first() is not None or (
        session.scalars(select(Phase.id).limit(1)).first() is not None
    )


def build(session: Session) -> None:
    """Fill an empty database; refuses a filled one (DATABASE_FILLED). All in the caller's transaction."""
    if is_filled(session):
        raise refuse(Refusal.DATABASE_FILLED)
    stage = Stage(session)
    try:
        for scenes in (
            registry.office,
            registry.all_phases,
            registry.all_verifiers,
            registry.holders,
            registry.traders,
            registry.earlier_holders,
            cohort.registered,
            registry.targets_and_verifiers,
            reporting.base_years,
            cohort.base_years,
            registry.posted_letters,
            records.renamed,
            registry.personas,
            reporting.earlier_years,
            verifying.second_people,
            reporting.target_years,
            trading.the_ledger,
            registry.open_applications,
            postroom.old_letters,
            postroom.letters_on_their_way,
            verifying.work_in_hand,
            records.moved,
            records.office_notes,
            applications.lookalikes,
            applications.in_hand,
            desk.contact_changes,
            scheme.next_cohort,
            cohort.issues_to_confirm,
            scheme.phase_change,
            scheme.factor_tables,
            accounts.states,
            accounts.locks,
            desk.consents,
            publishing.tables,
        ):
            scenes(stage)
        clock.set_time(tokyo(TODAY))
        _say_so(session)
    finally:
        clock.set_shift(timedelta(0))
        installation.forget()


def send_past_mail(open_session: OpenSession) -> None:
    """After the commit: the worker's scenes; and what the scenes told people has long been sent."""
    try:
        importing.play(open_session)
        desk.deliver_past_mail(open_session)
    finally:
        clock.set_shift(timedelta(0))


def _say_so(session: Session) -> None:
    state: PortalState = installation.state(session)
    state.demonstration = True
    shift = clock.shift_to(tokyo(TODAY))
    state.clock_shift_seconds = int(shift.total_seconds())


def logins(session: Session) -> list[Login]:
    """The demonstration's logins with their common password; none in another database."""
    if not session.scalar(select(PortalState.demonstration).where(PortalState.id == 1)):
        return []
    users = {
        user.login_id: user
        for user in session.scalars(select(User).where(User.login_id.in_(registry.PERSONAS)))
    }
    return [
        Login(user.login_id, registry.PASSWORD, Role(user.role), user.name)
        for login_id in registry.PERSONAS
        if (user := users.get(login_id)) is not None
    ]
