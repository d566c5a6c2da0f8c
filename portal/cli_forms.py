"""The commands about the designated Excel forms."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, NoReturn

import click

from portal.cli_base import database, the_settings
from portal.models import ParticipantKind

PERIODS = click.Choice(["base", "target", "adjustment"])
KINDS = click.Choice([kind.value for kind in ParticipantKind])
LOCALES = click.Choice(["ja", "en"])


@click.group()
def form() -> None:
    """The designated Excel forms: the calculation report and the registration application."""


@form.command()
@click.option("--holder", required=True, help="The holder, for example AST1001.")
@click.option("--period", required=True, type=PERIODS)
@click.option("--locale", default="ja", type=LOCALES)
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path))
def blank(holder: str, period: str, locale: str, output: Path) -> None:
    """Hand out the prefilled form of a holder and period."""
    from portal.services import form_desk  # openpyxl is slow to load and only needed here

    with database(the_settings()) as open_session, open_session() as session:
        output.write_bytes(form_desk.blank(session, holder, period, locale=locale))
    click.echo(str(output))


@form.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@click.option("--locale", default="ja", type=LOCALES, help="Language of the messages.")
def read(file: Path, as_json: bool, locale: str) -> None:
    """Read a filled form: its figure in t-CO2, or everything that is wrong with it (exit 1)."""
    from portal.services import form_desk

    settings = the_settings()
    with database(settings) as open_session, open_session() as session:
        answer = form_desk.read(session, file.read_bytes(), settings=settings, locale=locale)
    said = f"{answer['holder']} {answer['period']}: {answer['emissions']:,} t-CO2" if answer["ok"] else ""
    _tell(answer, said, as_json)


@form.command()
@click.option("--kind", required=True, type=KINDS)
@click.option("--phase", type=click.IntRange(1, 9999), help="A holder's phase; without it the newest one.")
@click.option("--locale", default="ja", type=LOCALES)
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path))
def application(kind: str, phase: int | None, locale: str, output: Path) -> None:
    """Hand out the blank registration application form of a kind."""
    from portal.services import application_form_desk

    with database(the_settings()) as open_session, open_session() as session:
        _name, data = application_form_desk.blank(session, ParticipantKind(kind), phase, locale=locale)
    output.write_bytes(data)
    click.echo(str(output))


@form.command("application-read")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@click.option("--locale", default="ja", type=LOCALES, help="Language of the messages.")
def read_application(file: Path, as_json: bool, locale: str) -> None:
    """Read a filled application form: what it says, or everything that is wrong with it (exit 1)."""
    from portal.services import application_form_desk

    settings = the_settings()
    with database(settings) as open_session, open_session() as session:
        answer = application_form_desk.read(session, file.read_bytes(), settings=settings, locale=locale)
    lines = []
    if answer["ok"]:
        lines = [f"{answer['kind']} {answer['phase'] or ''}".strip()]
        lines += [f"{name}: {value}" for name, value in answer["data"].items() if value not in (None, "", [])]
    _tell(answer, "\n".join(lines), as_json)


def _tell(answer: dict[str, Any], said: str, as_json: bool) -> NoReturn:
    """Print what a form says or what is wrong with it; the exit code says which."""
    if as_json:
        click.echo(json.dumps(answer, ensure_ascii=False))
    elif answer["ok"]:
        click.echo(said)
    else:
        for problem in answer["problems"]:
            place = " ".join(part for part in (problem["sheet"], problem["cell"]) if part)
            click.echo(f"{place}: {problem['message']}" if place else problem["message"])
    sys.exit(0 if answer["ok"] else 1)
