"""What the ledger's machine is driven by: a session, the model beside it, and what may befall a step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import Engine, event, select
from sqlalchemy.exc import DBAPIError

from portal import clock
from portal.errors import PortalError
from portal.extensions import make_engine, make_session
from portal.models import LedgerTransaction, MovementKind, User
from portal.services import ledger_proof, second_book, transfer_totals
from portal.services.allowances import Request
from portal.services.ledger_days import edge_at
from portal.services.transaction import one_transaction, run
from tests import databases
from tests.campaigns.invariants import Watch
from tests.factories.ledger_cast import Cast
from tests.factories.ledger_model import Model

#: what may befall an act that would come about: everything is done, but the commit never comes; the
#: connection breaks before it; the answer is lost. The act is tried again each time, with the same key.
BEFALL = ("rollback", "broken", "lost")
#: which of many: three in four times of those with which the act would come about
PICK = st.integers(0, 255)
#: who of the office: three in four times another than the one who proposed
BY = st.integers(0, 15)
#: often, for nothing befalls the acts that are refused, which are more than half
FAULTS = st.sampled_from([None, *BEFALL, *BEFALL, *BEFALL])
STALE = st.sampled_from([False] * 6 + [True])


F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


def quick(engine: Engine) -> Engine:
    """Let commits not wait for the disk: nobody pulls the plug here, processes are killed elsewhere."""
    sqlite = engine.dialect.name == "sqlite"

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        with closing(connection.cursor()) as cursor:
            cursor.execute("PRAGMA synchronous=OFF" if sqlite else "SET synchronous_commit = off")
        if not sqlite:
            connection.commit()

    return engine


#: what a campaign must have come to
ALL_THAT_HAPPENS = frozenset(
    {
        *MovementKind,
        *("batch", "account suspended", "account open", "account closed", "approval", "revocation"),
        *("deadline", "late retirement", "phase closed", "books disagree", "books agree again"),
        *(
            "application",
            "application declined",
            "application withdrawn",
            "withdrawal",
            "proposal lapsed",
            "paper lapsed",
        ),
    }
)

_CHANGES = ("propose_change", "decide_on_change")
#: what takes several steps or a season of its own: where it comes about, and by which acts
LEADS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "batch": ("opened", ("propose_batch", "decide_on_batch")),
    "account suspended": ("traded", _CHANGES),
    "account open": ("traded", _CHANGES),
    "account closed": ("after the window", _CHANGES),
    "phase closed": ("after the window", ("propose_closing", "decide_on_closing", "books")),
    "paper lapsed": ("traded", ("propose_change", "wait", "night")),
    "application declined": ("banking", ("apply_for_banking", "decide_on_banking")),
    "application withdrawn": ("banking", ("apply_for_banking", "decide_on_banking")),
    MovementKind.CARRY_OVER: ("banking", ("decide_on_banking", "confirm")),
    "deadline": ("approved", ("wait", "night")),
}


def urged(lacking: Collection[str]) -> tuple[dict[str, int], set[str]]:
    """By how much acts are likelier for what has not come about yet, and where to begin for it.

    Asked between two portions of a campaign only: within one, the same numbers drawn give the same steps.
    """
    led = [LEADS[one] for one in lacking if one in LEADS]
    return {act: 4 for _season, acts in led for act in acts}, {season for season, _acts in led}


@dataclass(frozen=True)
class Start:
    """A database at some time of the scheme, to be copied; the model of it; what its clock shows."""

    url: str
    model: Model
    moment: datetime


@dataclass(frozen=True)
class Act:
    """A kind of step: how often it comes beside the others, when it can, and what is drawn for it."""

    weight: int
    when: Callable[[Any], int]
    given: st.SearchStrategy[dict[str, Any]]


def often(
    weight: int, when: Callable[[Any], int] = lambda _machine: 1, **given: st.SearchStrategy[Any]
) -> Callable[[F], F]:
    """Mark a step of the machine. ``when``: whether it can come now; a number makes it so much likelier.

    A rule of its own for each would leave out about half of them in any one run, and with them most of what
    takes several steps.
    """

    def mark(step: F) -> F:
        step.act = Act(weight, when, st.fixed_dictionaries(given))  # type: ignore[attr-defined]
        return step

    return mark


@lru_cache(maxsize=4096)
def _one_of(weighed: tuple[tuple[str, int], ...]) -> st.SearchStrategy[str]:
    return st.sampled_from([name for name, weight in weighed for _ in range(weight)])


class Driven(RuleBasedStateMachine):
    """A copy of the small scheme at one of its seasons, the model beside it; the acts are a subclass's."""

    #: names this run's keys apart from those of the opening
    name = "key"

    def __init__(
        self,
        starts: Mapping[str, Start],
        cast: Cast,
        tally: Counter[str],
        folder: Path,
        only: Sequence[str] = (),
        urge: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__()
        self.starts, self.cast, self.tally, self.folder = starts, cast, tally, folder
        self.urge = urge or {}
        kind = type(self)
        names = [name for name in only or dir(kind) if hasattr(getattr(kind, name), "act")]
        assert set(only) <= set(names)
        acts: dict[str, Act] = {name: getattr(kind, name).act for name in names}
        #: the most frequent first: it is what a run without any choice takes
        self.acts = dict(sorted(acts.items(), key=lambda pair: (-pair[1].weight, pair[0])))
        self.url = ""
        self.keys, self.struck = 0, False
        #: the last movement: its number, key, request and login
        self.last: tuple[int, str, Request, int] | None = None
        self.accounts = [*cast.holders, *cast.traders]

    @initialize(pick=PICK)
    def begin(self, pick: int) -> None:
        """At one of the starts."""
        start = self.starts[list(self.starts)[pick % len(self.starts)]]
        self.open(databases.copy(start.url, self.folder), deepcopy(start.model), start.moment)

    def open(self, url: str, model: Model, moment: datetime) -> None:
        """Connect to a database of the small scheme, of which ``model`` is true."""
        self.url, self.model = url, model
        clock.set_time(moment)
        self.engine = quick(make_engine(url))
        self.session = make_session(self.engine)
        self.watch = Watch(url)

    def close(self) -> None:
        self.session.close()
        self.engine.dispose()
        self.watch.connection.close()

    @rule(data=st.data())
    def go_on(self, data: st.DataObject) -> None:
        """One more act."""
        urge = self.urge
        weighed = ((name, one.weight * one.when(self) * urge.get(name, 1)) for name, one in self.acts.items())
        name = data.draw(_one_of(tuple(weighed)), "act")
        self.tally[f"act: {name}"] += 1
        getattr(self, name)(**data.draw(self.acts[name].given, name))

    def teardown(self) -> None:
        if not self.url:
            return
        if len(self.model.postings) % 3 == 0:  # one run in three, for it takes a while
            self.transfers_add_up()
        report, second = ledger_proof.verify(self.session), second_book.compare(self.session)
        self.close()
        if self.engine.dialect.name == "postgresql":
            databases.drop(self.url)
        else:
            for end in ("", "-wal", "-shm"):
                Path(f"{self.url.removeprefix('sqlite:///')}{end}").unlink(missing_ok=True)
        assert report.ok, report.problem
        assert second.ok, second.problem
        assert report.transactions == second.transactions == len(self.model.postings)
        assert all(one.issued == one.elsewhere for one in report.sums)

    def transfers_add_up(self) -> None:
        """With some sums kept: of now the model's are told, of a moment those that were stamped before it."""
        every = 1 + len(self.model.postings) % 7
        run(self.session, partial(transfer_totals.add_up, self.session, every=every, most=5))
        sent: Counter[tuple[int, int]] = Counter()  # number, unit class
        for number, one in self.model.postings.items():
            of = self.model.postings[one.reverses] if one.reverses is not None else one
            if of.kind is MovementKind.TRANSFER:
                sent[(number, self.cast.classes[one.unit])] = one.quantity * (1 if of is one else -1)
        moments = select(LedgerTransaction.id, LedgerTransaction.posted_at).order_by(LedgerTransaction.id)
        stamped = {number: at for number, at in self.session.execute(moments)}
        for moment in (None, *list(stamped.values())[len(stamped) // 2 :: 12][:2]):
            edge = edge_at(self.session, moment) if moment is not None else None
            due: Counter[int] = Counter()
            for (number, unit_class), units in sent.items():
                due[unit_class] += units if moment is None or stamped[number] < moment else 0
            told = transfer_totals.transferred(self.session, edge)
            assert {one: told.get(one, 0) for one in due} == due, (every, moment)

    def key(self) -> str:
        self.keys += 1
        return f"{self.name}-{self.keys}"

    def step(self, fault: str | None) -> None:
        """Count a step, and what befalls it; what befalls an act is counted when it does."""
        self.tally["steps"] += 1
        self.struck = False
        if fault not in (None, *BEFALL):
            self.befell(fault)

    def befell(self, fault: str) -> None:
        """Count what befell a step; a step counts once."""
        self.tally["faults"] += not self.struck
        self.tally[f"fault: {fault}"] += 1
        self.struck = True

    def did(self, what: str) -> None:
        """Count something that really came about: a campaign that never gets there shows nothing."""
        self.tally[f"did: {what}"] += 1

    def done(self, work: Any, *, legal: bool, fault: str | None = None, keyed: bool = True) -> Any:
        """Do it in one transaction; it must be refused exactly when the model says so.

        A fault befalls what would come about, which is tried again: nothing of the first attempt is there.
        ``keyed``: the same form once more gives the first answer; otherwise it is refused.
        """
        self.tally["legal" if legal else "refused"] += 1
        fault = fault if legal else None
        if fault is not None:
            self.befell(fault)
        if fault in ("rollback", "broken"):
            self.attempt(work, legal=legal, ends=fault)
            self.watch.look(self.model)
        made = self.attempt(work, legal=legal)
        if fault == "lost":
            again = self.attempt(work, legal=keyed)
            assert again == (made if keyed else None)
        return made

    def attempt(self, work: Any, *, legal: bool, ends: str | None = None) -> Any:
        """One try; with ``ends`` everything is done, but the commit never comes."""
        try:
            with one_transaction(self.session):
                result = work()
                result = getattr(result, "id", result)
                if ends == "rollback":
                    raise _Crash
                if ends is not None:
                    self.session.flush()
                    self.session.connection().connection.dbapi_connection.close()  # type: ignore[union-attr]
        except PortalError as refused:
            assert not legal, f"refused though legal: {[problem.refusal for problem in refused.problems]}"
            return None
        except (_Crash, DBAPIError):
            assert ends is not None
            assert legal, "done though illegal"
            self.session.rollback()
            return None
        assert ends is None and legal, "done though illegal"
        return result

    def user(self, number: int) -> User:
        return self.session.get_one(User, number)

    def login(self, account: int) -> int:
        facts = self.cast.holders.get(account)
        return facts.login if facts is not None else self.cast.traders[account]

    def version(self, model: type[Any], number: int, stale: bool) -> int:
        """The row's version as a page shows it, or as one showed it before."""
        ((found,),) = self.watch.read(f"SELECT version FROM {model.__tablename__} WHERE id = {number}")
        return int(found) - (1 if stale else 0)

    def maker(self, by: int) -> int:
        """A colleague of the office."""
        return self.cast.proposers[by % len(self.cast.proposers)]

    def checker(self, by: int, maker: int) -> int:
        """A colleague who confirms: mostly one who may."""
        return choose(by, [one for one in self.cast.approvers if one != maker], self.cast.proposers)

    def may_end(self, maker: int, who: int) -> bool:
        """Whether ``who`` ends what ``maker`` proposed without confirming it: withdraws it, or declines."""
        return who == maker or who in self.cast.approvers

    @invariant()
    def all_that_must_hold_holds(self) -> None:
        self.watch.look(self.model)


def told(tally: Counter[str]) -> str:
    """What a campaign did, for people."""
    steps = tally["steps"]
    lines = [
        f"{steps} steps, {100 * tally['faults'] / steps:.0f} % with a fault,"
        f" {100 * tally['legal'] / (tally['legal'] + tally['refused']):.0f} % of the acts legal:"
        f" 0 of {steps} broke the ledger"
    ]
    for what in ("did", "fault", "act"):
        some = {key: count for key, count in sorted(tally.items()) if key.startswith(f"{what}: ")}
        lines.append(
            f"{what}: " + ", ".join(f"{key[len(what) + 2 :]} {count}" for key, count in some.items())
        )
    return "\n".join(lines)


def choose(pick: int, good: Sequence[T], every: Sequence[T]) -> T:
    """One of many by a number that was drawn: three in four times one that is good for what comes."""
    some = good if good and pick % 4 else every
    return some[pick // 4 % len(some)]


class _Crash(Exception):
    """Everything was done, but the commit never came."""
