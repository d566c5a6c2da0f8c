"""Login B and a verifier read everything they can reach in the demonstration: no allowance is in it.

Every page and download they can get, and every mail to their addresses, is searched for the words of
the ledger and for each of its figures: all accounts', not only their own (safety 14, 15).
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from html import unescape
from urllib.parse import quote, urlsplit

import pytest
from flask import Flask
from pypdf import PdfReader
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from portal import create_app
from portal.extensions import db_session, make_engine, make_session, session_factory
from portal.models import (
    EmissionsReport,
    Holder,
    Holding,
    LedgerEntry,
    LedgerTransaction,
    MailMessage,
    Movement,
    Period,
    ReductionTarget,
    ReportFile,
    ReviewDocument,
    User,
    VerificationReport,
)
from portal.permissions import Role
from portal.services import manual
from portal.services.demo import registry
from portal.services.figures import figures_for
from portal.settings import Settings
from tests import demonstration
from tests.conftest import PASSWORD_SALT, SECRET_KEY
from tests.participant.visitor import Visitor

pytestmark = pytest.mark.timeout(900)

READERS = {"AST1001B": Role.HOLDER_B, "VRF01-1": Role.VERIFIER}
WORDS = re.compile(
    r"JAA|jVER|排出枠|償却|リザーブ|オフセット口座|allowance|retire|commitment reserve", re.IGNORECASE
)
#: a figure that stands alone, with or without its thousands mark; neither part of a date nor of a number
NUMBER = re.compile(r"(?<![\w.,:/-])\d{1,3}(?:,\d{3})+(?![\w:/-]|[.,]\d)|(?<![\w.,:/-])\d+(?![\w:/-]|[.,]\d)")
#: smaller ones are everywhere: days, rows of a list, versions
LEAST = 100
YEARS = frozenset(range(2008, 2020))
#: secrets and addresses of assets, fresh with every page; how long a text may be
NOISE = re.compile(r'nonce="[^"]*"|name="csrf_token"[^>]*>|name="key"[^>]*>|[24],000 characters')
#: nobody reads a picture here; these are of invented companies, and of the reader's own chapter
PICTURES = "/manual/pictures/"
LINK = re.compile(r'(?:href|action|src)="(/[^"#]*)"')


@dataclass
class Canaries:
    """Every allowance figure of the demonstration, but those that are emissions figures too."""

    figures: frozenset[int]
    report_ids: list[int] = field(default_factory=list)
    file_ids: dict[str, list[int]] = field(default_factory=dict)
    codes: list[str] = field(default_factory=list)

    def found_in(self, text: str) -> list[str]:
        words = sorted({word.lower() for word in WORDS.findall(text)})
        numbers = {int(number.replace(",", "")) for number in NUMBER.findall(text) if len(number) < 16}
        return [*words, *(str(number) for number in sorted(numbers & self.figures))]


def ledger_figures(session: Session) -> set[int]:
    """What accounts hold, what moved, and what the rules make of it."""
    found: set[int] = set(session.scalars(select(Holding.quantity)))
    found |= set(session.scalars(select(Holding.promised))) | set(
        session.scalars(select(LedgerEntry.quantity))
    )
    found |= set(session.scalars(select(Movement.quantity)))
    found |= set(session.scalars(select(ReductionTarget.quantity)))
    for f in figures_for(session, list(session.scalars(select(Holder.id)))).values():
        found |= {f.issued, f.held, f.held_jver, f.retired, f.retired_jaa, f.retired_jver}
        found |= {f.reserve, f.available, f.movable, f.missing or 0, f.to_buy or 0}
    return {abs(figure) for figure in found}


def emissions_figures(session: Session) -> set[int]:
    """What reports say: holder B and verifiers may read it."""
    found: set[int] = set()
    for report in session.scalars(select(EmissionsReport)):
        found |= {report.confirmed_emissions or 0, report.emissions or 0}
    found |= {one or 0 for one in session.scalars(select(VerificationReport.verified_emissions))}
    return found


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = make_engine(demonstration.copied(tmp_path_factory, tmp_path_factory.mktemp("canaries")))
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def canaries(engine: Engine) -> Canaries:
    with make_session(engine) as session:
        secret = {figure for figure in ledger_figures(session) if figure >= LEAST}
        plain = emissions_figures(session) | YEARS
        files: dict[str, type[ReportFile | VerificationReport | ReviewDocument]] = {
            "report": ReportFile,
            "verification": VerificationReport,
            "review": ReviewDocument,
        }
        return Canaries(
            frozenset(secret - plain),
            list(session.scalars(select(EmissionsReport.id).order_by(EmissionsReport.id))),
            {name: list(session.scalars(select(model.id))) for name, model in files.items()},
            [one.code for one in session.scalars(select(LedgerTransaction)).all()],
        )


@pytest.fixture(scope="module")
def app(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    yield create_app(
        Settings(
            environment="test",
            secret_key=SECRET_KEY,
            password_salt=PASSWORD_SALT,
            database_url=engine.url.render_as_string(hide_password=False),
            instance=tmp_path_factory.mktemp("instance"),
        )
    )
    db_session.remove()
    session_factory.kw["bind"].dispose()
    session_factory.configure(bind=None)


def patterns(app: Flask, canaries: Canaries, role: Role) -> Iterator[str]:
    """Every participants' address, with every row of the reader's kind and a few that are not its own."""
    values: dict[str, Sequence[object]] = {
        "period": [*Period, "carry_over"],
        "source": [*canaries.file_ids],
        "file": ["csv", "xlsx"],
        "code": canaries.codes[:3],
        "copy_id": [1],
        "application_id": [1],
        "report_id": canaries.report_ids[:12],
    }
    for rule in app.url_map.iter_rules():
        if not rule.endpoint.startswith(("participant.", "account_password.")) or "GET" not in (
            rule.methods or ()
        ):
            continue
        found = [str(rule.rule)]
        for name in rule.arguments:
            whole = re.compile(rf"<[^<>]*\b{name}>")
            if name == "file_id":
                given: Sequence[object] = [one for ids in canaries.file_ids.values() for one in ids[:4]]
            else:
                given = values[name]
            found = [whole.sub(quote(str(value)), url) for url in found for value in given]
        yield from found


@dataclass
class Page:
    """What came back."""

    url: str
    status: int
    text: str
    links: list[str]
    kind: str = "text/html"


def text_of(data: bytes, kind: str) -> str:
    """What a reader of a file of this media type sees: cells of a sheet or of a CSV file, a PDF's text.

    A picture has no text here: which ones they get is asked by name (``PICTURES``).
    """
    if kind.startswith("image/"):
        return ""
    if data.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            names = [name for name in package.namelist() if "style" not in name and "theme" not in name]
            parts = "\n".join(package.read(name).decode("utf-8", "replace") for name in names)
        return "\n".join(re.findall(r">([^<>]+)<", parts))
    if data.startswith(b"%PDF"):
        return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(data)).pages)
    text = data.decode("utf-8-sig", "replace")
    if kind != "text/csv":
        return text
    return "\n".join(cell.lstrip("-+−") for row in csv.reader(io.StringIO(text)) for cell in row)


def of_the_manual(url: str) -> bool:
    """Whether this is the address of a picture of the manual."""
    name = url.removeprefix(PICTURES)
    return url.startswith(PICTURES) and (manual.FOLDER / "pictures" / name).is_file() and "/" not in name


def unechoed(text: str, url: str) -> str:
    """``text`` without the address that was asked for: the page's language links repeat it."""
    return text.replace(urlsplit(url).path, "")


def crawl(app: Flask, login_id: str, start: Iterable[str]) -> list[Page]:
    """Follow every link from the home and the given addresses, in both languages."""
    visitor = Visitor(app, login_id, registry.PASSWORD)
    pages = []
    for language in ("ja", "en"):
        visitor.get(f"/?lang={language}")
        waiting, seen = ["/home", *start], {"/login"}
        while waiting:
            url = waiting.pop(0)
            plain = re.sub(r"[?&]lang=\w+", "", url)
            if plain in seen or len(seen) > 1_500 or urlsplit(plain).path.startswith("/static/"):
                continue
            seen.add(plain)
            answer = visitor.get(plain)
            kind = answer.mimetype or ""
            html = kind == "text/html"
            body = NOISE.sub("", answer.text) if html else text_of(answer.data, kind)
            links = [unescape(link) for link in LINK.findall(body)] if html else []
            head = "\n".join(
                f"{name}: {value}"
                for name, value in answer.headers
                if name in ("Location", "Content-Disposition")
            )
            text = unechoed(f"{head}\n{unescape(body)}", plain)
            pages.append(Page(f"{plain} ({language})", answer.status_code, text, links, kind))
            answer.close()
            waiting += [link for link in links if not link.startswith("/logout")]
            if answer.status_code in (301, 302):
                waiting.append(answer.location)
    return pages


@pytest.mark.parametrize("login_id", READERS)
def test_no_page_and_no_file_they_can_reach_tells_of_allowances(
    app: Flask, canaries: Canaries, login_id: str
) -> None:
    pages = crawl(app, login_id, patterns(app, canaries, READERS[login_id]))
    told = {page.url: found for page in pages if (found := canaries.found_in(page.text))}
    # a form's monthly amounts can be any number; its words are searched all the same
    forms = {url: [one for one in told[url] if not one.isdigit()] for url in told if "/files/report/" in url}
    # a chapter may name what its reader is not shown; its figures are searched all the same
    manuals = {
        url: [one for one in told[url] if one.isdigit()]
        for url in told
        if url.startswith("/manual") and not url.startswith(PICTURES)
    }
    told = {url: found for url, found in {**told, **forms, **manuals}.items() if found}
    assert told == {}
    # and they did read something: pages, files and refusals, and nothing broke
    statuses = [page.status for page in pages]
    assert statuses.count(200) > 20 and 404 in statuses
    assert [page.url for page in pages if page.status >= 500] == []
    # what cannot be read is only what the manual's folder has
    pictures = {page.url.split(" ")[0] for page in pages if page.kind.startswith("image/")}
    assert {url for url in pictures if not of_the_manual(url)} == set()


def test_the_search_finds_what_a_holder_reads(app: Flask, canaries: Canaries) -> None:
    """A negative control: the same search over login A's pages finds words and figures."""
    pages = crawl(app, "AST1001A", ["/allowances/history.xlsx", "/allowances/history.csv"])
    found = {page.url.split(" ")[0]: canaries.found_in(page.text) for page in pages}
    for url in ("/home", "/allowances", "/allowances/history.xlsx", "/allowances/history.csv"):
        assert {"8500", "5000"} & set(found[url]), (url, found[url])
    assert "jaa" in found["/allowances"]


def test_there_are_many_canaries(canaries: Canaries) -> None:
    assert len(canaries.figures) > 150
    assert canaries.figures >= {8_500, 5_000}


def test_no_mail_to_them_tells_of_allowances(engine: Engine, canaries: Canaries) -> None:
    with make_session(engine) as session:
        roles = (Role.HOLDER_B, Role.VERIFIER)
        addresses = set(session.scalars(select(User.email).where(User.role.in_(roles)))) - {None}
        shared = set(session.scalars(select(User.email).where(User.role.not_in(roles)))) - {None}
        mails = session.scalars(
            select(MailMessage).where(MailMessage.recipient.in_(addresses - shared))
        ).all()
        told = {
            f"{mail.id} {mail.kind} to {mail.recipient}": found
            for mail in mails
            if (found := canaries.found_in(f"{mail.subject}\n{mail.body}")) or mail.about_allowances
        }
    assert len(mails) > 100
    assert told == {}
