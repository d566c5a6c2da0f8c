"""Printing together: one PDF in address order, all or nothing, never readable where it lies (issue 3)."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from pypdf import PdfReader
from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import NotAllowed, PortalError, Refusal
from portal.extensions import make_session
from portal.models import (
    BatchState,
    Contact,
    Event,
    Job,
    JobState,
    Letter,
    LetterBatch,
    LetterState,
    MailMessage,
    User,
)
from portal.permissions import Role
from portal.services import (
    documents,
    jobs,
    letter_batches,
    letter_present,
    letter_printing,
    letters,
    sealed,
)
from portal.services.passwords import verify_password
from portal.services.transaction import one_transaction, run
from tests.factories import registration as make

PASSWORD_SHAPE = re.compile(r"\b\w{4}-\w{4}-\w{4}-\w{4}\b")
ADDRESSES = ("980-0001", "060-0001", "100-0005")


class Killed(BaseException):
    """The worker's process ends."""


@pytest.fixture(autouse=True)
def in_2013(at: Callable[[str], datetime]) -> None:
    at("2013-10-08 09:00")


def words(pdf: bytes) -> list[str]:
    return [
        page.extract_text().replace("\u200b", "").replace("\n", "")
        for page in PdfReader(io.BytesIO(pdf)).pages
    ]


@dataclass
class Desk:
    """Three letters of traders from all over the country wait; two officers are at their desks."""

    engine: Engine
    letters: list[int]
    private: bytes
    officer: int = 0
    other: int = 0

    def do(self, work: Callable[[Session], Any]) -> Any:
        with make_session(self.engine) as session:
            return run(session, lambda: work(session))

    def start(self, ids: list[int] | None = None, *, key: str | None = None, by: int | None = None) -> int:
        def work(session: Session) -> int:
            actor = session.get_one(User, by or self.officer)
            public = sealed.public_of(self.private)
            return letter_printing.start(session, ids or self.letters, public, actor=actor, key=key).id

        return int(self.do(work))

    def work(self) -> str | None:
        return jobs.run_one(lambda: make_session(self.engine))

    def fetch(self, batch_id: int, *, private: bytes | None = None, by: int | None = None) -> bytes:
        def work(session: Session) -> bytes:
            actor = session.get_one(User, by or self.officer)
            return letter_batches.fetch(session, batch_id, private or self.private, actor=actor)

        return bytes(self.do(work))

    def refused(self, work: Callable[[], Any]) -> Refusal:
        with pytest.raises(PortalError) as caught:
            work()
        return caught.value.refusal

    def batch(self, batch_id: int) -> LetterBatch:
        with make_session(self.engine) as session:
            return session.get_one(LetterBatch, batch_id)

    def states(self) -> list[LetterState]:
        with make_session(self.engine) as session:
            return list(session.scalars(select(Letter.state).order_by(Letter.id)))


@pytest.fixture
def desk(engine: Engine) -> Iterator[Desk]:
    with make_session(engine) as session, one_transaction(session):
        officer, other = make.office(session), make.office(session)
        made = [
            make.accepted(session, make.trader_data(contact_postal_code=code), actor=officer).letter.id
            for code in ADDRESSES
        ]
        found = Desk(engine, made, sealed.new_private_key(), officer.id, other.id)
    yield found


def test_all_waiting_letters_become_one_pdf_in_address_order(desk: Desk) -> None:
    batch_id = desk.start()
    assert desk.states() == [LetterState.WAITING] * 3
    assert desk.work() == letter_printing.PRINT
    assert desk.states() == [LetterState.PRINTED] * 3
    pages = words(desk.fetch(batch_id))
    assert [code for page in pages for code in ADDRESSES if f"〒{code}" in page] == sorted(ADDRESSES)
    batch = desk.batch(batch_id)
    assert batch.letter_ids == [desk.letters[1], desk.letters[2], desk.letters[0]]
    with make_session(desk.engine) as session:
        for page, letter_id in zip(pages, batch.letter_ids, strict=True):
            letter = session.get_one(Letter, letter_id)
            login = session.scalars(
                select(User).where(User.login_id == letter.content["logins"][0]["login_id"])
            ).one()
            (password,) = PASSWORD_SHAPE.findall(page)
            assert verify_password(password, login.password)
            assert letter.copy is not None
            (copy,) = words(documents.read(session, letter.copy))
            assert login.login_id in copy
            assert not PASSWORD_SHAPE.search(copy)


def test_nothing_readable_of_the_pdf_lies_in_the_database(desk: Desk) -> None:
    batch_id = desk.start()
    desk.work()
    pdf = desk.fetch(batch_id)
    kept = desk.do(lambda s: s.scalars(select(LetterBatch.sealed)).one())
    assert len(kept) > len(pdf)
    for page in words(pdf):
        for password in PASSWORD_SHAPE.findall(page):
            assert password.encode() not in kept
    assert b"%PDF" not in kept
    # three letters alone would stand among so many random bytes by chance
    assert b"BIZ-UD" not in kept and b"BIZUD" not in kept
    assert not any(pdf[at : at + 64] in kept for at in range(0, len(pdf) - 64, 997))


def test_only_the_asker_with_the_key_of_the_same_browser_opens_it(desk: Desk) -> None:
    batch_id = desk.start()
    desk.work()
    strange = sealed.new_private_key()
    assert desk.refused(lambda: desk.fetch(batch_id, private=strange)) is Refusal.BATCH_ELSEWHERE
    assert desk.refused(lambda: desk.fetch(batch_id, by=desk.other)) is Refusal.BATCH_ELSEWHERE
    destroy = letter_batches.destroy
    with pytest.raises(PortalError) as caught:
        desk.do(lambda s: destroy(s, batch_id, actor=s.get_one(User, desk.other)))
    assert caught.value.refusal is Refusal.BATCH_ELSEWHERE
    assert desk.fetch(batch_id)[:5] == b"%PDF-"


def test_the_pdf_of_one_batch_does_not_open_as_another(desk: Desk) -> None:
    first = desk.start(desk.letters[:1])
    desk.work()
    desk.fetch(first)
    second = desk.start(desk.letters[1:])
    desk.work()
    taken = desk.do(lambda s: s.scalars(select(LetterBatch.sealed).where(LetterBatch.id == first)).one())
    desk.do(lambda s: s.execute(update(LetterBatch).where(LetterBatch.id == second).values(sealed=taken)))
    assert desk.refused(lambda: desk.fetch(second)) is Refusal.BATCH_ELSEWHERE


def test_it_is_destroyed_after_its_time_by_the_worker(desk: Desk) -> None:
    batch_id = desk.start()
    desk.work()
    clock.step(letter_batches.KEPT - timedelta(seconds=1))
    assert desk.work() is None
    assert desk.fetch(batch_id)
    clock.step(timedelta(seconds=1))
    # also before the worker comes by
    assert desk.refused(lambda: desk.fetch(batch_id)) is Refusal.BATCH_GONE
    assert desk.work() == letter_batches.DESTROY
    assert desk.batch(batch_id).state is BatchState.GONE
    assert desk.do(lambda s: s.scalars(select(LetterBatch.sealed)).one()) is None
    assert desk.refused(lambda: desk.fetch(batch_id)) is Refusal.BATCH_GONE


def test_its_owner_destroys_it_and_a_second_press_finds_it_so(desk: Desk) -> None:
    batch_id = desk.start()
    desk.work()
    for _ in range(2):
        desk.do(lambda s: letter_batches.destroy(s, batch_id, actor=s.get_one(User, desk.officer)))
    tags = desk.do(lambda s: s.scalars(select(Event.tag).where(Event.subject_type == "letter_batch")).all())
    assert list(tags).count("letter_batch_destroyed") == 1


def test_a_second_press_begins_no_second_printing(desk: Desk) -> None:
    assert desk.start(key="k" * 20) == desk.start(key="k" * 20)
    assert desk.refused(desk.start) is Refusal.BATCH_OPEN
    desk.work()
    assert desk.refused(desk.start) is Refusal.BATCH_OPEN
    assert desk.work() is None


def test_letters_printed_by_somebody_else_meanwhile_are_left_out_and_named(desk: Desk) -> None:
    batch_id = desk.start()
    taken = desk.letters[1]
    single = desk.do(lambda s: letters.print_letter(s, taken, actor=s.get_one(User, desk.other)))
    desk.work()
    batch = desk.batch(batch_id)
    assert (batch.state, batch.letters) == (BatchState.READY, 2)
    assert batch.left_out == ["通知第0002号"]
    (password,) = PASSWORD_SHAPE.findall(words(single)[0])
    with make_session(desk.engine) as session:
        login = session.get_one(Letter, taken).content["logins"][0]["login_id"]
        user = session.scalars(select(User).where(User.login_id == login)).one()
        assert verify_password(password, user.password)


def test_a_letter_printed_while_the_work_is_made_ready_is_left_out_too(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch_id, typeset = desk.start(), letters.typeset
    once = iter([True])

    def interrupted(content: Any) -> bytes:
        if next(once, False):
            desk.do(lambda s: letters.print_letter(s, desk.letters[0], actor=s.get_one(User, desk.other)))
        return typeset(content)

    monkeypatch.setattr(letters, "typeset", interrupted)
    desk.work()
    assert desk.batch(batch_id).left_out == ["通知第0001号"]
    assert len(words(desk.fetch(batch_id))) == 2
    prints = desk.do(lambda s: s.scalars(select(Letter.prints).order_by(Letter.id)).all())
    assert list(prints) == [1, 1, 1]


def test_two_clerks_who_ask_for_the_same_letters_do_not_print_them_twice(desk: Desk) -> None:
    first, second = desk.start(), desk.start(by=desk.other)
    assert [desk.work(), desk.work()] == [letter_printing.PRINT] * 2
    assert (desk.batch(first).state, desk.batch(second).state) == (BatchState.READY, BatchState.FAILED)
    problems, _ = letter_batches.why_failed(desk.batch(second))
    assert [one.refusal for one in problems] == [Refusal.LETTERS_NONE]
    prints = desk.do(lambda s: s.scalars(select(Letter.prints)).all())
    assert set(prints) == {1}


def test_a_worker_that_dies_has_printed_nothing_and_the_next_prints_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch_id = desk.start()
    before = desk.do(lambda s: s.scalars(select(User.password).order_by(User.id)).all())
    finish = letter_printing._finish

    def die(*_: Any) -> None:
        raise Killed

    monkeypatch.setattr(letter_printing, "_finish", die)
    with pytest.raises(Killed):
        desk.work()
    monkeypatch.setattr(letter_printing, "_finish", finish)
    assert desk.states() == [LetterState.WAITING] * 3
    assert desk.do(lambda s: s.scalars(select(User.password).order_by(User.id)).all()) == before
    clock.step(jobs.LEASE)
    assert desk.work() == letter_printing.PRINT
    # a second run of the same work, after a worker that died before it could say so
    desk.do(
        lambda s: s.execute(
            update(Job).where(Job.kind == letter_printing.PRINT).values(state=JobState.QUEUED)
        )
    )
    given = desk.do(lambda s: s.scalars(select(User.password).order_by(User.id)).all())
    assert desk.work() == letter_printing.PRINT
    assert desk.do(lambda s: s.scalars(select(User.password).order_by(User.id)).all()) == given
    assert desk.fetch(batch_id)


def test_one_letter_that_cannot_be_printed_stops_all_and_is_named(desk: Desk) -> None:
    desk.do(
        lambda s: s.execute(update(Contact).where(Contact.postal_code == ADDRESSES[0]).values(name="𠮷田"))
    )
    batch_id = desk.start()
    desk.work()
    assert desk.states() == [LetterState.WAITING] * 3
    batch = desk.batch(batch_id)
    assert batch.state is BatchState.FAILED
    (problem,), numbers = letter_batches.why_failed(batch)
    assert (problem.refusal, problem.figures["found"]) == (Refusal.GLYPH_MISSING, "𠮷")
    assert numbers == ["通知第0001号"]
    assert desk.start()


def test_a_printing_that_no_worker_finishes_stands_in_nobodys_way(desk: Desk) -> None:
    batch_id = desk.start()
    desk.do(lambda s: s.execute(update(Job).values(state=JobState.FAILED)))
    assert desk.start() != batch_id
    assert desk.batch(batch_id).state is BatchState.FAILED


def test_a_login_on_two_letters_gets_one_password_for_both(desk: Desk) -> None:
    def reissue(session: Session) -> int:
        first = session.get_one(Letter, desk.letters[0])
        trader = letter_present.reader_of(session, first)
        assert trader is not None
        actor = session.get_one(User, desk.officer)
        return letters.make_reissue(session, trader, list(trader.users), actor=actor).id

    again = desk.do(reissue)
    batch_id = desk.start([*desk.letters, again])
    desk.work()
    pages = words(desk.fetch(batch_id))
    # both go to the same reader, so they lie together, at the end of the country's order
    assert [PASSWORD_SHAPE.findall(pages[-2])] == [PASSWORD_SHAPE.findall(pages[-1])]
    mails = desk.do(lambda s: s.scalars(select(MailMessage.kind)).all())
    assert list(mails).count("password_letter") == 1


def test_who_may_not_print_starts_fetches_and_destroys_nothing(desk: Desk) -> None:
    batch_id = desk.start()
    desk.work()

    def viewer(session: Session) -> None:
        reader = make.office(session, Role.VIEWER)
        for act in (
            lambda: letter_printing.start(session, desk.letters, b"", actor=reader),
            lambda: letter_batches.fetch(session, batch_id, desk.private, actor=reader),
            lambda: letter_batches.destroy(session, batch_id, actor=reader),
        ):
            with pytest.raises(NotAllowed):
                act()

    desk.do(viewer)


def test_no_letter_or_too_many_are_refused(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    assert desk.refused(lambda: desk.start([999_999])) is Refusal.LETTERS_NONE
    monkeypatch.setattr(letter_printing, "MOST", 2)
    assert desk.refused(desk.start) is Refusal.LETTERS_TOO_MANY


def test_what_came_back_and_a_lost_stack_are_printed_once_more_on_request(desk: Desk) -> None:
    first = desk.start()
    desk.work()
    desk.fetch(first)
    assert desk.refused(desk.start) is Refusal.LETTERS_NONE
    clock.step(timedelta(minutes=1))

    def again(session: Session) -> int:
        rows = letter_batches.to_post(session, session.get_one(LetterBatch, first))
        public, actor = sealed.public_of(desk.private), session.get_one(User, desk.officer)
        ids = [row.id for row in rows]
        return letter_printing.start(session, ids, public, actor=actor, also=letter_printing.AGAIN).id

    second = desk.do(again)
    assert desk.work() == letter_printing.PRINT
    old, new = (PASSWORD_SHAPE.findall("".join(words(desk.fetch(one)))) for one in (first, second))
    assert len(new) == 3 and not set(old) & set(new)
    # whoever reads the letters is told, for the former passwords may be in use
    kinds = desk.do(lambda s: s.scalars(select(MailMessage.kind)).all())
    assert list(kinds).count("password_letter") == 3
    assert desk.do(lambda s: letter_batches.to_post(s, s.get_one(LetterBatch, first))) == []


def test_a_pdf_that_opens_nowhere_gives_way_to_a_new_printing(desk: Desk) -> None:
    lost = desk.start()
    desk.work()
    assert desk.refused(desk.start) is Refusal.BATCH_OPEN
    clock.step(timedelta(minutes=1))
    fresh = sealed.new_private_key()

    def anew(session: Session, by: int, key: str) -> int:
        more: dict[str, Any] = {"also": letter_printing.AGAIN, "instead_of": lost, "key": key}
        public, actor = sealed.public_of(fresh), session.get_one(User, by)
        return letter_printing.start(session, desk.letters, public, actor=actor, **more).id

    # nobody destroys another's
    assert desk.refused(lambda: desk.do(lambda s: anew(s, desk.other, "o" * 20))) is Refusal.BATCH_ELSEWHERE
    second = desk.do(lambda s: anew(s, desk.officer, "k" * 20))
    assert desk.do(lambda s: anew(s, desk.officer, "k" * 20)) == second
    assert desk.batch(lost).state is BatchState.GONE
    desk.work()
    assert len(PASSWORD_SHAPE.findall("".join(words(desk.fetch(second, private=fresh))))) == 3
