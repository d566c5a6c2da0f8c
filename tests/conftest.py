"""What every test can ask for. The real things: databases, a served portal, a mail server, Chromium."""

from __future__ import annotations

import gc
import socket
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from argon2 import PasswordHasher
from hypothesis import settings as hypothesis_settings

from portal import clock
from portal.services import letter_pdf, letter_words, letters, mail, passwords, virus_scan
from portal.settings import Settings
from tests import databases, kept
from tests.factories import numbers, replayed
from tests.servers import MailServer, loopback_socket, mail_server, serving

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient
    from playwright.sync_api import Browser, Page
    from sqlalchemy import Engine
    from sqlalchemy.orm import Session

    from tests.browsers import Pages

# long enough for production's rules, and told apart from every default
SECRET_KEY = "secret-of-the-tests-only-0123456789abcdef"
PASSWORD_SALT = "salt-of-the-tests-only-0123456789abcdefgh"
# a slow machine is no failure, and a failure names what replays it
hypothesis_settings.register_profile("house", deadline=None, print_blob=True)
hypothesis_settings.load_profile("house")
BROWSER_FIXTURES = {"browser", "pages", "page"}


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """What is imported stays: nobody looks for garbage among it meanwhile."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever asks for Chromium is a browser test, said or not."""
    for item in items:
        if BROWSER_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker("browser")


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords() -> Iterator[None]:
    """Every login made costs a hash; in tests it need not withstand anybody. Still argon2id."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        passwords.unusable_hash.cache_clear()
        yield
    passwords.unusable_hash.cache_clear()


@pytest.fixture(scope="session", autouse=True)
def letters_typeset_once() -> Iterator[None]:
    """Equal letters are equal bytes (``letter_pdf`` says so), so each is really typeset once per worker."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(letters, "render_letter", lru_cache(maxsize=None)(letter_pdf.render_letter))
        yield


@pytest.fixture(scope="session", autouse=True)
def compiled_once() -> Iterator[None]:
    """Every engine and application of this worker knows the SQL and the templates of earlier ones."""
    with pytest.MonkeyPatch.context() as patch:
        kept.statements(patch)
        kept.templates(patch)
        kept.addresses(patch)
        kept.modules()
        yield


@pytest.fixture(autouse=True)
def running_clock() -> Iterator[None]:
    """No test hands a stopped or shifted clock to the next."""
    yield
    clock.set_shift(timedelta(0))


@pytest.fixture(autouse=True)
def own_addresses() -> Iterator[None]:
    """No test hands the addresses that its mails and letters named to the next."""
    yield
    mail.configure(Settings())
    letter_words.configure(Settings())
    virus_scan.configure(Settings())


@pytest.fixture(autouse=True)
def own_patches(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a factory made while a test had changed something is not played again elsewhere."""
    replayed.patches = monkeypatch


@pytest.fixture
def at() -> Callable[[str], datetime]:
    """Stop the portal's clock: ``at("2015-10-15 09:00")``, Tokyo wall time; the answer is that moment."""

    def stop(wall: str) -> datetime:
        moment = datetime.fromisoformat(wall).replace(tzinfo=clock.TOKYO)
        clock.set_time(moment)
        return moment

    return stop


@pytest.fixture(scope="session")
def database_templates(tmp_path_factory: pytest.TempPathFactory) -> Iterator[databases.Templates]:
    """The migrated databases that ``database_url`` copies."""
    templates = databases.Templates(tmp_path_factory.mktemp("templates"))
    yield templates
    templates.remove()


@pytest.fixture(params=databases.KINDS)
def database_kind(request: pytest.FixtureRequest) -> str:
    """Which database: a test that asks for one runs on both."""
    return str(request.param)


@pytest.fixture
def database_url(
    database_kind: str, database_templates: databases.Templates, tmp_path: Path
) -> Iterator[str]:
    """A fresh, migrated database without a row of business."""
    numbers.start_over()
    url = databases.copy(database_templates.of(database_kind), tmp_path)
    yield url
    if database_kind == "postgresql":
        databases.drop(url)


@pytest.fixture
def empty_database_url(database_kind: str, tmp_path: Path) -> Iterator[str]:
    """A fresh database without a table, for tests of the migrations."""
    url = databases.empty(database_kind, tmp_path)
    yield url
    if database_kind == "postgresql":
        databases.drop(url)


@pytest.fixture
def bound_socket() -> Iterator[socket.socket]:
    """The port the portal under test will be served on, known before it is."""
    bound = loopback_socket()
    yield bound
    bound.close()


@pytest.fixture
def settings(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> Settings:
    """The portal's settings for one test. Another one: ``dataclasses.replace(settings, …)``."""
    # letters and mails name the address: only a test that serves the portal needs one of its own
    served = "bound_socket" in request.fixturenames
    port = request.getfixturevalue("bound_socket").getsockname()[1] if served else None
    return Settings(
        environment="test",
        secret_key=SECRET_KEY,
        password_salt=PASSWORD_SALT,
        database_url=database_url,
        instance=tmp_path / "instance",
        base_url=f"http://127.0.0.1:{port}" if served else Settings.base_url,
    )


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """The engine with the portal's own settings, as web, worker and command line use it."""
    from portal.extensions import make_engine

    engine = make_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    """A session on the test's database. What must last is committed through ``one_transaction``."""
    from portal.extensions import make_session

    with make_session(engine) as session:
        yield session


@pytest.fixture
def app(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    """The whole web application on the test's database. Made once per worker: it holds none of its data."""
    from portal.extensions import db_session, session_factory

    yield kept.application(settings, changed=bool(monkeypatch._setattr or monkeypatch._setitem))
    # the process's sessions stay bound to this database otherwise, and its connections open
    db_session.remove()
    session_factory.kw["bind"].dispose()
    session_factory.configure(bind=None)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Nobody's browser without scripts, not logged in."""
    return app.test_client()


@pytest.fixture
def live_server(app: Flask, bound_socket: socket.socket) -> Iterator[str]:
    """The address of the application, served over real TCP on loopback (``settings.base_url``)."""
    with serving(app, bound_socket) as url:
        yield url


@pytest.fixture
def smtp_server() -> Iterator[MailServer]:
    """A real mail server; ``smtp_server.url`` goes into the settings, ``.messages`` holds what came."""
    with mail_server() as server:
        yield server


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One Chromium per worker."""
    from tests.browsers import chromium

    with chromium(tmp_path_factory.mktemp("chromium")) as running:
        yield running


@pytest.fixture
def pages(browser: Browser) -> Iterator[Pages]:
    """Opens pages of several readers: ``pages.open()``, ``pages.open(viewport=PHONE, locale="en")``.

    The test fails if a page raised a script error, broke the content security policy or asked another host.
    """
    from tests.browsers import Pages

    pages = Pages(browser)
    yield pages
    pages.close()
    assert not pages.faults, "\n".join(pages.faults)


@pytest.fixture
def page(pages: Pages) -> Page:
    """One desktop page in Japanese."""
    return pages.open()
