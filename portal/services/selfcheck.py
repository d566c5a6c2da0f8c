"""What ``portal check`` looks at: settings, schema, guards, ledger, scanner, words, fonts, the manual."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine, make_url
from sqlalchemy.exc import SQLAlchemyError

from portal.extensions import make_engine, make_session, schema_revisions
from portal.services import guards, ledger_proof, mail, manual, virus_scan
from portal.services.guard_list import GUARDS
from portal.services.mail_kinds import MailKind
from portal.services.snapshot import one_moment
from portal.services.typesetter import FONT_FOLDER
from portal.settings import DEVELOPMENT_SECRET, ROOT, Settings

TRANSLATIONS = ROOT / "portal" / "translations"
FONTS = (
    "BIZUDPMincho-Regular.ttf",
    "BIZUDPGothic-Regular.ttf",
    "BIZUDPGothic-Bold.ttf",
    "BIZUDGothic-Bold.ttf",
)
#: SQLite's numbers for ``synchronous``
_FULL = 2


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. ``detail`` says what stands there or what is wrong."""

    name: str
    ok: bool
    detail: str


def run_checks(settings: Settings) -> list[Finding]:
    """Look at everything; what depends on a database that is not there is left out."""
    found = [_configuration(settings)]
    place = missing_database(settings)
    if place is not None:
        found.append(Finding("database", False, place))
    else:
        engine = make_engine(settings.database_url)
        try:
            found += _database(engine)
        finally:
            engine.dispose()
    found.append(_guard("virus scanner", lambda: _scanner(settings)))
    found += [_guard("catalogues", catalogues), _guard("mail texts", _mail_texts), _guard("fonts", _fonts)]
    found.append(_guard("manual", _manual))
    return found


def missing_database(settings: Settings) -> str | None:
    """What is missing, if the embedded database's file is not there yet (looking must not make it)."""
    url = make_url(settings.database_url)
    if url.get_backend_name() == "sqlite" and not (url.database and Path(url.database).exists()):
        return "there is no database yet: portal init or portal demo makes one"
    return None


def durability_problems(engine: Engine) -> list[str]:
    """Settings with which the database would lose or tear what it acknowledged (stack.md)."""
    with engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            return list(_sqlite_problems(connection))
        return list(_postgresql_problems(connection))


def unsafe(engine: Engine) -> list[str]:
    """Why nothing may be served on this database: it would forget, or its guards do not stand.

    Guards are judged where the schema is the one this program needs; whatever else is :func:`schema_problem`.
    """
    wrong = durability_problems(engine)
    if schema_problem(engine) is None:
        wrong += _guard_problems(engine)
    return wrong


def _guard_problems(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return guards.problems(connection)


def _pragma(connection: Connection, name: str) -> object:
    return connection.exec_driver_sql(f"PRAGMA {name}").scalar()


def _sqlite_problems(connection: Connection) -> Iterator[str]:
    if (mode := _pragma(connection, "journal_mode")) != "wal":
        yield f"journal_mode is {mode}, must be wal"
    if (level := _pragma(connection, "synchronous")) != _FULL:
        yield f"synchronous is {level}, must be {_FULL} (FULL)"
    if _pragma(connection, "foreign_keys") != 1:
        yield "foreign_keys is off, must be on"
    if _pragma(connection, "recursive_triggers") != 1:
        yield "recursive_triggers is off, must be on"


def _postgresql_problems(connection: Connection) -> Iterator[str]:
    for name, good in (
        ("fsync", ("on",)),
        ("full_page_writes", ("on",)),
        ("synchronous_commit", ("on", "remote_apply")),
    ):
        value = connection.exec_driver_sql(f"SHOW {name}").scalar()
        if value not in good:
            yield f"{name} is {value}, must be on"


def schema_problem(engine: Engine) -> str | None:
    """What is wrong if the schema is not the one this program needs."""
    current, head = schema_revisions(engine)
    if current == head:
        return None
    if current is None:
        return "the database has no tables yet: portal init or portal demo makes them"
    return f"the schema is at {current}, the program needs {head}: portal upgrade"


def has_no_tables(engine: Engine) -> bool:
    """Whether nothing was ever made in this database."""
    return schema_revisions(engine)[0] is None


def _configuration(settings: Settings) -> Finding:
    mails = "by SMTP" if settings.smtp_url else f"as .eml files in {settings.mail_folder.name}/"
    detail = f"{settings.environment}, {settings.base_url}, mail {mails}"
    if not settings.production and settings.secret_key == DEVELOPMENT_SECRET:
        detail += ", development secret"
    return Finding("configuration", True, detail)


def _database(engine: Engine) -> list[Finding]:
    name = engine.dialect.name
    try:
        wrong = durability_problems(engine)
        schema = schema_problem(engine)
    except SQLAlchemyError as error:
        # the driver's text names host and port, never the password
        return [Finding("database", False, f"{name} cannot be used: {getattr(error, 'orig', error)}".strip())]
    found = [
        Finding("database", not wrong, "; ".join(wrong) or f"{name}, settings as needed"),
        Finding("schema", schema is None, schema or "as the program needs it"),
    ]
    if schema is None:
        found += [_guard("guards", lambda: _guards(engine)), _guard("ledger", lambda: _ledger(engine))]
    return found


def _guards(engine: Engine) -> Finding:
    wrong = _guard_problems(engine)
    count = len(GUARDS[engine.dialect.name])
    return Finding("guards", not wrong, "; ".join(wrong) or f"{count} triggers, as the migrations made them")


def _ledger(engine: Engine) -> Finding:
    with make_session(engine) as session:
        one_moment(session)
        report = ledger_proof.verify(session)
    if not report.ok:
        return Finding("ledger", False, report.problem or "wrong")
    for line in report.sums:
        if line.issued != line.elsewhere:
            return Finding(
                "ledger",
                False,
                f"unit class {line.unit_class_id}: issued {line.issued}, found {line.elsewhere}",
            )
    return Finding("ledger", True, f"{report.transactions} transactions, {report.entries} entries")


def _scanner(settings: Settings) -> Finding:
    scanner = virus_scan.scanner_of(settings)
    if scanner is None:
        return Finding("virus scanner", True, "none is set: uploads are not searched")
    try:
        return Finding("virus scanner", True, f"{scanner.address}: {scanner.version()}")
    except virus_scan.Away as error:
        wrong = f"{scanner.address} does not answer ({error}): no upload is accepted"
        return Finding("virus scanner", False, wrong)


def _guard(name: str, look: Callable[[], Finding]) -> Finding:
    try:
        return look()
    except Exception as error:  # a check that breaks is a finding, not the end of the others
        return Finding(name, False, f"{type(error).__name__}: {error}")


def catalogues() -> Finding:
    """Whether every catalogue of English texts was compiled: without them pages mix two languages."""
    texts = sorted(TRANSLATIONS.glob("*/LC_MESSAGES/*.po"))
    missing = [text.name for text in texts if not text.with_suffix(".mo").exists()]
    if missing or not texts:
        return Finding("catalogues", False, f"not compiled: {', '.join(missing) or 'all'}")
    return Finding("catalogues", True, f"{len(texts)} compiled")


def _mail_texts() -> Finding:
    for kind in MailKind:
        for locale in mail.LOCALES:
            mail.template(kind, locale)
    return Finding("mail texts", True, f"{len(MailKind)} kinds in {len(mail.LOCALES)} languages")


def _fonts() -> Finding:
    missing = [name for name in FONTS if not (FONT_FOLDER / name).is_file()]
    return Finding(
        "fonts", not missing, f"missing: {', '.join(missing)}" if missing else f"{len(FONTS)} there"
    )


def _manual() -> Finding:
    # it lies beside the package, as templates and migrations do: there in a checkout, not in a wheel
    chapters = [manual.FOLDER / f"{name}.md" for name in (manual.COMMON, *manual.CHAPTERS)]
    missing = [one.name for one in chapters if not one.is_file()]
    return Finding(
        "manual", not missing, f"missing: {', '.join(missing)}" if missing else f"{len(chapters)} chapters"
    )
