"""The bank test: processes transfer among few accounts while others read every total (safety, "bank test").

Among the movements are those at the edge of the reserve: each legal alone, illegal together. A reader looks
as of one moment and must find that every unit class sums to zero, that balances are the sums of entries, that
nobody holds less than nothing or less than promised, and that no holder is below the commitment reserve.
Meanwhile the office issues jVER, corrects, carries units over into the next phase and issues to many at once.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.synchronize import Event
from queue import Empty
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from portal.errors import InUse, PortalError, Stale
from portal.extensions import make_engine, make_session
from portal.models import Holding, MovementKind, User
from portal.services import allowances, second_book
from portal.services.allowances import Request
from portal.services.snapshot import one_moment
from portal.services.transaction import begin_reading, run
from tests.campaigns.office_acts import (
    IN_THE_WINDOW,
    STEPS,
    Wish,
    bankers,
    give_back,
    made_by,
    unissued,
)
from tests.campaigns.processes import context
from tests.factories import reports
from tests.factories.ledger_cast import ISSUANCE, JAA, JVER, Cast

#: a reader compares balances with all entries as often as this
WHOLE = 20
#: seconds between two looks: a reader is no brake
PAUSE = 0.03


@dataclass
class Outcome:
    """What a campaign did. ``wrong``: each wrong read in words, and each thing lost or doubled."""

    done: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    reads: int = 0
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        tries = self.done + sum(self.refused.values())
        return (
            f"{tries} operations ({self.done} done, {sum(self.refused.values())} refused:"
            f" {dict(self.refused)}), {len(self.wrong)} of {self.reads} reads wrong"
        )


@dataclass(frozen=True)
class Job:
    """What one process needs to know."""

    url: str
    cast: Cast
    #: what each holder must keep of its own JAA: no unit is retired meanwhile
    reserves: dict[int, int]
    seed: str
    operations: int
    skew: bool
    #: how many acts an office process does
    acts: int = 0


def _logins(cast: Cast) -> dict[int, int]:
    return {**{account: facts.login for account, facts in cast.holders.items()}, **cast.traders}


def _choice(session: Session, job: Job, dice: random.Random) -> tuple[int, Request]:
    """Who moves what: read first and asked for later, so that two may want the same units."""
    logins = _logins(job.cast)
    givers = list(job.reserves) if job.skew and dice.random() < 0.6 else list(logins)
    source = dice.choice(givers)
    target = dice.choice([account for account in logins if account != source])
    unit = JAA if job.skew else dice.choice([JAA, JAA, JVER])
    begin_reading(session)
    held = session.scalar(
        select(Holding.quantity - Holding.promised).where(
            Holding.account_id == source, Holding.unit_class_id == job.cast.classes[unit]
        )
    )
    session.rollback()
    free = max(0, (held or 0) - (job.reserves.get(source, 0) if unit == JAA else 0))
    most = free if job.skew else min(free, 40)
    quantity = dice.choice([most, most + 1, max(1, most), dice.randint(1, most + 1)]) or 1
    return logins[source], Request(
        MovementKind.TRANSFER, str(quantity), f"AST-{target}", job.cast.classes[unit]
    )


def move(job: Job, answer: Any) -> None:
    """A process that moves units, again and again; tells the movements that were acknowledged."""
    reports.at(IN_THE_WINDOW)
    engine, dice = make_engine(job.url, pool_size=1), random.Random(job.seed)
    refused: Counter[str] = Counter()
    made: list[list[int]] = []
    with make_session(engine) as session:
        for number in range(job.operations):
            login, request = _choice(session, job, dice)
            key = f"{job.seed}-{number}"

            def work(login: int = login, request: Request = request, key: str = key) -> int:
                actor = session.get_one(User, login)
                return allowances.move(session, request, key=key, actor=actor).id

            try:
                made.append([run(session, work)])
            except PortalError as error:
                refused[error.refusal.value] += 1
    engine.dispose()
    answer.put(("moved", made, refused))


def office(job: Job, answer: Any) -> None:
    """A process of the office: each act to its end, or until a form is refused."""
    reports.at(IN_THE_WINDOW)
    engine, dice = make_engine(job.url, pool_size=1), random.Random(f"{job.seed}-office")
    refused: Counter[str] = Counter()
    made: list[list[int]] = []
    with make_session(engine) as session:
        for number in range(job.acts):
            wish, answers = _wish(session, job, dice, f"{job.seed}-office-{number}"), list[int]()
            try:
                for step in STEPS[wish.what]:
                    answers.append(run(session, lambda: step(session, job.cast, wish, answers)))  # noqa: B023
            except PortalError as error:
                refused[error.refusal.value] += 1
            made.append(made_by(session, wish, answers))
            session.rollback()
            if wish.what == "carry over" and len(answers) < 3:
                # the application that is given back must not stay: with no answer the campaign never ends
                patiently(session, lambda: give_back(session, job.cast, wish.accounts[0]))  # noqa: B023
    engine.dispose()
    answer.put(("moved", made, refused))


def patiently(session: Session, work: Callable[[], object]) -> None:
    """Do ``work`` however long others hold the database, and again when another was quicker."""
    while True:
        try:
            run(session, work)
            return
        except (InUse, Stale):
            continue


def _wish(session: Session, job: Job, dice: random.Random, key: str) -> Wish:
    """What the office does next; in the reserve's campaign mostly what takes units out of accounts."""
    what = dice.choice(
        ["jver", "correction", "carry over", "batch", *["carry over"] * (3 if job.skew else 0)]
    )
    first, second = job.cast.traders
    if what == "batch":
        begin_reading(session)
        issued = set(session.scalars(text("SELECT target_id FROM movement WHERE kind = 'issue'")))
        session.rollback()
        some = [account for account in unissued(job.cast) if account not in issued]
        if some:
            return Wish(what, key, tuple(some[: dice.randint(1, 2)]))
        what = "jver"
    if what == "carry over":
        account = dice.choice(bankers(job.cast))
        begin_reading(session)
        held = session.scalar(
            select(Holding.quantity - Holding.promised).where(
                Holding.account_id == account, Holding.unit_class_id == job.cast.classes[JAA]
            )
        )
        session.rollback()
        free = max(0, (held or 0) - job.reserves[account])
        return Wish(what, key, (account,), (free if job.skew else min(free, 3)) or 1)
    if what == "jver":
        return Wish(what, key, (dice.choice([*job.cast.holders, first, second]),), dice.randint(1, 40))
    return Wish(what, key, dice.choice([(first, second), (second, first)]), dice.randint(1, 40))


def read(job: Job, stop: Event, answer: Any) -> None:
    """A process that reads totals until it is told to stop."""
    engine = make_engine(job.url, pool_size=1)
    reads, wrong = 0, []
    with make_session(engine) as session:
        while not stop.is_set() or reads < 3:
            one_moment(session)
            wrong += found(session, job, whole=reads % WHOLE == 0)
            session.rollback()
            reads += 1
            time.sleep(PAUSE)
    engine.dispose()
    answer.put(("read", reads, wrong))


def found(session: Session, job: Job, *, whole: bool) -> list[str]:
    """What is wrong as of one moment."""
    rows = session.execute(text("SELECT account_id, unit_class_id, quantity, promised FROM holding")).all()
    sums: Counter[int] = Counter()
    wrong = []
    own = {account: job.cast.classes[facts.unit] for account, facts in job.cast.holders.items()}
    for account, unit_class, quantity, promised in rows:
        sums[unit_class] += quantity
        if account != ISSUANCE and not 0 <= promised <= quantity:
            wrong.append(f"AST-{account} holds {quantity}, promised {promised}")
        if own.get(account) == unit_class and quantity < job.reserves[account]:
            wrong.append(f"AST-{account} holds {quantity}, its reserve is {job.reserves[account]}")
    wrong += [f"class {unit_class} sums to {total}" for unit_class, total in sums.items() if total]
    if whole:
        entries = session.execute(
            text("SELECT account_id, unit_class_id, SUM(quantity) FROM ledger_entry GROUP BY 1, 2")
        )
        summed = {(account, unit_class): int(total) for account, unit_class, total in entries}
        kept = {(account, unit_class): quantity for account, unit_class, quantity, _promised in rows}
        wrong += [
            f"{key} holds {kept.get(key, 0)}, its entries sum to {summed.get(key, 0)}"
            for key in {*kept, *summed}
            if kept.get(key, 0) != summed.get(key, 0)
        ]
    return wrong


def campaign(
    url: str,
    cast: Cast,
    reserves: dict[int, int],
    *,
    seed: int,
    operations: int,
    movers: int = 4,
    offices: int = 2,
    readers: int = 1,
    skew: bool = False,
) -> Outcome:
    """Let ``movers`` processes carry out ``operations`` together while ``readers`` read.

    ``offices`` do a tenth as many acts beside them, which count as operations too.
    """
    platform = context()
    answers, stop = platform.Queue(), platform.Event()
    jobs = [
        Job(
            url,
            cast,
            reserves,
            f"{seed}-{'skew' if skew else 'bank'}-{n}",
            operations // movers,
            skew,
            max(3, operations // 10 // max(1, offices)),
        )
        for n in range(max(movers, offices))
    ]
    before = _posted(url)
    moving = [platform.Process(target=move, args=(job, answers)) for job in jobs[:movers]]
    moving += [platform.Process(target=office, args=(job, answers)) for job in jobs[:offices]]
    reading = [platform.Process(target=read, args=(jobs[0], stop, answers)) for _ in range(readers)]
    for process in [*reading, *moving]:
        process.start()
    outcome, made = Outcome(), list[list[int]]()
    told = [_answer(answers, process) for process in moving]
    stop.set()
    told += [_answer(answers, process) for process in reading]
    for process in [*moving, *reading]:
        process.join()
    for what, first, second in told:
        if what == "moved":
            made += first
            outcome.refused += second
        else:
            outcome.reads += first
            outcome.wrong += second
    outcome.done = sum(bool(some) for some in made)
    outcome.wrong += _lost_or_doubled(url, [one for some in made for one in some], before)
    return outcome


def _answer(answers: Any, process: Any) -> Any:
    """What one of the processes tells; it fails with the first that broke."""
    while True:
        try:
            return answers.get(timeout=5)
        except Empty:
            if process.exitcode not in (None, 0):
                raise RuntimeError(f"a process of the campaign ended with {process.exitcode}") from None


def _posted(url: str) -> int:
    engine = make_engine(url)
    with make_session(engine) as session:
        number = int(session.scalar(text("SELECT last_number FROM ledger_head")) or 0)
    engine.dispose()
    return number


def _lost_or_doubled(url: str, made: list[int], before: int) -> list[str]:
    """Every acknowledged movement was posted once and nothing else was; the second book agrees."""
    engine = make_engine(url)
    wrong = []
    with make_session(engine) as session:
        posted = set(
            session.scalars(
                text("SELECT movement_id FROM ledger_transaction WHERE id > :before"), {"before": before}
            )
        )
        if len(set(made)) != len(made) or posted != set(made):
            wrong.append(f"{len(made)} acknowledged, {len(posted)} posted")
        result = second_book.compare(session)
        if not result.ok:
            wrong.append(f"second book: {result.problem}")
    engine.dispose()
    return wrong
