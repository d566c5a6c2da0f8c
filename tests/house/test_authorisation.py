"""Every address of the portal by every role: what is not granted is refused, and nothing breaks.

The addresses come from the URL map, so a new page is in the matrix the day it is made. What the three
participants without full rights may open is written out by hand beside it: the grant table is not
asked about itself (domain §2, safety 14 and 15).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from portal import create_app
from portal.admin.door import ABSENT
from portal.extensions import db_session, make_engine, make_session, session_factory
from portal.models import ReportFile, VerificationReport
from portal.permissions import SECRETARIAT, Role, may
from portal.services import marked_copies
from portal.services.transaction import one_transaction
from portal.settings import Settings
from portal.web import admin_blueprints, permission_of
from tests import databases
from tests.conftest import PASSWORD_SALT, SECRET_KEY
from tests.factories import allowances, reports
from tests.factories.registration import PASSWORD

NOBODY = None
READERS: tuple[Role | None, ...] = (NOBODY, *Role)
TODAY = "2015-06-15 10:00"
#: parts of others that answer nobody
CLOSED = {"security.verify", "security.static"}
SHARED = {"static", "security.login", "security.logout", "account_password.root", "account_password.health"}
SHARED |= {"application_forms.index", "application_forms.blank"}
#: what two persons of the office have released, before the door
SHARED |= {f"public_tables.{page}" for page in ("index", "show", "table_file")}
ABOUT = ("contents", "chapter", "picture", "contact", "privacy", "accessibility")
SHARED |= {f"about.{page}" for page in ABOUT}
SHARED |= {"account_password.first", "participant.home", "participant.events", "participant.registration"}
REPORT_PAGES = {"list", "show", "form", "file", "upload", "marked", "attachments", "detach", "request"}
REPORT_PAGES |= {"send_back", "submit"}
VERIFIER_PAGES = {"desk", "report", "answer", "decline", "grant", "request", "result", "return", "charge"}
ALLOWANCE_PAGES = {"balance", "history_file", "receipt", "directory", "registration_contact"}
ALLOWANCE_PAGES |= {"account_name", "account_statement", "account_statement_file", "receipt_pdf"}
ALLOWANCE_PAGES |= {"registration_contact_withdraw", "registration_consent"}
ALLOWANCE_PAGES |= {f"{act}{step}" for act in ("transfer", "cancel", "offset") for step in ("", "_confirm")}
#: open to somebody, but this small world has no such row; logging out leads to the login page
WITHOUT_ROWS = {"security.logout", "demo_clock.index", "target.propose_view", "application.change_view"}
WITHOUT_ROWS |= {f"contact_change.{page}_view" for page in ("accept", "decline", "details")}
WITHOUT_ROWS |= {"application_excel.new", "application_excel.marked"}
WITHOUT_ROWS |= {"company_change.details_view", "company_change.scan_view", "book_check.details_view"}
WITHOUT_ROWS |= {"mail.resend", "report.confirm_revocation", "report.withdraw_revocation"}
WITHOUT_ROWS |= {f"import.{page}_view" for page in ("details", "start", "discard", "marked", "progress")}
WITHOUT_ROWS |= {"import.upload_view", "import.blank_view", "directory.details_view", "factor.year"}
WITHOUT_ROWS |= {f"account_change.{page}" for page in ("confirm", "withdraw", "details_view")}
WITHOUT_ROWS |= {f"application.{page}" for page in ("scan", "detach_view", "compare_view")}
WITHOUT_ROWS |= {f"letter_batch.{page}_view" for page in ("details", "destroy", "file")}
WITHOUT_ROWS |= {f"list_file.{page}" for page in ("index", "progress", "fetch")}
WITHOUT_ROWS |= {f"factor_proposal.{page}_view" for page in ("confirm", "withdraw", "details")}
WITHOUT_ROWS |= {f"publication.{page}_view" for page in ("details", "release", "withdraw", "end")}
WITHOUT_ROWS |= {"report_grid.details_view", "late_report.details_view"}  # no page of their own
WITHOUT_ROWS |= {"about.picture", "public_tables.show", "public_tables.table_file"}
WITHOUT_ROWS |= {f"participant.banking_{page}" for page in ("show", "withdraw")}
WITHOUT_ROWS |= {f"banking.{page}" for page in ("details_view", "propose", "decline")}
WITHOUT_ROWS |= {
    f"issue_batch.{page}" for page in ("details_view", "confirm", "withdraw", "progress", "propose")
}
WITHOUT_ROWS |= {
    f"phase_closing.{page}" for page in ("details_view", "confirm", "withdraw", "standing", "propose")
}
#: every address these logins may open, in words of domain §2
OPEN = {
    Role.HOLDER_B: SHARED
    | {"participant.directory"}
    | {f"participant.report_{page}" for page in REPORT_PAGES},
    Role.VERIFIER: SHARED
    | {"account_password.own", "participant.registration_contact", "participant.verification_file"}
    | {"participant.registration_contact_withdraw"}
    | {f"participant.verifier_{page}" for page in VERIFIER_PAGES},
    Role.TRADER: SHARED | {"account_password.own"} | {f"participant.{page}" for page in ALLOWANCE_PAGES},
}


@dataclass
class World:
    """Two markets that know nothing of each other; whoever is logged in belongs to the first."""

    app: Flask
    cookies: dict[Role, str] = field(default_factory=dict)
    logins: dict[Role, str] = field(default_factory=dict)
    own: dict[str, Any] = field(default_factory=dict)
    others: dict[str, Any] = field(default_factory=dict)

    def ask(self, role: Role | None, method: str, url: str) -> TestResponse:
        client = self.app.test_client()
        if role is not None:
            client.set_cookie("portal", self.cookies[role])
        return client.open(url, method=method)

    def log_in(self, role: Role) -> None:
        client = self.app.test_client()
        answer = client.post("/login", data={"login_id": self.logins[role], "password": PASSWORD})
        cookie = client.get_cookie("portal")
        assert answer.status_code == 302 and cookie is not None
        self.cookies[role] = cookie.value


def _rows(session: Session, market: allowances.Market) -> dict[str, Any]:
    """The ids of a market's rows, by the name they have in an address."""
    report = market.scheme.report()
    account = market.holder.account.id
    sold = allowances.move(
        session, market.a, allowances.MovementKind.TRANSFER, 100, market.trader.account.code
    )
    copy = marked_copies.keep(session, "報告書.xlsx", b"PK", actor=market.a)
    session.flush()
    assert sold.transaction is not None and account
    file = session.scalars(select(ReportFile.id).where(ReportFile.report_id == report.id)).first()
    paper = session.scalars(select(VerificationReport.id).where(VerificationReport.report_id == report.id))
    return {
        "report_id": report.id,
        "file_id": file,
        "paper_id": paper.first(),
        "code": sold.transaction.code,
        "copy_id": copy,
        "application_id": 0,
    }


@pytest.fixture(scope="module")
def world(
    database_templates: databases.Templates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("authorisation")
    url = databases.copy(database_templates.of("sqlite"), folder)
    engine = make_engine(url)
    with make_session(engine) as session, one_transaction(session):
        first, second = allowances.market(session), allowances.market(session)
        people = [*first.holder.users, *first.trader.users, *first.scheme.verifier.users]
        people += [first.officer, first.approver, first.scheme.viewer]
        logins = {Role(user.role): user.login_id for user in people}
        reports.at(TODAY)
        own, others = _rows(session, first), _rows(session, second)
    engine.dispose()
    app = create_app(
        Settings(
            environment="test",
            secret_key=SECRET_KEY,
            password_salt=PASSWORD_SALT,
            database_url=url,
            instance=folder,
        )
    )
    app.config["WTF_CSRF_ENABLED"] = False
    made = World(app, logins=logins, own=own, others=others)
    for role in Role:
        made.log_in(role)
    yield made
    db_session.remove()
    session_factory.kw["bind"].dispose()
    session_factory.configure(bind=None)


@pytest.fixture(autouse=True)
def stopped(running_clock: None) -> None:
    reports.at(TODAY)


def address(app: Flask, rule: Rule, rows: dict[str, Any]) -> str:
    """An address of the rule with rows of one's own or of somebody else."""
    special: dict[str, dict[str, Any]] = {
        "static": {"filename": "portal.css"},
        "about.chapter": {"chapter": "holder"},
        "report.file": {"kind": "report"},
        "application_forms.blank": {"kind": "trader"},
        "compliance_board.export": {"kind": "csv"},
        "public_tables.show": {"phase": 2, "subject": "emissions"},
        "public_tables.table_file": {"phase": 2, "subject": "emissions"},
    }
    usual = {**rows, "period": "base", "source": "report", "file": "csv", "export_type": "csv"}
    usual |= {"filename": "x", **special.get(rule.endpoint, {})}
    query = {"id": rows["report_id"]} if rule.endpoint.split(".")[0] in admin_blueprints(app) else {}
    with app.test_request_context():
        return str(app.url_map.bind("localhost").build(rule.endpoint, {**_wanted(rule, usual), **query}))


def _wanted(rule: Rule, values: dict[str, Any]) -> dict[str, Any]:
    return {name: values[name] for name in rule.arguments}


def admin_view(app: Flask, endpoint: str) -> Any:
    views = app.extensions["admin"][0]._views
    return next((view for view in views if view.endpoint == endpoint.split(".")[0]), None)


def wanted(app: Flask, endpoint: str, role: Role | None) -> str:
    """What the door must say: ``open``, ``login``, ``absent`` (404) or ``forbidden`` (403)."""
    view, name = admin_view(app, endpoint), endpoint.split(".")[-1]
    if view is None:
        permission = permission_of(app, endpoint)
        if permission is None:
            return "absent"
        if may(role, permission):
            return "open"
        return "login" if role is None else "absent"
    if role is None:
        return "login"
    if role not in SECRETARIAT or name in ABSENT:
        return "absent"
    permission = view.permission_of(name)
    granted = permission is not None and may(role, view.permission_view) and may(role, permission)
    return "open" if granted else "forbidden"


def said(answer: TestResponse) -> str:
    """What the door did say."""
    if answer.status_code == 302 and answer.location.split("?")[0] == "/login":
        return "login"
    if answer.status_code == 404:
        return "absent"
    if answer.status_code == 403:
        return "forbidden"
    return "open" if answer.status_code < 500 else f"broken ({answer.status_code})"


Matrix = dict[tuple[str, str, Role | None], str]


@pytest.fixture(scope="module")
def matrix(world: World) -> Matrix:
    """What every address says to everybody, with GET and with an empty POST."""
    reports.at(TODAY)
    found: Matrix = {}
    for rule in world.app.url_map.iter_rules():
        url = address(world.app, rule, world.own)
        for method in ("GET", "POST"):
            if method in (rule.methods or ()):
                for role in READERS:
                    answer = world.ask(role, method, url)
                    found[(rule.endpoint, method, role)] = said(answer)
                    answer.close()
    return found


def named(found: Matrix) -> dict[str, str]:
    """A readable list of what is wrong."""
    return {
        f"{method} {endpoint} by {role or 'nobody'}": word for (endpoint, method, role), word in found.items()
    }


def test_every_address_names_a_permission(world: World) -> None:
    app = world.app
    unnamed = {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if admin_view(app, rule.endpoint) is None and permission_of(app, rule.endpoint) is None
    }
    assert unnamed == CLOSED
    rooms = {rule.endpoint.split(".")[0] for rule in app.url_map.iter_rules()} & admin_blueprints(app)
    assert {room for room in rooms if admin_view(app, f"{room}.x") is None} == set()


def test_nothing_that_is_not_granted_opens_and_nothing_breaks(world: World, matrix: Matrix) -> None:
    wrong = {}
    for key, word in matrix.items():
        expected = wanted(world.app, key[0], key[2])
        # whoever may come in may still be told that the row is not there; never that it is forbidden
        good = {"open", "absent"} if expected == "open" else {expected}
        # the login page and log-out lead to the login page
        if expected == "open" and key[0] in SHARED:
            good.add("login")
        if word not in good:
            wrong[key] = f"{word}, not {expected}"
    assert named(wrong) == {}


def test_every_address_that_names_a_permission_opens_to_somebody(world: World, matrix: Matrix) -> None:
    """Otherwise the matrix would be green because everything is shut."""
    opened = {endpoint for (endpoint, _method, _role), word in matrix.items() if word == "open"}
    granted = {
        endpoint
        for endpoint, _method, role in matrix
        if role is not None and wanted(world.app, endpoint, role) == "open"
    }
    # a screen without such a page answers 404 to its own readers too
    ways = ("create_view", "edit_view", "delete_view", "action_view")
    assert {name for name in granted - opened if not name.endswith(ways)} == WITHOUT_ROWS


@pytest.mark.parametrize("role", OPEN)
def test_what_a_login_without_full_rights_may_open_is_written_here(
    world: World, matrix: Matrix, role: Role
) -> None:
    granted = {endpoint for endpoint, _m, _r in matrix if wanted(world.app, endpoint, role) == "open"}
    opened = {
        endpoint for (endpoint, _m, reader), word in matrix.items() if reader is role and word == "open"
    }
    assert granted == OPEN[role]
    assert opened - OPEN[role] == set()


def test_login_b_and_verifiers_are_not_told_that_allowances_exist(matrix: Matrix) -> None:
    acts = ("retire", "transfer", "cancel", "offset", "banking")
    rooms = ("balance", "history_file", "receipt", "account_name", "account_statement", *acts)
    told = {
        key: word
        for key, word in matrix.items()
        if key[2] in (Role.HOLDER_B, Role.VERIFIER)
        and key[0].removeprefix("participant.").startswith(rooms)
        and word != "absent"
    }
    assert named(told) == {}


def test_a_viewer_changes_nothing(world: World, matrix: Matrix) -> None:
    own = {"security.login", "security.logout", "account_password.own", "account_password.first"}
    # take any bulk act to its own permission: the test below
    own |= {f"{screen}.action_view" for screen in ("holder", "target", "application", "report")}
    opened = {
        endpoint
        for (endpoint, method, role), word in matrix.items()
        if method == "POST" and role is Role.VIEWER and word == "open"
    }
    # a file of what a viewer sees anyway: the worker writes a long one
    assert {endpoint for endpoint in opened - own if not endpoint.endswith(".export")} == set()


@pytest.mark.parametrize(
    ("screen", "act", "page"),
    [
        ("holder", "assign", "/admin/assignment/"),
        ("application", "clerk", "/admin/application/clerk/"),
        ("report", "clerk", "/admin/report/clerk/"),
    ],
)
def test_a_bulk_act_asks_for_its_own_permission(world: World, screen: str, act: str, page: str) -> None:
    def pressed(role: Role) -> str:
        client = world.app.test_client()
        client.set_cookie("portal", world.cookies[role])
        answer = client.post(f"/admin/{screen}/action/", data={"action": act, "rowid": ["1"]})
        return str(answer.location)

    assert page in pressed(Role.OFFICER)
    assert page not in pressed(Role.VIEWER)


def test_approving_many_is_answered_to_approvers_only_and_never_done(world: World) -> None:
    def pressed(role: Role) -> str:
        client = world.app.test_client()
        client.set_cookie("portal", world.cookies[role])
        answer = client.post("/admin/report/action/", data={"action": "approve", "rowid": ["1", "2"]})
        return str(answer.location)

    assert "/admin/report/one-by-one/" in pressed(Role.APPROVER)
    assert {"one-by-one" in pressed(role) for role in (Role.OFFICER, Role.VIEWER)} == {False}


@pytest.mark.parametrize(
    ("role", "path"),
    [
        (Role.HOLDER_A, "/reports/files/report/{file_id}"),
        (Role.HOLDER_B, "/reports/files/report/{file_id}"),
        (Role.HOLDER_A, "/reports/files/verification/{paper_id}"),
        (Role.HOLDER_B, "/reports/files/verification/{paper_id}"),
        (Role.HOLDER_A, "/reports/marked/{copy_id}"),
        (Role.HOLDER_A, "/allowances/receipt/{code}"),
        (Role.TRADER, "/allowances/receipt/{code}"),
        (Role.TRADER, "/allowances/receipt/{code}/pdf"),
        (Role.VERIFIER, "/verification/{report_id}"),
        (Role.VERIFIER, "/verification/files/report/{file_id}"),
        (Role.VERIFIER, "/verification/files/verification/{paper_id}"),
    ],
)
def test_somebody_elses_row_does_not_exist(world: World, role: Role, path: str) -> None:
    mine = world.ask(role, "GET", path.format(**world.own))
    theirs = world.ask(role, "GET", path.format(**world.others))
    nowhere = world.ask(role, "GET", path.format(**dict.fromkeys(world.own, 999_999)))
    assert (mine.status_code, theirs.status_code, nowhere.status_code) == (200, 404, 404)
    for answer in (mine, theirs, nowhere):
        answer.close()


def test_an_address_that_is_not_there_looks_like_one_that_is_shut(world: World) -> None:
    assert {world.ask(role, "GET", "/no-such-page").status_code for role in Role} == {404}


def test_a_page_that_names_no_permission_is_shut_to_everybody(world: World) -> None:
    """A negative control: the view is there and would answer."""
    assert permission_of(world.app, "security.verify") is None
    assert {said(world.ask(role, "GET", "/verify")) for role in READERS} == {"absent"}
