"""What uploading a report's form costs, from the file to the figure.

Run from the top of the project: ``python -m bench.form_upload [--people 20] [--uploads 200]``. A form of some
300 KB is read warm, read in a process of its own, and loaded by bare openpyxl, in turn; then a real server on
loopback gets the uploads of many people at once. Fresh SQLite database, or PostgreSQL with ``--postgresql``
(``PORTAL_TEST_POSTGRES_URL``). Wall times; a busy machine shows in all of them, in the ratio less.
"""

from __future__ import annotations

import argparse
import http.cookiejar
import io
import pickle
import random
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from html import unescape
from pathlib import Path

from openpyxl import load_workbook
from waitress.server import create_server

from portal import create_app
from portal.extensions import make_engine, make_session
from portal.models import EmissionsReport, Holder, Period
from portal.services import report_forms
from portal.services.spreadsheets import form_types, jail
from portal.services.spreadsheets.filled import Source, fill_form
from portal.services.spreadsheets.form_types import FormExpectation
from portal.services.transaction import one_transaction
from portal.settings import Settings
from tests import databases
from tests.factories import registration as people
from tests.factories import reports as make
from tests.servers import loopback_socket
from tests.services.spreadsheets.samples import expectation, packed, parts_of

_KB = 300
_READER = """
import resource, sys, pickle
from portal.services.spreadsheets.jail import read_form_jailed
from portal.services.spreadsheets import warm
data, expected = pickle.load(sys.stdin.buffer)
assert read_form_jailed(data, expected).ok
warm.readers.stop()
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)
"""


def large_form(expected: FormExpectation) -> bytes:
    """A form with all its twenty sources and a picture, some 300 KB."""
    years = expected.identity.fiscal_years
    kinds = [factor.code for factor in expected.factors[years[0]]]
    months = [Decimal(n * 7 + 1) for n in range(12)]
    sources: list[Source] = [
        (f"みほん設備 {n + 1}", kinds[n % len(kinds)], dict.fromkeys(years, months)) for n in range(20)
    ]
    data = fill_form(expected, sources)
    picture = random.Random(1).randbytes(_KB * 1000 - len(data))
    return packed({**parts_of(data), "xl/media/image1.png": picture})


def reading(rounds: int, periods: tuple[form_types.Period, ...] = ("target", "base")) -> None:
    """The three ways to read, in turn, so that what else the machine does meets all of them."""
    for period in periods:
        expected = expectation(period)
        data = large_form(expected)
        assert jail.read_form_jailed(data, expected).ok  # the warm process is there from now on
        times: dict[str, list[float]] = {"bare": [], "warm": [], "alone": []}
        for _ in range(rounds):
            for way, taken in times.items():
                began = time.perf_counter()
                _read(way, data, expected)
                taken.append(time.perf_counter() - began)
        bare, warm, alone = (statistics.median(times[way]) * 1000 for way in ("bare", "warm", "alone"))
        print(
            f"{period} year, {len(data) // 1000} KB, median of {rounds}: bare openpyxl {bare:.0f} ms, warm "
            f"{warm:.0f} ms (x {warm / bare:.2f}), a process of its own {alone:.0f} ms (x {alone / bare:.2f})"
        )
        print(f"  largest process of the reader: {child_mib(data, expected):.0f} MiB")


def _read(way: str, data: bytes, expected: FormExpectation) -> None:
    if way == "bare":
        load_workbook(io.BytesIO(data), data_only=True)
        return
    kept = jail._warm
    try:
        if way == "alone":
            jail._warm = lambda *_: None
        assert jail.read_form_jailed(data, expected).ok
    finally:
        jail._warm = kept


def child_mib(data: bytes, expected: FormExpectation) -> float:
    """The peak (MiB) of the reader's processes, asked from a small one: a child begins with its parent's."""
    given = pickle.dumps((data, expected))
    done = subprocess.run([sys.executable, "-c", _READER], input=given, stdout=subprocess.PIPE, check=True)
    return float(done.stdout)


def _settings(url: str, folder: str) -> Settings:
    key = "secret-of-the-bench-only-0123456789abcdef"
    return Settings(
        environment="test",
        secret_key=key,
        password_salt=key,
        database_url=url,
        instance=Path(folder) / "instance",
    )


def serve(url: str, folder: str) -> None:
    """A server with four threads, as ``portal run`` has it, until its standard input ends."""
    make.at(make.WHEN[Period.TARGET])
    bound = loopback_socket()
    server = create_server(create_app(_settings(url, folder)), sockets=[bound], threads=4)
    threading.Thread(target=server.run, daemon=True).start()
    print(bound.getsockname()[1], flush=True)
    sys.stdin.read()


class Person:
    """One login in a browser of its own, with the form its report wants."""

    def __init__(self, address: str, login_id: str, data: bytes) -> None:
        self.address, self.data = address, data
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self.browser = urllib.request.build_opener(cookies)
        page = self.get("/login")
        typed = {**self.values(page), "login_id": login_id, "password": people.PASSWORD}
        self.browser.open(address + "/login", urllib.parse.urlencode(typed).encode()).read()

    def get(self, path: str) -> str:
        return str(self.browser.open(self.address + path).read().decode())

    @staticmethod
    def values(page: str) -> dict[str, str]:
        form = re.sub(r"(?s).*<main", "", page)
        inputs = re.findall(r"<input[^>]*>", form)
        named = [(re.search(r'name="([^"]*)"', i), re.search(r'value="([^"]*)"', i)) for i in inputs]
        return {name.group(1): unescape(value.group(1)) for name, value in named if name and value}

    def upload(self) -> tuple[int, float]:
        """(status, seconds): 302 stands for a figure that was read and registered."""
        typed = self.values(self.get("/reports/target/upload"))
        mark = uuid.uuid4().hex
        body = io.BytesIO()
        begin = f"--{mark}\r\nContent-Disposition: form-data; name="
        for name, value in typed.items():
            body.write(f'{begin}"{name}"\r\n\r\n{value}\r\n'.encode())
        body.write(f'{begin}"file"; filename="f.xlsx"\r\n'.encode())
        body.write(b"Content-Type: application/octet-stream\r\n\r\n")
        body.write(self.data + f"\r\n--{mark}--\r\n".encode())
        request = urllib.request.Request(self.address + "/reports/target/upload", body.getvalue())
        request.add_header("Content-Type", f"multipart/form-data; boundary={mark}")
        began = time.perf_counter()
        try:
            answer = self.browser.open(request)
            answer.read()
            status = 302 if answer.url.endswith("/reports/target") else answer.status
        except urllib.error.HTTPError as error:
            status = error.code
        return status, time.perf_counter() - began


def holders(url: str, count: int) -> list[tuple[str, bytes]]:
    """(login, form) of ``count`` holders whose target-year report may be registered."""
    make.at(make.WHEN[Period.BASE])
    engine = make_engine(url)
    with make_session(engine) as session:
        with one_transaction(session):
            made: list[Holder] = [people.holder(session) for _ in range(count)]
            ids = [holder.id for holder in made]
        make.at(make.WHEN[Period.TARGET])
        found = []
        for holder_id in ids:
            holder = session.get_one(Holder, holder_id)
            report: EmissionsReport = next(r for r in holder.reports if r.period is Period.TARGET)
            login = next(user.login_id for user in holder.users if user.login_id.endswith("A"))
            found.append((login, large_form(report_forms.expectation(session, report))))
    engine.dispose()
    return found


def at_once(kind: str, count: int, uploads: int) -> None:
    """``uploads`` by ``count`` people at once to a server of its own."""
    with tempfile.TemporaryDirectory() as folder:
        templates = databases.Templates(Path(folder))
        url = databases.copy(templates.of(kind), Path(folder))
        who = holders(url, count)
        command = [sys.executable, "-m", "bench.form_upload", "--serve", url, folder]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdin and server.stdout
            address = f"http://127.0.0.1:{int(server.stdout.readline())}"
            persons = [Person(address, login, data) for login, data in who]
            persons[0].upload()
            each = uploads // count
            began = time.perf_counter()
            with ThreadPoolExecutor(count) as threads:
                rounds = list(threads.map(lambda one: [one.upload() for _ in range(each)], persons))
            taken = time.perf_counter() - began
            status = Path(f"/proc/{server.pid}/status").read_text()
            server.stdin.close()
        answers = [answer for each_round in rounds for answer in each_round]
        times = sorted(seconds for _, seconds in answers)
        peak = int(re.findall(r"VmHWM:\s+([0-9]+)", status)[0]) / 1024
        print(
            f"{kind}: {len(answers)} uploads by {count} people at once in {taken:.1f} s "
            f"({len(answers) / taken:.1f} a second); median {statistics.median(times):.2f} s, "
            f"95 % {times[int(len(times) * 0.95)]:.2f} s, slowest {times[-1]:.2f} s"
        )
        print(f"  answers {dict(Counter(code for code, _ in answers))} (302: figure read and registered)")
        print(f"  web process at most {peak:.0f} MiB")
        if kind == "postgresql":
            databases.drop(url)
        templates.remove()


def main() -> None:
    """Measure and print."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--rounds", type=int, default=25)
    asked.add_argument("--people", type=int, default=20)
    asked.add_argument("--uploads", type=int, default=200)
    asked.add_argument("--postgresql", action="store_true")
    asked.add_argument("--serve", nargs=2)
    given = asked.parse_args()
    if given.serve:
        serve(*given.serve)
        return
    reading(given.rounds)
    at_once("postgresql" if given.postgresql else "sqlite", given.people, given.uploads)


if __name__ == "__main__":
    main()
