"""Who finds whom: consent against consent, for every role and account; and the search shows nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple, fields
from itertools import product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

from portal import clock
from portal.models import Account, AccountKind, AccountState, Holder, Trader, User
from portal.permissions import Role
from portal.services import directory
from portal.services.directory import Entry, Standing
from portal.services.numbers import search_key
from portal.services.transaction import one_transaction
from tests.factories import registration as make

STATES = tuple(AccountState)


def put(owner: Holder | Trader, consent: bool, state: AccountState) -> None:
    owner.disclosure_consent = consent
    owner.account.state = state
    owner.account.closed_at = clock.now() if state is AccountState.CLOSED else None


def found(session: Session, actor: User, words: str = "") -> list[str]:
    return [entry.account for entry in directory.look(session, actor, words=words).entries]


def may_read(reader: User, consent: bool, state: AccountState) -> bool:
    """Domain §2, written down a second time."""
    if reader.role in (Role.OFFICER, Role.APPROVER, Role.VIEWER):
        return True
    return reader.role is not Role.VERIFIER and consent and state is not AccountState.CLOSED


def test_consent_against_consent_for_every_role_and_state(session: Session) -> None:
    own, other = make.holder(session), make.trader(session)
    own_t, other_h = make.trader(session), make.holder(session)
    verifier = make.verifier(session).users[0]
    office = [make.office(session, role) for role in (Role.OFFICER, Role.APPROVER, Role.VIEWER)]
    wrong: list[tuple[object, ...]] = []
    for mine, my_state, theirs, their_state in product((True, False), STATES, (True, False), STATES):
        # the database lets nobody open a closed account again: each case is given up after it was looked at
        case = session.begin_nested()
        for owner in (own, own_t):
            put(owner, mine, my_state)
        for owner in (other, other_h):
            put(owner, theirs, their_state)
        session.flush()
        listed = theirs and their_state is not AccountState.CLOSED
        for reader in (*own.users, *own_t.users, verifier, *office):
            reads = may_read(reader, mine, my_state)
            seen = set(found(session, reader))
            for owner in (other, other_h):
                if (owner.account.code in seen) != (reads and listed):
                    wrong.append((reader.login_id, mine, my_state, theirs, their_state, owner.label))
            if not reads and seen:
                wrong.append((reader.login_id, "reads", mine, my_state))
            if (directory.standing(session, reader) is Standing.READS) != reads:
                wrong.append((reader.login_id, "standing", mine, my_state))
        case.rollback()
    assert wrong == []


def test_it_says_why_the_list_is_not_shown(session: Session) -> None:
    holder = make.holder(session)
    put(holder, False, AccountState.OPEN)
    assert directory.standing(session, holder.users[1]) is Standing.NO_CONSENT
    put(holder, True, AccountState.CLOSED)
    assert directory.standing(session, holder.users[0]) is Standing.CLOSED
    assert directory.standing(session, make.verifier(session).users[0]) is Standing.NOT_FOR


def test_an_entry_tells_how_to_reach_a_participant_and_nothing_else(session: Session) -> None:
    holder = make.holder(session, contact_company="株式会社わかばリース1", disclosure_consent=True)
    names = {field.name for field in fields(Entry)}
    assert names == {
        "account",
        "account_name",
        "kind",
        "company",
        "employer",
        "department",
        "contact_name",
        "telephone",
        "mail",
    }
    (entry,) = directory.look(session, holder.users[0]).entries
    assert (entry.company, entry.employer) == (holder.representative.name, "株式会社わかばリース1")
    # login B reads it like A, and neither finds by the address, which is not shown
    for reader in holder.users:
        assert found(session, reader, "さいたま") == found(session, reader, "XXX市") == []


def test_it_is_found_as_people_write_it_and_signs_of_the_query_language_find_nothing(
    session: Session,
) -> None:
    holder, trader = make.holder(session), make.trader(session)
    written = ["つばめ", "ツバメ印刷", "tsubame", "AST1001", "ast-1001", "１００１", "もりた", "森田夏夫"]
    for words in (*written, "森田　夏夫", "0480000001", "048-000", "総務　森田"):
        assert found(session, trader.users[0], words) == [holder.account.code], words
    for words in ("%", "_", "\\", "％", "|", "つばめ 小春", "'", "AST-9999"):
        assert found(session, trader.users[0], words) == [], words


def test_kind_narrows_and_pages_follow_each_other_without_reading_the_table(
    session: Session, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory, "PER_PAGE", 2)
    holders, trader = [make.holder(session) for _ in range(4)], make.trader(session)
    reader, statements = trader.users[0], []
    pages = [directory.look(session, reader, page=n) for n in (1, 2, 3)]
    assert [e.account for page in pages for e in page.entries] == [
        *(one.account.code for one in holders),
        trader.account.code,
    ]
    assert [(page.total, page.pages, page.first) for page in pages] == [(5, 3, 1), (5, 3, 3), (5, 3, 5)]
    assert directory.look(session, reader, page=99).page == 3
    assert directory.look(session, reader, page=-1).page == 1
    assert directory.look(session, reader, kind=AccountKind.TRADING).total == 1
    session.expire_all()
    event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    directory.look(session, reader)
    assert len(statements) <= 6, statements  # who reads (login, trader, account), count, page
    assert all("LIMIT" in one or "count(" in one for one in statements if "JOIN contact" in one)


WORLD: dict[str, tuple[int, list[Entry]]] = {}


@pytest.fixture
def listed(session: Session, database_kind: str) -> Iterator[tuple[User, list[Entry]]]:
    with one_transaction(session):
        for n, (company, kana, department) in enumerate(
            [
                ("㈱ＡＢＣガラス", "えーびーしーがらす", "カーボン推進部"),
                ("100%_製紙", "ひゃくせいし", "ISO室"),
            ]
        ):
            make.holder(
                session,
                company_name=company,
                company_kana=kana,
                contact_company=company,
                contact_department=department,
                account_name=f"{company}　第{n}工場",
                contact_fax="03-7777-8888",
                mail_b="secret-b@elsewhere.example",
            )
        reader = make.trader(session).users[0]
    yield reader, directory.look(session, reader).entries


HIDDEN = ["7777", "8888", "secret", "elsewhere", "川口 春子", "かわぐち", "環境課長", "123-4567", "XXX市"]
KANA = "えーびーしーがらす ひゃくせいし もりた なつお とりひき じろう こはるしょうかいかぶしきがいしゃ"


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_the_search_finds_what_is_shown_and_only_that(
    listed: tuple[User, list[Entry]], session: Session, data: st.DataObject
) -> None:
    reader, entries = listed
    texts = [str(value) for entry in entries for value in astuple(entry) if value]
    text = data.draw(st.sampled_from([*texts, *HIDDEN, KANA]) | st.text(max_size=6))
    start = data.draw(st.integers(0, max(0, len(text) - 1)))
    words = text[start : start + data.draw(st.integers(1, 8))].strip()
    hits = set(found(session, reader, words))
    parts = words.split()
    for entry in entries:
        shown = [
            str(value)
            for name, value in zip(names(), astuple(entry), strict=True)
            if value and name != "kind"
        ]
        if all(any(part in one for one in shown) for part in parts):
            assert entry.account in hits, words
        readable = search_key(*shown, KANA)
        if not all(search_key(part) in readable or any(part in one for one in shown) for part in parts):
            assert entry.account not in hits, words


def names() -> list[str]:
    return [field.name for field in fields(Entry)]


def test_nobody_of_the_schemes_own_accounts_is_in_it(session: Session) -> None:
    trader = make.trader(session)
    assert session.get(Account, 1) is not None
    assert found(session, make.office(session)) == [trader.account.code]
