"""kill -9 in the middle of commits: nothing acknowledged is lost, nothing doubled by retries (safety 7, 12).

A process makes one movement after another: a transfer, jVER, a correction, a carry-over, a batch of issues.
When it is about to commit, or in the middle of a batch, it says so, and a moment later it is killed. Then the
same form is sent again, with its key, by somebody who lives.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection as Pipe
from typing import Any

from sqlalchemy import Connection, Engine, event, make_url, text
from sqlalchemy.orm import Session

from portal.errors import PortalError
from portal.extensions import make_engine, make_session
from portal.services import ledger_proof, posting, second_book
from portal.services.transaction import run
from tests.campaigns.office_acts import IN_THE_WINDOW, STEPS, Wish, bankers, made_by, unissued
from tests.campaigns.processes import context
from tests.factories import reports
from tests.factories.ledger_cast import Cast

#: what is killed in turn; ``inside``: between two postings of one transaction
TURNS = (
    ("batch", "inside"),
    ("carry over", "commit"),
    ("correction", "commit"),
    ("batch", "commit"),
    ("jver", "inside"),
    ("transfer", "commit"),
    ("transfer", "commit"),
)
#: what the connections of those who are killed are called
VICTIM = "victim"
#: how many holders a batch issues to
IN_A_BATCH = 2
Told = tuple[str, str, int, int]


@dataclass
class Toll:
    """What came of it. ``before``/``after``: killed before or after the commit had lasted."""

    kills: int = 0
    before: int = 0
    after: int = 0
    acknowledged: int = 0
    #: how often each kind of act was killed
    kinds: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.kills} kills ({self.before} before the commit lasted, {self.after} after it),"
            f" {self.acknowledged} acknowledged: {len(self.lost)} lost, {len(self.doubled)} doubled;"
            f" {dict(self.kinds)}"
        )


def wish(cast: Cast, what: str, prefix: str, number: int) -> Wish:
    """The ``number``-th act of a victim. A batch is the same until it lasts: its victims die inside it."""
    first, second = cast.traders
    if what == "batch":
        some = unissued(cast)[number * IN_A_BATCH : (number + 1) * IN_A_BATCH]
        return Wish(what, f"batch-{number}", tuple(some))
    accounts = {"carry over": (bankers(cast)[0],), "jver": (second,)}.get(what, (first, second))
    return Wish(what, f"{prefix}-{number}", accounts)


def wish_of(cast: Cast, what: str, key: str) -> Wish:
    """The act a key belongs to."""
    prefix, _dash, number = key.rpartition("-")
    kind = "batch" if prefix == "batch" else "transfer" if what == "batch" else what
    return wish(cast, kind, prefix, int(number))


def victim(url: str, cast: Cast, what: str, prefix: str, begin: int, pipe: Pipe, torn: bool) -> None:
    """Do one act after another; tells ``commit`` and ``inside`` before, ``done`` with the answer after it.

    ``torn``: a planted fault, see :func:`_tear`.
    """
    reports.at(IN_THE_WINDOW)
    engine = make_engine(_named(url), pool_size=1)
    now = [f"{prefix}-0", 0]
    if torn:
        _tear()

    # of the class: it hears of a COMMIT before the engine's own listener sends it with the last statement
    @event.listens_for(Engine, "commit")
    def _commits(_connection: Any) -> None:
        pipe.send(("commit", *now, 0))

    @event.listens_for(engine, "before_cursor_execute")
    def _posts(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.startswith("INSERT INTO ledger_transaction"):
            pipe.send(("inside", *now, 0))

    number = begin
    with make_session(engine) as session:
        while True:
            one = wish(cast, what, prefix, number)
            if not one.accounts:  # all batches are made: something else, until it is killed
                one = wish_of(cast, what, f"{prefix}-{number}")
            answers: list[int] = []
            for place, step in enumerate(STEPS[one.what]):
                now[:] = [one.key, place]
                answers.append(run(session, lambda: step(session, cast, one, answers)))  # noqa: B023
                pipe.send(("done", one.key, place, answers[-1]))
            number += 1


def _named(url: str) -> str:
    """The address by which PostgreSQL tells a victim's connection from others."""
    if not url.startswith("postgresql"):
        return url
    named = make_url(url).update_query_dict({"application_name": VICTIM})
    return named.render_as_string(hide_password=False)


def _tear() -> None:
    """The planted fault: every posting of a transaction is committed by itself (SQLite)."""
    write = posting.write

    def torn(connection: Connection, **given: Any) -> posting.Posted:
        made = write(connection, **given)
        time.sleep(0.1)  # however busy the machine is, the blow falls between two parts
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        return made

    posting.write = torn


def campaign(url: str, cast: Cast, *, seed: int, kills: int, torn: bool = False) -> Toll:
    """Kill ``kills`` processes in the middle of their acts, each of which is then sent again."""
    reports.at(IN_THE_WINDOW)
    dice, engine = random.Random(seed), make_engine(url)
    watch = _Watch(engine, cast, Toll())
    for number in range(kills):
        what, where = TURNS[number % len(TURNS)]
        begin = 0
        if what == "batch":
            begin = watch.batches
            if (begin + 1) * IN_A_BATCH > len(unissued(cast)):
                what, where = "correction", "commit"
                begin = 0
        prefix = f"{seed}-{number}"
        told = _killed(url, (cast, what, prefix, begin), where, dice, torn)
        watch.toll.kinds[f"{what}, {where}"] += 1
        watch.after(what, told, wait=what == "batch" and dice.random() < 0.5)
    watch.count()
    engine.dispose()
    return watch.toll


def _killed(
    url: str, given: tuple[Cast, str, str, int], where: str, dice: random.Random, torn: bool
) -> list[Told]:
    """Let a victim live through some commits, then strike; all it told."""
    platform = context()
    mine, theirs = platform.Pipe(duplex=False)
    process = platform.Process(target=victim, args=(url, *given, theirs, torn))
    process.start()
    theirs.close()
    what = given[1]
    # the second commit of a batch is its execution; inside it, before the second of its postings, so that
    # it is still at work when the blow falls
    strike = 2 if what == "batch" else dice.randint(1, 3)
    told: list[Told] = []
    while sum(one[0] == where for one in told) < strike:
        told.append(mine.recv())
    time.sleep(dice.random() * 0.004)
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    while mine.poll():
        try:
            told.append(mine.recv())
        except EOFError:
            break
    mine.close()
    return told


class _Watch:
    """What was acknowledged, and what the living find when they send the forms again."""

    def __init__(self, engine: Engine, cast: Cast, toll: Toll) -> None:
        self.engine, self.cast, self.toll = engine, cast, toll
        self.answers: dict[str, list[int]] = {}
        self.wishes: dict[str, Wish] = {}
        self.begin = self._state()[1]

    def _state(self) -> tuple[int, int, int]:
        with self.engine.connect() as connection:
            query = (
                "SELECT (SELECT count(*) FROM movement), (SELECT last_number FROM ledger_head),"
                " (SELECT count(*) FROM banking_application)"
            )
            movements, postings, applications = connection.execute(text(query)).one()
            return movements, postings, applications

    def after(self, what: str, told: Sequence[Told], *, wait: bool) -> None:
        """Send the form that was in flight again, and go on to the act's end.

        ``wait``: unless it was killed inside a batch; the next victim has that before it once more.
        """
        self.toll.kills += 1
        self._laid()
        self.wishes |= {key: wish_of(self.cast, what, key) for _kind, key, *_rest in told}
        for kind, key, place, answer in told:
            if kind == "done":
                self._acknowledged(key, place, answer)
        kind, key, place, _answer = told[-1]
        one, before = self.wishes[key], self._state()
        if kind == "done":  # it was about to begin with the next form, which nobody has sent yet
            place += 1
        if wait and kind == "inside" and one.what == "batch":
            self.toll.before += 1
            if before[1] != self.known_number():
                self.toll.doubled.append(f"a part of {key} was posted")
            return
        with make_session(self.engine) as session:
            for again in range(place, len(STEPS[one.what])):
                sent = self._sent(session, one, again)
                if sent is None:
                    self.toll.lost.append(f"{key} cannot be sent again")
                    break
                self._acknowledged(key, again, sent)
                if again == place:
                    lasted = self._state() == before
                    self.toll.after += lasted
                    self.toll.before += not lasted
            if place == len(STEPS[one.what]):
                self.toll.after += 1

    def _laid(self) -> None:
        """Wait until the server has ended what the dead one sent: a COMMIT is carried out all the same."""
        if self.engine.dialect.name != "postgresql":
            return
        query = text("SELECT count(*) FROM pg_stat_activity WHERE application_name = :name")
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with self.engine.connect() as connection:
                if not connection.scalar(query, {"name": VICTIM}):
                    return
            time.sleep(0.002)
        raise RuntimeError("a dead process's connection does not end")

    @property
    def batches(self) -> int:
        """How many batches are executed."""
        return sum(
            one.what == "batch" and len(self.answers.get(key, [])) == len(STEPS["batch"])
            for key, one in self.wishes.items()
        )

    def known_number(self) -> int:
        """Where the ledger should be by what is acknowledged."""
        with make_session(self.engine) as session:
            return self.begin + len(self._made(session))

    def _sent(self, session: Session, one: Wish, place: int) -> int | None:
        """The answer to the form; none if it is refused for good."""
        known = self.answers.get(one.key, [])[:place]

        def work() -> int:
            return STEPS[one.what][place](session, self.cast, one, known)

        for _ in range(2):
            # refused once: the dead one's commit was still under way when this one looked, now it is there
            try:
                return run(session, work)
            except PortalError:
                continue
        return None

    def _acknowledged(self, key: str, place: int, answer: int) -> None:
        known = self.answers.setdefault(key, [])
        if place == len(known):
            known.append(answer)
        elif known[place] != answer:
            self.toll.doubled.append(f"{key}: {known[place]} was acknowledged, the retry made {answer}")

    def _made(self, session: Session) -> list[int]:
        return [
            number
            for key, answers in self.answers.items()
            for number in made_by(session, self.wishes[key], answers)
        ]

    def count(self) -> None:
        """Every acknowledged movement is posted once, nothing else is, and both books agree."""
        with make_session(self.engine) as session:
            query = text("SELECT movement_id FROM ledger_transaction WHERE id > :begin")
            posted = list(session.scalars(query, {"begin": self.begin}))
            made = self._made(session)
            self.toll.acknowledged = len(made)
            self.toll.lost += [f"movement {one}" for one in sorted(set(made) - set(posted))]
            self.toll.doubled += [f"movement {one}" for one in sorted(set(posted) - set(made))]
            if len(made) != len(set(made)) or len(posted) != len(set(posted)):
                self.toll.doubled.append(f"{len(posted)} posted for {len(made)}")
            report, second = ledger_proof.verify(session), second_book.compare(session)
            self.toll.lost += [problem for problem in (report.problem, second.problem) if problem]
