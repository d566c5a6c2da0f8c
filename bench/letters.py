"""How long letters take: one, two hundred as one PDF, and the worker's whole printing of two hundred.

``python -m bench.letters [--letters 200]`` works on a database of its own and prints a Markdown table.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.extensions import make_engine, make_session, upgrade_database
from portal.models import Document, Letter, LetterBatch, User
from portal.permissions import Role
from portal.services import jobs, letter_present, letter_printing, letters, sealed
from portal.services.letter_pdf import LetterContent, render_letter, render_letters
from portal.services.letter_words import blackened
from portal.services.passwords import make_initial_password
from portal.services.transaction import run
from tests.factories import registration as make

#: what, seconds on the clock, seconds of the processor, how large
Line = tuple[str, "Took", str]


@dataclass(frozen=True)
class Took:
    """Seconds on the clock and of the processors; the second hardly depends on who else works."""

    clock: float
    cpu: float

    def each(self, count: int) -> Took:
        return Took(self.clock / count, self.cpu / count)


def timed(work: Callable[[], Any]) -> tuple[Took, Any]:
    """How long it took, and what came of it."""
    began, cpu = time.perf_counter(), time.process_time()
    made = work()
    return Took(time.perf_counter() - began, time.process_time() - cpu), made


def size(data: bytes) -> str:
    return f"{len(data) / 1024:,.0f} KiB"


@contextmanager
def office(url: str, count: int) -> Iterator[Callable[[], Session]]:
    """Sessions on the database at ``url``, where ``count`` completion notices of holders wait."""
    upgrade_database(url)
    engine = make_engine(url)

    def fill(session: Session) -> None:
        officer = make.office(session, Role.OFFICER)
        for number in range(count):
            code = f"{(number * 7919) % 1000:03d}-{number:04d}"
            data = make.holder_data(session, contact_postal_code=code)
            make.accepted(session, data, actor=officer)

    with make_session(engine) as session:
        run(session, lambda: fill(session))
    yield lambda: make_session(engine)
    engine.dispose()


def typesetting(content: LetterContent, count: int) -> Iterator[Line]:
    """Typesetting alone."""
    seconds, pdf = timed(lambda: render_letter(content))
    yield "one letter, the first of a process", seconds, size(pdf)
    many = [replace(content, number=f"第2期 通知第{number:04d}号") for number in range(count)]
    seconds, made = timed(lambda: [render_letter(one) for one in many[:20]])
    yield "one letter, each further one", seconds.each(len(made)), size(made[-1])
    seconds, pdf = timed(lambda: render_letters(many))
    yield f"{count} letters as one PDF, typesetting only", seconds, size(pdf)
    seconds, made = timed(lambda: [render_letter(blackened(one)) for one in many])
    yield f"{count} blacked-out copies, one by one", seconds, size(b"".join(made))


def printing(open_session: Any, count: int) -> Iterator[Line]:
    """The worker's work: passwords, PDF, copies, one transaction."""
    private = sealed.new_private_key()
    seconds, _ = timed(lambda: [make_initial_password() for _ in range(20)])
    yield "one password made and hashed (one thread)", seconds.each(20), "–"
    locked: list[Took] = []
    carry_out = letter_printing._carry_out

    def measured(session: Session, ready: Any) -> bool:
        took, done = timed(lambda: carry_out(session, ready))
        locked.append(took)
        return bool(done)

    letter_printing._carry_out = measured
    try:
        with open_session() as session:
            ids = letter_printing.waiting_ids(session)
            officer = session.scalars(select(func.min(User.id)).where(User.role == Role.OFFICER)).one()
            run(
                session,
                lambda: letter_printing.start(
                    session, ids, sealed.public_of(private), actor=session.get_one(User, officer)
                ),
            )
        seconds, kind = timed(lambda: jobs.run_one(open_session))
    finally:
        letter_printing._carry_out = carry_out
    assert kind == letter_printing.PRINT
    with open_session() as session:
        batch = session.scalars(select(LetterBatch)).one()
        assert batch.letters == count and batch.sealed is not None, batch.last_error
        kept = session.scalar(select(func.sum(Document.size)).join(Letter, Letter.copy_id == Document.id))
        yield f"{count} letters printed together, all of the job", seconds, f"sealed {size(batch.sealed)}"
        yield "… of it under lock, in the one transaction", locked[0], f"copies {kept / 1024:,.0f} KiB"


def measured(url: str, count: int) -> list[Line]:
    """All of it with ``count`` letters, in the empty database at ``url``."""
    with office(url, count) as open_session:
        with open_session() as session:
            letter = session.scalars(select(Letter).limit(1)).one()
            content = letter_present.present(session, letter)
            made = {login.login_id: make_initial_password() for login in content.logins}
            content = letters.with_passwords(content, made)
        # filling the database has warmed this thread's typesetter
        alone = in_a_thread(lambda: list(typesetting(content, count)))
        return [*alone, *printing(open_session, count)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--letters", type=int, default=200)
    count = parser.parse_args().letters
    with tempfile.TemporaryDirectory() as folder:
        lines = measured(f"sqlite:///{Path(folder) / 'letters.db'}", count)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print("| work | seconds | of a processor | size |\n|---|---|---|---|")
    for name, took, bytes_ in lines:
        print(f"| {name} | {took.clock:.3f} | {took.cpu:.3f} | {bytes_} |")
    print(f"\nPeak memory of the process: {peak:,.0f} MiB.")


def in_a_thread(work: Callable[[], list[Line]]) -> list[Line]:
    """A thread has a compiler of its own, so that its first letter is a first one."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as threads:
        return threads.submit(work).result()


if __name__ == "__main__":
    main()
