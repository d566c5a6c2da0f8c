"""A participant's registered data: consent to be found, the logins, a change that waits."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from portal.models import Holder
from portal.services import contacts, once
from portal.services.transaction import one_transaction
from tests.factories import registration as make
from tests.participant.visitor import Visitor, words

URL = "/registration/consent"


@dataclass
class People:
    a: str
    b: str
    t: str
    v: str
    holder_id: int
    site: str
    trader: str


@pytest.fixture
def people(session: Session) -> People:
    with one_transaction(session):
        holder, trader, verifier = make.holder(session), make.trader(session), make.verifier(session)
        new = replace(contacts.present(holder), telephone="03-9999-0000", department=None)
        contacts.apply_for_change(session, new, actor=holder.users[0])
        a, b = holder.users
        return People(
            a.login_id,
            b.login_id,
            trader.users[0].login_id,
            verifier.users[0].login_id,
            holder.id,
            holder.representative.name,
            trader.organisation.name,
        )


def agreed(session: Session, people: People) -> bool:
    session.rollback()
    found = session.get_one(Holder, people.holder_id).disclosure_consent
    session.rollback()
    return found


def test_consent_is_withdrawn_and_given_again_on_the_own_page(
    app: Flask, session: Session, people: People
) -> None:
    a, b, trader = Visitor(app, people.a), Visitor(app, people.b), Visitor(app, people.t)
    assert people.site in words(trader.get("/directory"))
    page = a.get(URL)
    assert "外します" in words(page)
    done = a.send(page, URL)
    assert (done.status_code, done.location) == (302, "/registration")
    assert "同意していません" in words(a.get("/registration"))
    assert people.site not in words(trader.get("/directory"))
    for reader in (a, b):
        text = words(reader.get("/directory"))
        assert "担当者リストは表示できません" in text and people.trader not in text
    # the same page once more: the first answer, not the opposite
    assert a.send(page, URL).status_code == 302
    assert not agreed(session, people)
    # an older page of another window, with a key of its own, changes nothing
    old = a.send(page, URL, key=once.new_key(), agree="1")
    assert old.status_code == 302 and not agreed(session, people)
    assert "変えませんでした" in words(a.get("/registration"))
    a.send(a.get(URL), URL)
    assert agreed(session, people)
    assert people.trader in words(b.get("/directory"))


def test_b_and_the_verifier_have_no_such_page(app: Flask, people: People) -> None:
    for login in (people.b, people.v):
        assert Visitor(app, login).get(URL).status_code == 404
    text = words(Visitor(app, people.b).get("/registration"))
    assert "目標保有者Aが決めます" in text
    assert "AST-" not in text and "遵守口座" not in text
    assert "公開" not in words(Visitor(app, people.v).get("/registration"))


def test_a_reads_old_and_new_of_the_change_that_waits_and_both_logins(app: Flask, people: People) -> None:
    text = words(Visitor(app, people.a).get("/registration"))
    for part in ("申請中の変更", "03-9999-0000", "総務部", "記入なし", people.a, people.b, "使えます"):
        assert part in text, part
    assert "申請中の変更" not in words(Visitor(app, people.b).get("/registration"))


def test_links_call_and_write(app: Flask, people: People) -> None:
    page = Visitor(app, people.t).get("/directory?kind=compliance").text
    assert 'href="tel:048-000-' in page and 'href="mailto:a' in page
    assert people.trader not in page.split("<tbody>")[1]
