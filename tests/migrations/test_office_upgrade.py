"""A register filled before the office came: the upgrade reads it, and the way back loses none of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from portal.extensions import downgrade_database, make_engine, make_session, upgrade_database
from portal.models import Holder, RecordCause, Trader, Verifier
from portal.services import likeness, records
from portal.services.records import Participant

BEFORE = "20261123_5_office"
AFTER = "20261126_1_registration_office"
MOMENT = "2013-10-08 00:45:00+00:00"
KEYS = ("company_key", "kana_key", "site_key", "address_key")
#: table → rows as they were entered; ``None`` where a column is empty
_APPLICATION = {
    "state": "accepted",
    "received_on": "2013-09-24",
    "seal_received": True,
    "consent_received": True,
    "representative_name": "髙橋 花子",
    "representative_kana": "たかはし はなこ",
    "contact_name": "環境 太郎",
    "contact_kana": "かんきょう たろう",
    "contact_postal_code": "123-4567",
    "contact_address": "東京都みほん区みほん三丁目2番1号",
    "contact_telephone": "03-0000-0001",
    "mail_a": "taro@mihon.example",
    "disclosure_consent": True,
    "search_key": "||",
    "created_by_id": 1,
    "created_at": MOMENT,
    "decided_by_id": 1,
    "decided_at": MOMENT,
    "version": 1,
}
_SITE = {
    "site_name": "みほん第一ビル",
    "site_kana": "みほんだいいちびる",
    "site_address": "埼玉県みほん市4-5-6",
    "site_kind": "workplace",
    "participation": "group",
    "other_scheme": False,
}
_CONTACT = {
    "organisation_id": 2,
    "department": "環境部",
    "name": "環境 太郎",
    "name_kana": "かんきょう たろう",
    "postal_code": "123-4567",
    "address": "東京都みほん区みほん三丁目2番1号",
    "telephone": "03-0000-0001",
    "mail": "taro@mihon.example",
    "created_at": MOMENT,
    "version": 1,
}
_COMMON = {"search_key": "||", "created_at": MOMENT, "version": 1}


def _user(number: int, login: str, role: str, **owner: int) -> dict[str, Any]:
    return {
        "id": number,
        "login_id": login,
        "role": role,
        "name": "見本",
        "locale": "ja",
        "active": True,
        "fs_uniquifier": f"u{number}",
        "must_change_password": False,
        "created_at": MOMENT,
        "version": 1,
        **owner,
    }


def _application(number: int, kind: str, company: str, **more: Any) -> dict[str, Any]:
    names = {"company_name": company, "company_kana": "かぶしきがいしゃみほん", "contact_company": company}
    return {"id": number, "number": f"R-{number}", "kind": kind, **names, **_APPLICATION, **more}


def _company(number: int, name: str, **more: Any) -> dict[str, Any]:
    return {"id": number, "name": name, "name_kana": "かぶしきがいしゃみほん", **_COMMON, **more}


ROWS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("user", _user(1, "officer", "officer")),
    (
        "phase",
        {
            "id": 1,
            "number": 2,
            "installation_year": 2013,
            "target_year": 2014,
            "adjustment_year": 2015,
            "reporting_year": 2016,
            "base_first_year": 2010,
            "base_last_year": 2012,
            "created_at": MOMENT,
            "version": 1,
        },
    ),
    (
        "registration_application",
        _application(1, "holder", "㈱髙橋", phase_id=1, account_name="口座1", **_SITE),
    ),
    ("registration_application", _application(2, "trader", "みほん商事", account_name="口座2")),
    ("registration_application", _application(3, "verifier", "みほん認証")),
    (
        "registration_application",
        {
            **_application(4, "trader", "届いただけ", account_name="口座4"),
            "state": "received",
            "decided_by_id": None,
            "decided_at": None,
        },
    ),
    ("organisation", _company(1, "㈱髙橋", representative_name="髙橋 花子", representative_kana="たかはし")),
    ("organisation", _company(2, "共同㈱")),
    ("organisation", _company(3, "共同二㈱")),
    *(("contact", {"id": number, **_CONTACT}) for number in (1, 2, 3)),
    (
        "holder",
        {
            "id": 1,
            "phase_id": 1,
            "application_id": 1,
            "representative_id": 1,
            "contact_id": 1,
            "mail_b": "b@mihon.example",
            "disclosure_consent": False,
            "site_key": "k",
            **_SITE,
            **_COMMON,
        },
    ),
    ("joint_company", {"id": 1, "holder_id": 1, "organisation_id": 3, "position": 2}),
    ("joint_company", {"id": 2, "holder_id": 1, "organisation_id": 2, "position": 1}),
    (
        "trader",
        {
            "id": 1,
            "application_id": 2,
            "organisation_id": 2,
            "contact_id": 2,
            "disclosure_consent": True,
            **_COMMON,
        },
    ),
    (
        "verifier",
        {"id": 1, "number": 1, "application_id": 3, "organisation_id": 2, "contact_id": 3, **_COMMON},
    ),
    (
        "account",
        {
            "id": 1001,
            "kind": "compliance",
            "state": "open",
            "name": "口座1",
            "holder_id": 1,
            "search_key": "||",
            "opened_at": MOMENT,
            "version": 1,
        },
    ),
    (
        "account",
        {
            "id": 1002,
            "kind": "trading",
            "state": "open",
            "name": "口座2",
            "trader_id": 1,
            "search_key": "||",
            "opened_at": MOMENT,
            "version": 1,
        },
    ),
    ("user", _user(2, "AST1001A", "holder_a", holder_id=1)),
    ("user", _user(3, "AST1002T", "trader", trader_id=1)),
    ("user", _user(4, "VRF01-1", "verifier", verifier_id=1)),
)


@pytest.fixture
def filled(empty_database_url: str) -> Iterator[Engine]:
    """A register of revision :data:`BEFORE` with one participant of each kind and an open application."""
    upgrade_database(empty_database_url, BEFORE)
    engine = make_engine(empty_database_url)
    with engine.begin() as connection:
        for table, row in ROWS:
            names = ", ".join(row)
            places = ", ".join(f":{name}" for name in row)
            connection.execute(text(f'INSERT INTO "{table}" ({names}) VALUES ({places})'), row)
    yield engine
    engine.dispose()


def go(engine: Engine, revision: str, *, down: bool = False) -> None:
    engine.dispose()
    url = engine.url.render_as_string(hide_password=False)
    (downgrade_database if down else upgrade_database)(url, revision)


def contents(engine: Engine) -> dict[str, list[dict[str, Any]]]:
    """Every row that was entered, as it stands now, by table."""
    found = {}
    with engine.begin() as connection:
        for table, row in ROWS:
            names = ", ".join(row)
            rows = connection.execute(text(f'SELECT {names} FROM "{table}" ORDER BY id')).mappings().all()
            found[f"{table}: {names}"] = [dict(one) for one in rows]
    return found


def foreign_keys_hold(engine: Engine) -> bool:
    """PostgreSQL never lets them break; SQLite rebuilds tables and must be asked."""
    if engine.dialect.name != "sqlite":
        return True
    with engine.begin() as connection:
        return connection.execute(text("PRAGMA foreign_key_check")).all() == []


def participants(session: Session) -> list[Participant]:
    return [session.get_one(model, 1) for model in (Holder, Trader, Verifier)]


def test_the_upgrade_fills_the_keys_and_begins_every_history(filled: Engine) -> None:
    before = contents(filled)
    go(filled, AFTER)
    assert contents(filled) == before and foreign_keys_hold(filled)
    with filled.begin() as connection:
        rows = connection.execute(
            text(f"SELECT company_name, {', '.join(KEYS)} FROM registration_application ORDER BY id")
        ).all()
    assert rows[0][1:] == ("高橋", "みほん", "みほん第1びる", likeness.address_key("埼玉県みほん市4-5-6"))
    # what was accepted is compared as its participant is registered now, not as the paper said
    assert [row.company_key for row in rows] == ["高橋", "共同", "共同", "届いただけ"]
    assert rows[1].site_key == "" and rows[1].address_key.endswith("3-2-1")
    with make_session(filled) as session:
        for one in participants(session):
            (line,) = records.versions(session, one)
            assert (line.cause, line.cause_id, line.actor) == (RecordCause.CARRIED_OVER, None, None)
            assert line.facts == records.facts_of(one)
        joint = records.facts_of(session.get_one(Holder, 1))["joint_companies"]
        assert [name for name, _kana in joint] == ["共同㈱", "共同二㈱"]


def test_the_register_goes_back_and_comes_again(filled: Engine) -> None:
    before = contents(filled)
    go(filled, AFTER)
    go(filled, BEFORE, down=True)
    assert contents(filled) == before and foreign_keys_hold(filled)
    with filled.begin() as connection:
        kept = connection.execute(text("SELECT * FROM registration_application")).keys()
    assert not set(KEYS) & set(kept)
    go(filled, "head")
    assert contents(filled) == before and foreign_keys_hold(filled)
    with filled.begin() as connection:
        facts = connection.execute(text("SELECT facts FROM registration_version ORDER BY id")).scalars().all()
    assert len(facts) == 3
    first = facts[0] if isinstance(facts[0], dict) else json.loads(facts[0])
    assert (first["disclosure_consent"], first["other_scheme"]) == (False, False)


def test_what_was_carried_over_can_be_changed_from_then_on(filled: Engine) -> None:
    """The first line is a true beginning: the next change stands behind it."""
    go(filled, "head")
    with make_session(filled) as session:
        holder = session.get_one(Holder, 1)
        holder.site_name = "みほん第二ビル"
        records.keep(session, holder, RecordCause.COMPANY_CHANGE, actor=None)
        session.flush()
        site = next(one for one in records.field_history(session, holder) if one.item == "site_name")
        assert [span.value for span in site.spans] == ["みほん第二ビル", "みほん第一ビル"]
        session.rollback()


def test_a_void_letter_goes_back_as_one_that_nothing_prints(filled: Engine) -> None:
    go(filled, AFTER)
    letter = (
        "INSERT INTO letter (id, number, kind, state, application_id, addressee, content, prints,"
        f" created_at, version) VALUES (1, '通知第0001号', 'correction', 'void', 4, '見本', '{{}}', 0,"
        f" '{MOMENT}', 1)"
    )
    with filled.begin() as connection:
        connection.execute(text(letter))
    go(filled, BEFORE, down=True)
    with filled.begin() as connection:
        state, day = connection.execute(text("SELECT state, returned_on FROM letter")).one()
    assert (state, str(day)) == ("returned", "2013-10-08")
