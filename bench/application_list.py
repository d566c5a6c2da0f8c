"""How the application desk holds with 100,000 applications: list, search, filters, export, near-duplicates.

Run from the top of the project: ``python bench/application_list.py [rows]``, with more than 2,000, for
shorter lists are not written by the worker; SQLite always, PostgreSQL when PORTAL_TEST_POSTGRES_URL names
a server. Rows are inserted in bulk (a bench may). Every page is asked through the whole application as an
officer would; the best of five is told, for files (which the worker writes) one run with the peak of memory
above what the process held before.
"""

from __future__ import annotations

import os
import random
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from flask.testing import FlaskClient
from sqlalchemy import insert, select, text
from sqlalchemy.orm import Session

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from portal import clock, create_app
from portal.extensions import make_engine, make_session, upgrade_database
from portal.models import ApplicationState, RegistrationApplication
from portal.permissions import Role
from portal.services import jobs, list_files
from portal.services.near_duplicates import likeness_keys, near_duplicates
from portal.services.registration_checks import application_key
from portal.services.registration_data import ApplicationData
from portal.services.transaction import one_transaction
from portal.settings import Settings
from tests import databases
from tests.factories import numbers
from tests.factories import registration as make

ROWS = 100_000
PORTION = 2_000
#: of so many companies one is written like its neighbour in another way
TWINS = 1_000
STATES = (*[ApplicationState.RECEIVED] * 15, *[ApplicationState.CORRECTION_ASKED] * 5,
          *[ApplicationState.REJECTED] * 10, *[ApplicationState.ACCEPTED] * 70)  # fmt: skip
WORDS = (
    "あさぎり",
    "こだま",
    "しらかば",
    "ほしぞら",
    "はやぶさ",
    "さざなみ",
    "みなもと",
    "こもれび",
    "つばめ",
    "いなほ",
)
TRADES = (
    ("化成", "かせい"),
    ("食品", "しょくひん"),
    ("精機", "せいき"),
    ("製紙", "せいし"),
    ("倉庫", "そうこ"),
)
DIGITS = "〇一二三四五六七八九"


def rows_of(count: int, base: ApplicationData, officer: int) -> Iterator[dict[str, Any]]:
    """Bulk rows of invented companies, some of them twins (:data:`TWINS`)."""
    dice = random.Random(1)
    first = date(2013, 4, 1)
    for n in range(1, count + 1):
        twin = n % TWINS == 1 and n > 1
        of = n - 1 if twin else n
        trade, kana = TRADES[of % 5]
        name = "".join(DIGITS[int(digit)] for digit in str(of))
        word = WORDS[of // 5 % 10]
        data: dict[str, Any] = {
            **{name: getattr(base, name) for name in base.__dataclass_fields__ if name != "joint_companies"},
            "company_name": f"㈱{word}{name}{trade}" if twin else f"{word}{name}{trade}株式会社",
            "company_kana": f"{word}{make.kana_of(of)}{kana}かぶしきがいしゃ",
            "received_on": first + timedelta(days=dice.randrange(900)),
            "contact_telephone": f"03-{of // 10000:04d}-{of % 10000:04d}",
            "mail_a": f"a{n}@bench.example",
            "site_name": f"第{of % 7 + 1}工場",
            "site_address": f"県{of % 5000:04d}市みほん町{of}-2-3",
            "account_name": f"{word}{name}{trade} 第{of % 7 + 1}工場 {n}",
        }
        made = ApplicationData(**data)
        state = STATES[dice.randrange(len(STATES))] if n % TWINS > 1 else ApplicationState.RECEIVED
        done = state not in (ApplicationState.RECEIVED, ApplicationState.CORRECTION_ASKED)
        number = f"R2-{n:04d}"
        yield {
            **data,
            **likeness_keys(made),
            "number": number,
            "state": state,
            "search_key": application_key(number, made),
            "created_by_id": officer,
            "created_at": clock.now(),
            "clerk_id": None if done or n % 3 else officer,
            "decided_by_id": officer if done else None,
            "decided_at": clock.now() if done else None,
            "version": 1,
        }


def fill(session: Session, count: int) -> float:
    """People, a phase and ``count`` applications; the seconds it took."""
    began = time.monotonic()
    with one_transaction(session):
        officer = make.office(session, Role.OFFICER, "officer")
        base = make.holder_data(session, joint_companies=())
        portion: list[dict[str, Any]] = []
        for row in rows_of(count, base, officer.id):
            portion.append(row)
            if len(portion) == PORTION:
                session.execute(insert(RegistrationApplication), portion)
                portion = []
        if portion:
            session.execute(insert(RegistrationApplication), portion)
    with one_transaction(session):
        session.execute(text("ANALYZE"))
    return time.monotonic() - began


def enter(client: FlaskClient) -> None:
    """Log in as the officer."""
    answer = client.post("/login", data={"login_id": "officer", "password": make.PASSWORD})
    assert answer.status_code == 302, answer.status_code


def best(work: Callable[[], Any], times: int) -> float:
    """Milliseconds of the fastest run."""
    took = []
    for _ in range(times):
        began = time.monotonic()
        work()
        took.append(time.monotonic() - began)
    return min(took) * 1000


class Peak:
    """The largest resident size of this process while something runs, in MB above the size before."""

    def __enter__(self) -> Peak:
        self._before = self._largest = self._now()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._stop.wait(0.02):
            self._largest = max(self._largest, self._now())

    def __exit__(self, *_raised: object) -> None:
        self._stop.set()
        self._thread.join()
        self.mb = self._largest - self._before

    @staticmethod
    def _now() -> float:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * resource.getpagesize() / 1e6


def pages(count: int) -> dict[str, str]:
    """What is asked: name → address."""
    at, last = "/admin/application/", (count - 1) // 50
    whole = f"R2-{count // 2:04d}"
    return {
        "list, open (first page)": f"{at}?flt2_2=open",
        "list, everything (first page)": f"{at}?page=0",
        "list, everything (last page)": f"{at}?page={last}",
        "list, everything, newest first": f"{at}?sort=3&desc=1",
        "list by name": f"{at}?sort=1",
        "filter: state, kind and clerk": f"{at}?flt2_2=received&flt1_1=holder&flt3_3=mine",
        "search by kanji": f"{at}?search={quote('つばめ 一二三 食品')}",
        "search by kana": f"{at}?search={quote('ツバメ あいう')}",
        "search by mail": f"{at}?search=a77@bench",
        "search by number, whole": f"{at}?search={whole}",
        "search by number, a part": f"{at}?search={whole[3:-1]}",
        "search that finds nothing": f"{at}?search={quote('どこにもない名前')}",
    }


def measure(url: str, count: int, times: int = 5) -> tuple[dict[str, str], float]:
    """The figures of one database, each the best of ``times``, and how long it took to fill."""
    upgrade_database(url)
    engine = make_engine(url)
    with make_session(engine) as session:
        filled = fill(session, count)
    found: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(environment="test", database_url=url, instance=Path(folder))
        app = create_app(settings)
        app.config["WTF_CSRF_ENABLED"] = False
        client = app.test_client()
        enter(client)
        for name, address in pages(count).items():
            found[name] = f"{best(partial(_asked, client, address), times):,.0f} ms"
            print(f"{name}: {found[name]}", file=sys.stderr)
        with make_session(engine) as session:
            open_one = session.scalars(
                select(RegistrationApplication).where(RegistrationApplication.number == f"R2-{TWINS + 1:04d}")
            ).one()
            assert near_duplicates(session, open_one)[0].code == f"R2-{TWINS:04d}"
            found["near-duplicates of one"] = (
                f"{best(lambda: near_duplicates(session, open_one), times):,.1f} ms"
            )
            row_id = open_one.id
        found["details of one"] = (
            f"{best(lambda: _asked(client, f'/admin/application/details/?id={row_id}'), times):,.0f} ms"
        )
        for kind in ("csv", "xlsx"):
            found |= _as_file(client, url, kind)
    engine.dispose()
    return found, filled


def _as_file(client: FlaskClient, url: str, kind: str) -> dict[str, str]:
    """The whole list as a file: the press of the button, the worker's work, the download."""
    engine = make_engine(url)
    began = time.monotonic()
    page = client.post(f"/admin/application/export/{kind}/?page=0").location
    pressed = time.monotonic() - began
    began = time.monotonic()
    with Peak() as peak:
        assert jobs.run_one(lambda: make_session(engine)) == list_files.KIND
    took = time.monotonic() - began
    began = time.monotonic()
    size = _asked(client, page.replace("list-file/", "list-file/fetch/"))
    fetched = time.monotonic() - began
    engine.dispose()
    return {
        f"all as {kind}: the button": f"{pressed * 1000:,.0f} ms",
        f"all as {kind}: the worker": f"{took:,.1f} s, +{peak.mb:,.0f} MB",
        f"all as {kind}: the download": f"{fetched * 1000:,.0f} ms, {size / 1e6:,.1f} MB",
    }


def _asked(client: FlaskClient, address: str) -> int:
    answer = client.get(address)
    assert answer.status_code == 200, (address, answer.status_code)
    size = len(answer.data)
    answer.close()
    return size


def main() -> None:
    """Fill, measure, print one table."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    results: dict[str, dict[str, str]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for kind in databases.KINDS:
            if kind == "postgresql" and not os.environ.get(databases.POSTGRES_URL_NAME):
                continue
            numbers.start_over()
            url = databases.empty(kind, Path(folder))
            try:
                results[kind], filled = measure(url, count)
            finally:
                if kind == "postgresql":
                    databases.drop(url)
            print(f"{kind}: {count:,} applications filled in {filled:.0f} s", file=sys.stderr)
    kinds = list(results)
    print(f"| {count:,} applications | {' | '.join(kinds)} |")
    print(f"|---|{'---|' * len(kinds)}")
    for name in next(iter(results.values())):
        print(f"| {name} | {' | '.join(results[kind][name] for kind in kinds)} |")


if __name__ == "__main__":
    main()
