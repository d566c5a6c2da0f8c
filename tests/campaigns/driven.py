"""What the ledger's machine is driven by: a session, the model beside it, and what may befall a step."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

from hypothesis.stateful import RuleBasedStateMachine, invariant
from sqlalchemy import Engine, event
from sqlalchemy.exc import DBAPIError

from portal.errors import PortalError
from portal.extensions import make_engine, make_session
from portal.models import MovementKind, User
from portal.services import ledger_proof, second_book
from portal.services.allowances import Request
from portal.services.transaction import one_transaction
from tests import databases
from tests.campaigns.invariants import Watch
from tests.factories import reports
from tests.factories.ledger_cast import Cast
from tests.factories.ledger_model import Model

START = "2015-08-03 09:00"


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
        *("deadline", "phase closed", "books disagree", "books agree again"),
    }
)


class Driven(RuleBasedStateMachine):
    """A copy of the small scheme with an open market, and the model beside it; the rules are a subclass's."""

    def __init__(self, url: str, cast: Cast, model: Model, tally: Counter[str]) -> None:
        super().__init__()
        self.cast, self.model, self.tally, self.url = cast, model, tally, url
        self.engine = quick(make_engine(self.url))
        self.session = make_session(self.engine)
        self.watch = Watch(self.url)
        self.keys = 0
        #: tells this run's keys from those of the opening
        self.name = "opening" if not model.postings else "key"
        #: the last movement: its number, key, request and login
        self.last: tuple[int, str, Request, int] | None = None
        self.accounts = [*cast.holders, *cast.traders]
        reports.at(START)

    def teardown(self) -> None:
        report, second = ledger_proof.verify(self.session), second_book.compare(self.session)
        self.session.close()
        self.engine.dispose()
        self.watch.connection.close()
        if self.engine.dialect.name == "postgresql":
            databases.drop(self.url)
        else:
            for end in ("", "-wal", "-shm"):
                Path(f"{self.url.removeprefix('sqlite:///')}{end}").unlink(missing_ok=True)
        assert report.ok, report.problem
        assert second.ok, second.problem
        assert report.transactions == second.transactions == len(self.model.postings)
        assert all(one.issued == one.elsewhere for one in report.sums)

    def key(self) -> str:
        self.keys += 1
        return f"{self.name}-{self.keys}"

    def step(self, fault: object) -> None:
        """Count a step, and what befalls it."""
        self.tally["steps"] += 1
        self.tally["faults"] += bool(fault)
        self.tally[str(fault)] += bool(fault)

    def did(self, what: str) -> None:
        """Count something that really came about: a campaign that never gets there shows nothing."""
        self.tally[f"did: {what}"] += 1

    def done(self, work: Any, *, legal: bool, fault: str | None = None, keyed: bool = True) -> Any:
        """Do it in one transaction; it must be refused exactly when the model says so.

        ``keyed``: the same form once more gives the first answer; otherwise it is refused.
        """
        if fault in ("rollback", "broken", "retry"):
            self.attempt(work, legal=legal, ends=fault)
            if fault != "retry":
                return None
        made = self.attempt(work, legal=legal)
        if fault == "lost":
            again = self.attempt(work, legal=legal and keyed)
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
        """A colleague of the office, by how a step picks one."""
        return self.cast.proposers[by % len(self.cast.proposers)]

    @invariant()
    def all_that_must_hold_holds(self) -> None:
        self.watch.look(self.model)


class _Crash(Exception):
    """Everything was done, but the commit never came."""
