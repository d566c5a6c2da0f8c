"""kill -9 in the middle of commits: nothing acknowledged is lost, nothing doubled by retries (safety 7, 12).

A process makes one movement after another. When it is about to commit it says so, and a moment later it is
killed. Then the same form is sent again, with its key, by somebody who lives.
"""

from __future__ import annotations

import os
import random
import signal
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from sqlalchemy import event, text
from sqlalchemy.orm import Session

from portal.extensions import make_engine, make_session
from portal.models import MovementKind, User
from portal.services import allowances, ledger, second_book
from portal.services.allowances import Request
from portal.services.transaction import run
from tests.campaigns.driven import START
from tests.campaigns.processes import context
from tests.factories import reports


@dataclass
class Toll:
    """What came of it. ``before``/``after``: killed before or after the commit had lasted."""

    kills: int = 0
    before: int = 0
    after: int = 0
    acknowledged: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.kills} kills ({self.before} before the commit lasted, {self.after} after it),"
            f" {self.acknowledged} acknowledged: {len(self.lost)} lost, {len(self.doubled)} doubled"
        )


@dataclass(frozen=True)
class Way:
    """Who moves units of which class where, one at a time."""

    login: int
    account: str
    unit_class: int


def _move(session: Session, way: Way, key: str) -> int:
    request = Request(MovementKind.TRANSFER, "1", way.account, way.unit_class)
    actor = session.get_one(User, way.login)
    return allowances.move(session, request, key=key, actor=actor).id


def victim(url: str, way: Way, prefix: str, pipe: Connection) -> None:
    """Move one unit after another; ``commit`` before each commit, ``done`` and the movement after it."""
    reports.at(START)
    engine = make_engine(url, pool_size=1)
    number = 0

    @event.listens_for(engine, "commit")
    def _told(_connection: Any) -> None:
        pipe.send(("commit", f"{prefix}-{number}", 0))

    with make_session(engine) as session:
        while True:
            key = f"{prefix}-{number}"
            made = run(session, lambda: _move(session, way, key))  # noqa: B023
            pipe.send(("done", key, made))
            number += 1


def campaign(url: str, way: Way, *, seed: int, kills: int) -> Toll:
    """Kill ``kills`` processes while they commit transfers along ``way``, retrying each."""
    platform, dice, toll = context(), random.Random(seed), Toll()
    acknowledged: dict[str, int] = {}
    keys: set[str] = set()
    engine = make_engine(url)
    before = _last(engine)
    for number in range(kills):
        mine, theirs = platform.Pipe(duplex=False)
        process = platform.Process(target=victim, args=(url, way, f"{seed}-{number}", theirs))
        process.start()
        theirs.close()
        # let it live through some commits, then strike within the next one
        strike, seen, waiting = dice.randint(1, 3), 0, None
        while seen < strike:
            what, key, made = mine.recv()
            if what == "commit":
                seen, waiting = seen + 1, key
                keys.add(key)
            else:
                acknowledged[key] = made
        time.sleep(dice.random() * 0.004)
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join()
        while mine.poll():
            try:
                what, key, made = mine.recv()
            except EOFError:
                break
            keys.add(key)
            if what == "done":
                acknowledged[key] = made
            else:
                waiting = key
        mine.close()
        _retry(engine, way, waiting or "", acknowledged, toll)
    toll.acknowledged = len(acknowledged)
    _count(engine, keys, acknowledged, before, toll)
    engine.dispose()
    return toll


def _last(engine: Any) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text("SELECT last_number FROM ledger_head")).scalar_one())


def _retry(engine: Any, way: Way, key: str, acknowledged: dict[str, int], toll: Toll) -> None:
    """Send the form that was in flight again: its first answer if the commit had lasted."""
    toll.kills += 1
    with make_session(engine) as session:
        number = _last_of(session)
        made = run(session, lambda: _move(session, way, key))
        if _last_of(session) == number:
            toll.after += 1
        else:
            toll.before += 1
        if acknowledged.setdefault(key, made) != made:
            toll.doubled.append(f"{key}: {acknowledged[key]} was acknowledged, the retry made {made}")


def _last_of(session: Session) -> int:
    number = int(session.scalar(text("SELECT last_number FROM ledger_head")) or 0)
    session.rollback()
    return number


def _count(engine: Any, keys: set[str], acknowledged: dict[str, int], before: int, toll: Toll) -> None:
    with make_session(engine) as session:
        rows = session.execute(
            text(
                "SELECT m.idempotency_key, m.id FROM ledger_transaction t"
                " JOIN movement m ON m.id = t.movement_id WHERE t.id > :before"
            ),
            {"before": before},
        ).all()
        there = dict(rows)
        toll.lost += [key for key, made in acknowledged.items() if there.get(key) != made]
        if len(rows) != len(keys):
            toll.doubled.append(f"{len(rows)} posted for {len(keys)} keys")
        report, second = ledger.verify(session), second_book.compare(session)
        toll.lost += [problem for problem in (report.problem, second.problem) if problem]
