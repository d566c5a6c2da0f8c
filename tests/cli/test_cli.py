"""The ``portal`` command as an operator types it: words, exit codes, and what machines read."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from urllib.request import urlopen

import pytest
from sqlalchemy import Engine, create_engine, select, text
from sqlalchemy.orm import Session

from portal import cli, clock, wiring
from portal.extensions import make_engine, make_session
from portal.models import Event, MailMessage, MailState, User
from portal.permissions import Role
from portal.services import four_eyes, guards, jobs, selfcheck, users
from portal.services.mail_kinds import table
from portal.services.passwords import verify_password
from portal.services.transaction import one_transaction
from portal.settings import Settings, SettingsError
from tests.campaigns.driven import quick
from tests.cli.typing_commands import Run
from tests.factories import registration as make
from tests.factories.readers import people
from tests.house.checkout import ROOT
from tests.services.test_guards import guard_of_events


def test_init_makes_the_first_administrator_once(typed: Run, empty_database_url: str) -> None:
    made = typed("init", "--name", "管理 花子", "--mail", "admin@office.example", url=empty_database_url)
    assert made.exit_code == 0, made.output
    found = re.search(r"one-time password: (\S+)", made.output)
    engine = create_engine(empty_database_url)
    with make_session(engine) as session:
        admin = session.scalars(select(User)).one()
        assert (admin.login_id, admin.role, admin.must_change_password) == ("admin", Role.APPROVER, True)
        assert found is not None and verify_password(found[1], admin.password)
    engine.dispose()
    again = typed("init")
    assert again.exit_code == 1
    assert "already holds data" in again.output and "空のデータベース" in again.output
    assert typed("demo").exit_code == 1
    assert (typed("demo", "--if-empty").exit_code, typed("demo", "--if-empty").output) == (0, "")


def test_the_console_makes_approvers_and_passwords_that_lead_to_nobody(
    typed: Run, database_url: str, session: Session
) -> None:
    with one_transaction(session):
        one = make.office(session, Role.APPROVER)
    new = ("second", "--name", "承認 みほん", "--role", "approver")
    made, again = typed("office", "add", *new, url=database_url), typed("office", "add", *new)
    assert made.exit_code == 0 and again.exit_code == 1 and "このログインIDは使われています" in again.output
    second = session.scalars(select(User).where(User.login_id == "second")).one()
    with one_transaction(session):
        users.set_initial_password(session, second, actor=one, days=7)
    are_two = lambda: not four_eyes.problems(session, one, second, proposed_at=clock.now())  # noqa: E731
    assert not are_two()
    session.rollback()
    reissued = typed("office", "password", "second")
    assert reissued.exit_code == 0, reissued.output
    session.rollback()
    word = re.search(r"one-time password: (\S+)", reissued.output)
    assert word is not None and verify_password(word[1], second.password)
    assert are_two()
    with one_transaction(session):
        second.active = False
        verifier = make.verifier(session).users[0].login_id
    gone = "見つかりません"
    for login, why in (("second", "いまの状態では"), (verifier, gone), ("nobody", gone)):
        answer = typed("office", "password", login)
        assert answer.exit_code == 1 and why in answer.output


def test_check_is_content_with_a_sound_database(typed: Run, database_url: str) -> None:
    result = typed("check", "--json", url=database_url)
    answer = json.loads(result.stdout)
    names = [check["name"] for check in answer["checks"]]
    assert names == [
        "configuration",
        "database",
        "schema",
        "guards",
        "ledger",
        "virus scanner",
        "catalogues",
        "mail texts",
        "fonts",
        "manual",
    ]
    wrong = [check for check in answer["checks"] if not check["ok"] and check["name"] != "catalogues"]
    assert wrong == []
    assert result.exit_code == (0 if answer["ok"] else 1)


def test_check_names_what_is_wrong(typed: Run, database_url: str) -> None:
    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'old'"))
    engine.dispose()
    result = typed("check", url=database_url)
    assert result.exit_code == 1
    assert "WRONG  schema: the schema is at old, the program needs" in result.output
    refused = typed("worker", "--once")
    assert refused.exit_code == 1
    assert "portal upgrade" in refused.output


def test_a_database_that_would_forget_what_it_acknowledged_serves_nobody(
    typed: Run, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Commits that do not wait for the disk (safety 12), as whoever sets up a server may have made them."""
    for module in (cli, selfcheck):
        monkeypatch.setattr(module, "make_engine", lambda url: quick(make_engine(url)))
    monkeypatch.setattr(cli, "_need_catalogues", lambda: None)
    says = (
        "synchronous is 0, must be 2" if "sqlite" in database_url else "synchronous_commit is off, must be on"
    )
    for words in (("run", "--port", "0"), ("worker", "--once"), ("check",)):
        answer = typed(*words, url=database_url)
        assert (answer.exit_code, says in answer.output) == (1, True), answer.output


def test_a_database_without_one_of_its_guards_serves_nobody(
    typed: Run, database_url: str, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever owns the table took it away, which no proof of the ledger would notice (safety 9)."""
    monkeypatch.setattr(cli, "_need_catalogues", lambda: None)
    name, drop = guard_of_events(engine)
    with engine.begin() as connection:
        connection.execute(text(drop))
    says = f"guards that are missing: {name} on event"
    for words in (("run", "--port", "0"), ("worker", "--once"), ("check",)):
        answer = typed(*words, url=database_url)
        assert (answer.exit_code, says in answer.output) == (1, True), answer.output
    production = replace(Settings(), environment="production")
    with pytest.raises(SettingsError, match=says):
        wiring._refuse_unsafe(production, engine)
    work = jobs.Work(0, {}, lambda: make_session(engine), 1)
    with pytest.raises(jobs.WorkFailed, match=says):  # and the night watch tells the office
        guards.look_at_guards(work)


def test_check_does_not_make_the_database_it_misses(typed: Run, tmp_path: Path) -> None:
    result = typed("check", url=f"sqlite:///{tmp_path / 'none.db'}")
    assert result.exit_code == 1
    assert "WRONG  database: there is no database yet" in result.output
    assert not (tmp_path / "none.db").exists()


def test_wrong_settings_are_named_all_at_once(typed: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTAL_ENV", "production")
    monkeypatch.setenv("PORTAL_UPLOAD_LIMIT_MB", "many")
    result = typed("check")
    assert result.exit_code == 2
    for name in ("PORTAL_UPLOAD_LIMIT_MB", "PORTAL_SECRET_KEY", "PORTAL_SMTP_URL", "PORTAL_BASE_URL"):
        assert name in result.output


def test_the_ledger_is_verified_and_a_forged_balance_named(typed: Run, database_url: str) -> None:
    good = typed("ledger", "verify", "--json", url=database_url)
    assert good.exit_code == 0
    assert json.loads(good.stdout)["ok"] is True
    assert typed("ledger", "seals").stdout.splitlines()[0] == "ok     event: not sealed yet"
    engine = create_engine(database_url)
    with make_session(engine) as session, one_transaction(session):
        session.add(Event(at=clock.now(), tag="user_created", subject_type="user", subject_id=1, facts={}))
        jobs.enqueue(session, "seal_history")
    assert jobs.run_one(lambda: make_session(engine)) == "seal_history"
    told = typed("ledger", "seals")
    written_down = told.stdout.splitlines()[0].rpartition(" ")[2]
    assert told.exit_code == 0 and re.fullmatch(r"[0-9a-f]{64}", written_down)
    assert typed("ledger", "seals", written_down).exit_code == 0
    lost = typed("ledger", "seals", "0" * 64)
    assert lost.exit_code == 1 and f"WRONG  {'0' * 64}: there is no such seal" in lost.stdout
    with engine.begin() as connection:
        unit_class = connection.scalar(text("SELECT id FROM unit_class"))
        connection.execute(
            text("INSERT INTO holding (account_id, unit_class_id, quantity, promised) VALUES (2, :c, 5, 0)"),
            {"c": unit_class},
        )
    engine.dispose()
    bad = typed("ledger", "verify", "--json")
    assert bad.exit_code == 1
    answer = json.loads(bad.stdout)
    assert answer["ok"] is False and "AST-2 holds 5" in answer["problem"]
    assert answer["second_book"]["problem"].startswith("AST-2: the balance of unit class")
    assert typed("check").exit_code == 1


def test_mails_are_delivered_listed_and_sent_again(
    typed: Run, database_url: str, engine: Engine, tmp_path: Path
) -> None:
    with make_session(engine) as session, one_transaction(session):
        people(session)
    done = typed("worker", "--once", url=database_url)
    assert done.exit_code == 0, done.output
    files = list((tmp_path / "instance" / "mail").glob("*.eml"))
    # a phase to confirm; application_received and registration_accepted: two holders, a trader, a verifier
    assert len(files) == 9
    listed = typed("mail", "list", "--state", "sent").stdout.splitlines()
    assert len(listed) == 9 and "registration_accepted" in listed[0]
    with make_session(engine) as session, one_transaction(session):
        row = session.scalars(select(MailMessage).order_by(MailMessage.id)).first()
        assert row is not None
        row.state, row.sent_at = MailState.FAILED, None
        failed = row.id
    assert typed("mail", "resend", str(failed)).exit_code == 0
    assert typed("mail", "list", "--state", "queued").stdout.startswith(f"{failed}\tqueued")
    refused = typed("mail", "resend", str(failed))
    assert refused.exit_code == 1 and "present state" in refused.output


def test_the_table_of_mails_is_printed(typed: Run) -> None:
    assert typed("mail", "table").stdout == table()


def test_the_portal_is_served_and_stops_when_told(typed: Run, database_url: str, tmp_path: Path) -> None:
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PORTAL_")},
        "PORTAL_DATABASE_URL": database_url,
        "PORTAL_INSTANCE": str(tmp_path / "instance"),
    }
    command = [sys.executable, "-m", "portal", "run", "--port", "0"]
    process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        line = next(line for line in process.stdout if "http://" in line)
        with urlopen(line.strip() + "static/portal.css", timeout=60) as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=120) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize("command", ["demo", "run"])
def test_without_its_english_texts_nothing_begins(
    typed: Run, empty_database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str
) -> None:
    texts = tmp_path / "en" / "LC_MESSAGES"
    texts.mkdir(parents=True)
    (texts / "layout.po").write_text("", encoding="utf-8")
    monkeypatch.setattr("portal.services.selfcheck.TRANSLATIONS", tmp_path)
    refused = typed(command, url=empty_database_url)
    assert refused.exit_code == 1 and "make setup" in refused.output and "layout.po" in refused.output
