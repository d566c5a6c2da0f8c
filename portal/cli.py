"""The ``portal`` command. It calls services only; the web application is handed in by the entry.

Exit codes: 0 done, 1 refused or found wrong, 2 the command or the settings cannot be used.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import logging
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from threading import Event, Thread
from typing import Any

import click
from sqlalchemy import select

from portal import web_intake
from portal.cli_base import database as _database
from portal.cli_base import fail as _fail
from portal.cli_base import the_settings as _settings
from portal.cli_forms import form
from portal.cli_office import office
from portal.errors import Refusal, refusal_text
from portal.extensions import make_engine, upgrade_database
from portal.models import MailMessage, MailState
from portal.services import (
    founding,
    installation,
    ledger_proof,
    mail_kinds,
    outbox,
    seals,
    second_book,
    selfcheck,
    worker,
)
from portal.services.outbox import OpenSession
from portal.services.snapshot import one_moment
from portal.services.transaction import run as in_transaction
from portal.services.transports import transport_for
from portal.settings import DEVELOPMENT_SECRET, Settings

WEB_THREADS = 8
#: glibc's name of "how many pools of memory the threads share", and how many here
_M_ARENA_MAX, _POOLS = -8, 2


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def portal() -> None:
    """The ASSET operations portal. Settings come from the environment (PORTAL_…)."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)


@portal.command()
@click.option("--name", default="管理者", help="The administrator's name.")
@click.option("--mail", "address", default=None, help="Where the administrator's mails go.")
def init(name: str, address: str | None) -> None:
    """Make an empty production database and its first administrator."""
    settings = _settings()
    with _database(settings, ready=False) as open_session:
        if _is_filled(settings, open_session):
            _fail(_both(Refusal.DATABASE_FILLED))
        upgrade_database(settings.database_url)
        with open_session() as session:
            user, password = in_transaction(
                session, lambda: founding.first_administrator(session, name=name, mail=address)
            )
            login_id = user.login_id
    click.echo("管理者のログインを作りました。パスワードは、もう表示できません。")
    click.echo("The administrator's login is made. The password is not shown again.")
    click.echo(f"login: {login_id}")
    click.echo(f"one-time password: {password}")
    click.echo("次に、もう1人の承認者のログインを、ここで作ってください（portal office add）。")
    click.echo("画面から作ると、作った人とその人は、起案と確認の2人になれません。")
    click.echo("Make a second approver next, here (portal office add):")
    click.echo("of a login made on the page, its maker confirms no proposal, nor it any of its maker's.")


def _both(refusal: Refusal) -> str:
    return f"{refusal_text(refusal, 'ja')} / {refusal_text(refusal, 'en')}"


def _is_filled(settings: Settings, open_session: OpenSession) -> bool:
    """Whether there are tables with people or phases; an older schema's tables count too."""
    engine = make_engine(settings.database_url)
    try:
        empty = selfcheck.has_no_tables(engine)
    finally:
        engine.dispose()
    if empty:
        return False
    with open_session() as session:
        return founding.is_filled(session)


@portal.command()
def upgrade() -> None:
    """Bring the database's schema to what this program needs."""
    settings = _settings()
    upgrade_database(settings.database_url)
    click.echo("the schema is as the program needs it")


@portal.command()
@click.option("--if-empty", is_flag=True, help="Keep a database that already holds data, and say nothing.")
def demo(if_empty: bool) -> None:
    """Fill an empty database with the demonstration phase."""
    settings = _settings()
    if settings.production:
        _fail("本番の環境にデモデータは作れません。 / A production installation takes no demonstration data.")
    _need_catalogues()
    with _database(settings, ready=False) as open_session:
        if _is_filled(settings, open_session):
            if not if_empty:
                _fail(_both(Refusal.DATABASE_FILLED))
            _upgrade_demonstration(settings, open_session)
            return
        from portal.services import demo as demonstration  # all of the scheme's services: only needed here

        upgrade_database(settings.database_url)
        began = time.monotonic()
        with open_session() as session:
            in_transaction(session, lambda: demonstration.build(session))
        demonstration.send_past_mail(open_session)
    click.echo(f"デモデータを作りました。 / Demonstration data made in {time.monotonic() - began:.0f} s")


def _need_catalogues() -> None:
    """Pages without their English texts mix two languages in silence: say what is missing, and end."""
    found = selfcheck.catalogues()
    if not found.ok:
        _fail(
            "英語の文言が用意されていません。「make setup」を実行してください。",
            f"The English texts are missing; run “make setup”. ({found.detail})",
        )


def _upgrade_demonstration(settings: Settings, open_session: OpenSession) -> None:
    """A demonstration that stays follows the program; a real installation is upgraded on purpose only."""
    with open_session() as session:
        demonstration = installation.state(session).demonstration
    if demonstration:
        upgrade_database(settings.database_url)


@portal.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="Port.")
@click.option("--with-worker/--no-worker", default=True, help="Deliver mail and run jobs as well (default).")
@click.pass_obj
def run(create_app: Callable[[Settings], Any], host: str, port: int, with_worker: bool) -> None:
    """Serve the portal."""
    from waitress.server import create_server

    settings = _settings()
    _share_memory()
    _need_catalogues()
    if not settings.production and settings.base_url == Settings.base_url:
        settings = replace(settings, base_url=f"http://{host}:{port}")
    with _database(settings) as open_session:
        _refuse_unsafe(settings)
        _refuse_open_secret(settings, host, open_session)
        # waitress would drop the proxy's headers, which ProxyFix needs when a proxy is trusted
        server = create_server(
            create_app(settings),
            host=host,
            port=port,
            threads=WEB_THREADS,
            clear_untrusted_proxy_headers=settings.trusted_proxies == 0,
            max_request_body_size=web_intake.most_carried(settings.upload_limit_mb),
        )
        _announce(f"http://{host}:{server.effective_port}/", open_session)
        stop = Event()
        _stop_on_signals(stop)
        thread = _start_worker(settings, open_session, stop) if with_worker else None
        try:
            server.run()
        finally:
            stop.set()
            server.close()
            if thread is not None:
                thread.join(timeout=30)


def _share_memory() -> None:
    """Let the threads share their memory: with a pool for each, each keeps what its largest page once needed.

    Where the C library is not glibc there is nothing to say, and nothing is said.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _POOLS)


def _refuse_open_secret(settings: Settings, host: str, open_session: OpenSession) -> None:
    """The published development secret serves this machine only, or a demonstration."""
    if settings.secret_key != DEVELOPMENT_SECRET or host in ("localhost", "::1") or host.startswith("127."):
        return
    with open_session() as session:
        invented = installation.state(session).demonstration
    if not invented:
        _fail(
            "開発用の秘密鍵のまま、ほかの機械へは公開できません。PORTAL_SECRET_KEYを設定してください。"
            " / The development secret serves this machine only: set PORTAL_SECRET_KEY."
        )


def _refuse_unsafe(settings: Settings) -> None:
    engine = make_engine(settings.database_url)
    try:
        wrong = selfcheck.unsafe(engine)
    finally:
        engine.dispose()
    if wrong:
        _fail("このデータベースでは記録を守れません。 / The database would lose what it promised:", *wrong)


def _announce(address: str, open_session: OpenSession) -> None:
    click.echo(f"\n  {address}\n")
    from portal.services import demo as demonstration  # only this command prints its logins

    with open_session() as session:
        logins = demonstration.logins(session)
    if logins:
        click.echo("  デモのログイン / demonstration logins:")
        for login in logins:
            click.echo(f"    {login.login_id:<10} {login.password}  {login.role.value:<10} {login.name}")
        click.echo("")
    sys.stdout.flush()


def _start_worker(settings: Settings, open_session: OpenSession, stop: Event) -> Thread:
    thread = Thread(
        target=worker.work,
        args=(open_session, lambda: transport_for(settings), stop),
        name="worker",
        daemon=True,
    )
    thread.start()
    return thread


def _stop_on_signals(stop: Event) -> None:
    def end(_number: int, _frame: Any) -> None:
        stop.set()
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)


@portal.command("worker")
@click.option("--once", is_flag=True, help="Do what is due and end.")
@click.pass_obj
def work(create_app: Callable[[Settings], Any], once: bool) -> None:
    """Deliver mail and run jobs."""
    settings = _settings()
    with _database(settings) as open_session:
        _refuse_unsafe(settings)
        create_app(settings)  # long lists are written as the application shows them
        if once:
            done = worker.one_round(open_session, transport_for(settings))
            click.echo(f"{done} done")
            return
        stop = Event()
        _stop_on_signals(stop)
        worker.work(open_session, lambda: transport_for(settings), stop)


@portal.command()
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def check(as_json: bool) -> None:
    """Look at settings, database, schema, guards, ledger, texts, fonts, manual; exit 1 names what fails."""
    settings = _settings()
    findings = selfcheck.run_checks(settings)
    ok = all(finding.ok for finding in findings)
    if as_json:
        click.echo(json.dumps({"ok": ok, "checks": [asdict(f) for f in findings]}, ensure_ascii=False))
    else:
        for finding in findings:
            click.echo(f"{'ok   ' if finding.ok else 'WRONG'}  {finding.name}: {finding.detail}")
    sys.exit(0 if ok else 1)


portal.add_command(form)
portal.add_command(office)


@portal.group("ledger")
def books() -> None:
    """The ledger of allowances."""


@books.command()
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def verify(as_json: bool) -> None:
    """Recompute chain, sums and balances, then by the second book; exit 1 at the first wrong one, named."""
    with _database(_settings()) as open_session, open_session() as session:
        one_moment(session)
        report, second = ledger_proof.verify(session), second_book.compare(session)
    if as_json:
        said = {**asdict(report), "ok": report.ok and second.ok, "second_book": asdict(second)}
        click.echo(json.dumps(said, ensure_ascii=False))
    else:
        _say_book("", report.ok, report.problem, report.transactions, report.entries)
        _say_book("second book ", second.ok, second.problem, second.transactions, second.entries)
    sys.exit(0 if report.ok and second.ok else 1)


def _say_book(name: str, ok: bool, problem: str | None, transactions: int, entries: int) -> None:
    if ok:
        click.echo(f"{name}ok: {transactions} transactions, {entries} entries")
    else:
        click.echo(f"{name}WRONG: {problem}")


@books.command("seals")
@click.argument("known", metavar="[HASH]...", nargs=-1)
def tell_seals(known: tuple[str, ...]) -> None:
    """Recompute the nights' seals; tell the newest of each table. A HASH written down must be one of them."""
    wrong = False
    with _database(_settings()) as open_session, open_session() as session:
        one_moment(session)
        for table in seals.SHAPES:
            found = seals.check(session, table)
            wrong = wrong or bool(found.wrong)
            for line in found.wrong:
                click.echo(f"WRONG  {line}")
            if not found.wrong:
                newest = seals.told(found.newest) if found.newest is not None else "not sealed yet"
                click.echo(f"ok     {table}: {newest}")
        for lost in seals.unknown(session, known):
            wrong = True
            click.echo(f"WRONG  {lost}: there is no such seal")
    sys.exit(1 if wrong else 0)


@portal.group("mail")
def post() -> None:
    """The outbox."""


@post.command("list")
@click.option("--state", type=click.Choice([state.value for state in MailState]), default=None)
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000))
def list_mail(state: str | None, limit: int) -> None:
    """The newest messages: id, state, kind, recipient, subject, last error."""
    query = select(MailMessage).order_by(MailMessage.id.desc()).limit(limit)
    if state is not None:
        query = query.where(MailMessage.state == MailState(state))
    with _database(_settings()) as open_session, open_session() as session:
        for row in session.scalars(query):
            parts = (row.id, row.state.value, row.kind, row.recipient, row.subject, row.last_error or "")
            click.echo("\t".join(map(str, parts)))


@post.command("resend")
@click.argument("ids", nargs=-1, required=True, type=int)
def resend_mail(ids: tuple[int, ...]) -> None:
    """Put failed messages back into the queue."""
    with _database(_settings()) as open_session, open_session() as session:
        for message_id in ids:
            in_transaction(session, lambda one=message_id: outbox.resend(session, one, actor=None))  # type: ignore[misc]
            click.echo(f"{message_id} queued")


@post.command("table")
def mail_table() -> None:
    """Who gets which mail, as Markdown (docs/mail.md)."""
    click.echo(mail_kinds.table(), nl=False)
