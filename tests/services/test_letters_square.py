"""Every state of letters and of their printing together × every act × every role, on the real services."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import NotAllowed, NotFound, PortalError, Refusal
from portal.models import BatchState, Letter, LetterBatch, LetterState, User
from portal.permissions import Permission, Role, may
from portal.services import letter_batches, letters, sealed, transitions
from portal.services.transaction import one_transaction
from tests.factories import registration as make

DAY = date(2013, 10, 8)
#: what leads a fresh letter into a state
WAY = {
    LetterState.WAITING: (),
    LetterState.PRINTED: ("print",),
    LetterState.POSTED: ("print", "post"),
    LetterState.RETURNED: ("print", "post", "return"),
    LetterState.VOID: ("void",),
}


@pytest.fixture(autouse=True)
def in_2013(at: Callable[[str], datetime]) -> None:
    at("2013-10-08 09:00")


def everybody(session: Session) -> dict[Role, User]:
    people = [*make.holder(session).users, *make.trader(session).users, *make.verifier(session).users]
    people += [make.office(session, role) for role in (Role.OFFICER, Role.APPROVER, Role.VIEWER)]
    return {Role(user.role): user for user in people}


def outcome(session: Session, act: Callable[[], Any]) -> str:
    try:
        act()
    except (NotAllowed, NotFound):
        return "not allowed"
    except PortalError as refused:
        return refused.refusal.value
    else:
        session.flush()
        return "done"
    finally:
        session.rollback()


def letter_acts(session: Session, letter: Letter, actor: User) -> dict[str, Callable[[], Any]]:
    row_id, version = letter.id, letter.version
    return {
        "print": lambda: letters.print_letter(session, row_id, actor=actor),
        "post": lambda: letters.mark_posted(session, row_id, DAY, actor=actor),
        "return": lambda: letters.mark_returned(session, row_id, DAY, actor=actor),
        "void": lambda: letters.void(session, row_id, "誤り", actor=actor),
        "post together": lambda: letters.post_together(session, {row_id: version}, DAY, actor=actor),
    }


def test_every_state_act_and_role_of_a_letter(session: Session) -> None:
    with one_transaction(session):
        people = {role: user.id for role, user in everybody(session).items()}
        officer = session.get_one(User, people[Role.OFFICER])
        made = {}
        for state, way in WAY.items():
            letter = make.accepted(session, make.trader_data(), actor=officer).letter
            for step in way:
                letter_acts(session, letter, officer)[step]()
            assert letter.state is state
            made[state] = letter.id
    for state, letter_id in made.items():
        for role, user_id in people.items():
            for name in letter_acts(session, session.get_one(Letter, letter_id), officer):
                letter, actor = session.get_one(Letter, letter_id), session.get_one(User, user_id)
                found = outcome(session, letter_acts(session, letter, actor)[name])
                edge = transitions.LETTER.edge(state, name.removesuffix(" together"))
                if not may(role, Permission.LETTER_PRINT):
                    assert found in ("not allowed", "wrong_state"), (state, role, name)
                else:
                    assert found == ("done" if edge else "wrong_state"), (state, role, name)
        assert session.get_one(Letter, letter_id).state is state


def batch_in(session: Session, state: BatchState, owner: User, private: bytes) -> int:
    """A batch in ``state``, without the worker's work."""
    batch = LetterBatch(
        state=state,
        letter_ids=[1],
        letters=1,
        left_out=[],
        public_key=sealed.public_of(private),
        created_by_id=owner.id,
        created_at=clock.now(),
        until=None if state in (BatchState.QUEUED, BatchState.FAILED) else clock.now() + letter_batches.KEPT,
        sealed=b"" if state is BatchState.READY else None,
    )
    session.add(batch)
    session.flush()
    if state is BatchState.READY:
        batch.sealed = sealed.seal(b"%PDF-", batch.public_key, letter_batches.about(batch))
    return batch.id


def test_every_state_act_and_role_of_a_printing_together(session: Session) -> None:
    private = sealed.new_private_key()
    expected = {
        (BatchState.READY, "fetch"): "done",
        (BatchState.READY, "destroy"): "done",
        (BatchState.GONE, "fetch"): Refusal.BATCH_GONE.value,
        (BatchState.GONE, "destroy"): "done",  # a second press
    }
    with one_transaction(session):
        people = {role: user.id for role, user in everybody(session).items()}
        owners = {
            (state, role): batch_in(session, state, session.get_one(User, user_id), private)
            for state in BatchState
            for role, user_id in people.items()
        }
    for (state, role), batch_id in owners.items():
        for name, work in (
            ("fetch", lambda actor: letter_batches.fetch(session, batch_id, private, actor=actor)),  # noqa: B023
            ("destroy", lambda actor: letter_batches.destroy(session, batch_id, actor=actor)),  # noqa: B023
        ):
            actor = session.get_one(User, people[role])
            found = outcome(session, lambda: work(actor))  # noqa: B023
            if not may(role, Permission.LETTER_PRINT):
                assert found == "not allowed", (state, role, name)
            else:
                assert found == expected.get((state, name), "wrong_state"), (state, role, name)
