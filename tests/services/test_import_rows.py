"""Every way a row of an import can be wrong, named at its cell; and what it looks like (domain §3, §8)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy.orm import Session

from portal.models import ImportKind, ReductionTarget, User
from portal.permissions import Role
from portal.services import import_checks, import_rows, registration, targets
from portal.services.import_rows import Judged
from portal.services.registration import ApplicationData
from portal.services.spreadsheets.import_table import read_table
from portal.services.transaction import one_transaction
from tests.factories import imports as make
from tests.factories import registration as people

PHASES = {2: 7}


@pytest.fixture(autouse=True)
def in_2013(at: Callable[[str], datetime]) -> None:
    at("2013-10-01 09:00")


def judged(data: bytes, phases: dict[int, int] | None = None) -> list[Judged]:
    table = read_table(data, "applications")
    assert table.findings == []
    known = PHASES if phases is None else phases
    return [import_rows.application(row, table.columns[row.sheet], known) for row in table.rows]


def found(row: Judged) -> list[tuple[str, str]]:
    return [(one.code, one.cell) for one in row.in_order()]


def at(field: str, row: int = 5, kind: str = "holder") -> str:
    return f"{make.letters(field, kind)}{row}"


@pytest.mark.parametrize(
    ("field", "typed", "code"),
    [
        ("company_name", None, "REQUIRED"),
        ("received_on", None, "REQUIRED"),
        ("received_on", "2013/10/2", "DATE_IN_FUTURE"),
        ("phase", None, "PHASE_NEEDED"),
        ("phase", "第9期", "phase_unknown"),
        ("company_kana", "カタカナ", "KANA_NOT_HIRAGANA"),
        ("contact_postal_code", 123456, "POSTAL_CODE_FORM"),
        ("contact_telephone", "0312345678", "TELEPHONE_FORM"),
        ("contact_fax", "なし", "TELEPHONE_FORM"),
        ("mail_a", "taro@", "MAIL_FORM"),
        ("mail_b", "x y", "MAIL_FORM"),
        ("site_name", None, "REQUIRED"),
        ("site_kind", None, "REQUIRED"),
        ("participation", None, "REQUIRED"),
        ("other_scheme", None, "REQUIRED"),
        ("disclosure_consent", None, "REQUIRED"),
        ("account_name", None, "REQUIRED"),
        ("account_name", "みほん🐟工場", "GLYPH_MISSING"),
        ("contact_company", "よその会社", "CONTACT_ELSEWHERE"),
        ("company_name", "長" * 201, "TOO_LONG"),
        ("joint_companies-3-name", "みほん四号株式会社", "JOINT_KANA_NEEDED"),
        ("joint_companies-4-kana", "カナ", "KANA_NOT_HIRAGANA"),
    ],
)
def test_each_rule_of_the_form_names_its_cell(field: str, typed: Any, code: str) -> None:
    (row,) = judged(make.workbook([make.plain_holder(1)], {0: {field: typed}}))
    places = {one.code: one.cell for one in row.findings}
    # the other half of a joint company's pair is asked for beside it
    place = "joint_companies-3-kana" if code == "JOINT_KANA_NEEDED" else field
    assert places.get(code) == at(place)
    assert all(one.message("ja") != one.message("en") for one in row.findings)


def test_all_that_is_wrong_is_said_at_once_and_once() -> None:
    wrong = {"mail_a": "x", "site_kind": "倉庫", "received_on": "きのう", "company_kana": None}
    (row,) = judged(make.workbook([make.plain_holder(1)], {0: wrong}))
    assert found(row) == [
        ("date_shape", at("received_on")),
        ("REQUIRED", at("company_kana")),
        ("MAIL_FORM", at("mail_a")),
        ("choice", at("site_kind")),
    ]


def test_widths_blanks_and_hyphens_are_put_right_as_at_the_desk() -> None:
    typed = {
        "contact_postal_code": "〒１２３－４５６７",
        "contact_telephone": "０３−１２３４−５６７８",
        "mail_a": " Ａ1＠mihon.example ",
        "phase": "２",
        "joint_companies-0-name": " ",
    }
    (row,) = judged(make.workbook([make.plain_holder(1)], {0: typed}))
    assert row.findings == [] and row.data is not None
    data = row.data
    assert (data.contact_postal_code, data.contact_telephone) == ("123-4567", "03-1234-5678")
    assert (data.mail_a, data.phase_id, data.joint_companies) == ("A1@mihon.example", 7, ())


def test_traders_and_verifiers_have_shorter_rows() -> None:
    rows = judged(make.workbook([make.plain_trader(1), make.plain_verifier(1)], {0: {"account_name": None}}))
    assert [found(row) for row in rows] == [[("REQUIRED", at("account_name", kind="trader"))], []]
    assert [row.data.phase_id for row in rows if row.data] == [None, None]


# ---- the other rows of the file, and the register


def compared(session: Session, items: list[ApplicationData], changes: Any = None) -> list[Judged]:
    rows = judged(make.workbook(items, changes), import_checks.phases(session))
    import_checks.applications(session, rows)
    return rows


@pytest.fixture
def officer(session: Session) -> User:
    with one_transaction(session):
        people.phase(session)
        return people.office(session)


def test_a_name_a_site_or_a_company_that_stands_twice_in_the_file_is_named(
    session: Session, officer: User
) -> None:
    items = [make.plain_holder(1), make.plain_holder(2), make.plain_holder(1), make.plain_trader(1)]
    rows = compared(session, [*items, make.plain_trader(1)], {1: {"account_name": "みほん第１工業　第1工場"}})
    codes = [[code for code, _cell in found(row)] for row in rows]
    assert codes == [
        [],
        ["same_name_in_file"],
        ["same_site_in_file", "same_name_in_file"],
        [],
        ["same_company_in_file", "same_name_in_file"],
    ]
    assert "シート「目標保有者」の5行目" in rows[1].findings[0].message("ja")


def test_what_is_registered_or_received_already_is_refused(session: Session, officer: User) -> None:
    with one_transaction(session):
        phase = people.phase(session)
        accepted = replace(make.plain_holder(1), phase_id=phase.id, seal_received=True, consent_received=True)
        people.accepted(session, accepted, actor=officer)
        open_one = replace(make.plain_holder(2), phase_id=phase.id)
        registration.record_application(session, open_one, actor=officer)
    rows = compared(session, [make.plain_holder(n) for n in (1, 2, 3)])
    assert [found(row) for row in rows] == [
        [("SITE_TAKEN", at("site_name")), ("ACCOUNT_NAME_TAKEN", at("account_name"))],
        [("received_already", at("site_name", 6)), ("ACCOUNT_NAME_TAKEN", at("account_name", 6))],
        [],
    ]
    assert "AST-1001" in rows[0].findings[0].message("ja")
    assert "R2-0002" in rows[1].findings[1].message("ja")


def test_what_only_looks_like_another_registration_is_shown_and_refuses_nothing(
    session: Session, officer: User
) -> None:
    with one_transaction(session):
        known = replace(make.plain_holder(1), phase_id=people.phase(session).id)
        registration.record_application(session, known, actor=officer)
    other_site = {"site_name": "北工場", "site_address": "みほん県みほん市北9-9", "account_name": "北"}
    variant = {"company_name": "㈱みほん第1工業", "contact_company": "㈱みほん第1工業"}
    rows = compared(session, [make.plain_holder(1), make.plain_holder(5)], {0: {**other_site, **variant}})
    assert [found(row) for row in rows] == [[], []]
    assert [[(one["number"], one["matches"]) for one in row.similar] for row in rows] == [
        [("R2-0001", ["company_name", "company_kana", "contact_telephone", "mail_a"])],
        [],
    ]


# ---- reduction targets


def of_targets(session: Session, rows: list[list[Any]]) -> list[Judged]:
    table = read_table(make.of_targets(rows), ImportKind.TARGETS.value)
    made = [import_rows.target(row, table.columns[row.sheet]) for row in table.rows]
    import_checks.targets(session, made)
    return made


@pytest.mark.parametrize(
    ("account", "quantity", "code"),
    [
        (None, 5, "REQUIRED"),
        ("口座", 5, "ACCOUNT_NUMBER_SHAPE"),
        ("AST-1001", None, "REQUIRED"),
        ("AST-1001", 0, "QUANTITY_POSITIVE"),
        ("AST-1001", -5, "QUANTITY_SHAPE"),
        ("AST-1001", 1.5, "QUANTITY_SHAPE"),
        ("AST-1001", "1e3", "QUANTITY_SHAPE"),
        ("AST-1001", 10**17, "QUANTITY_TOO_LARGE"),
    ],
)
def test_a_number_or_quantity_of_the_wrong_shape_is_named(account: Any, quantity: Any, code: str) -> None:
    table = read_table(make.of_targets([[account, "", "", quantity]]), "targets")
    row = table.rows[0]
    assert [one.code for one in import_rows.target(row, table.columns[row.sheet]).findings] == [code]


def test_targets_are_held_against_the_register(session: Session, officer: User) -> None:
    with one_transaction(session):
        first, second = people.holder(session), people.holder(session)
        people.trader(session)
        targets.propose_target(session, second.id, 7, actor=people.office(session, Role.OFFICER))
    name, site = first.representative.name, first.site_name
    rows = of_targets(
        session,
        [
            ["AST-1001", name, site, "１，５００"],
            ["ast 1001", name, site, 3],
            ["AST-1002", "", "", 3],
            ["AST-1003", "", "", 3],
            ["AST-9999", "", "", 3],
        ],
    )
    assert [[code for code, _cell in found(row)] for row in rows] == [
        [],
        ["same_account_in_file"],
        ["TARGET_EXISTS"],
        ["HOLDER_UNKNOWN"],
        ["HOLDER_UNKNOWN"],
    ]
    assert rows[0].quantity == 1500
    (wrong,) = of_targets(session, [["AST-1001", "よその会社", site, 3]])
    assert found(wrong) == [("not_the_holder", at("company_name", kind="target"))]
    assert name in wrong.findings[0].message("ja")


def test_the_workbook_of_targets_names_the_holders_that_have_none(session: Session, officer: User) -> None:
    with one_transaction(session):
        first, second = people.holder(session), people.holder(session)
        targets.propose_target(session, first.id, 7, actor=officer)
    assert session.query(ReductionTarget).count() == 1
    assert import_checks.without_target(session, first.phase_id) == [
        (second.account.code, second.representative.name, second.site_name)
    ]
