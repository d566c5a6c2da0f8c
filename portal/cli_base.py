"""What every command needs: the settings, sessions on a database that is ready, and how to refuse.

Exit codes: 0 done, 1 refused or found wrong, 2 the command or the settings cannot be used.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import click

from portal.errors import PortalError
from portal.extensions import make_engine, make_session
from portal.services import installation, mail, selfcheck
from portal.services.outbox import OpenSession
from portal.settings import Settings, SettingsError, read_settings


def fail(*lines: str, code: int = 1) -> NoReturn:
    """Say ``lines`` on standard error and end with ``code``."""
    for line in lines:
        click.echo(line, err=True)
    sys.exit(code)


def the_settings() -> Settings:
    """The settings; whatever is wrong with them is named at once, exit code 2."""
    try:
        settings = read_settings()
    except SettingsError as error:
        fail("設定を直してください。 / These settings cannot be used:", *error.problems, code=2)
    mail.configure(settings)
    return settings


def refused(error: PortalError) -> NoReturn:
    """End with every reason of a refusal, in both languages."""
    fail(*[f"{problem.text('ja')} / {problem.text('en')}" for problem in error.problems])


@contextmanager
def database(settings: Settings, *, ready: bool = True) -> Iterator[OpenSession]:
    """Sessions on the configured database, on the installation's time; refuses one that is not ready."""
    missing = selfcheck.missing_database(settings) if ready else None
    if missing is not None:
        fail(missing)
    engine = make_engine(settings.database_url)
    try:
        if ready and (problem := selfcheck.schema_problem(engine)) is not None:
            fail(problem)
        if ready:
            installation.forget()
            with make_session(engine) as session:
                installation.show_time(session)
        yield lambda: make_session(engine)
    except PortalError as error:
        refused(error)
    finally:
        engine.dispose()
