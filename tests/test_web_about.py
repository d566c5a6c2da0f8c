"""Manual, contact, personal data, accessibility: every foot leads there, nobody needs a login."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from portal.permissions import Role
from portal.services import manual
from portal.services.transaction import one_transaction
from portal.settings import Settings
from tests.factories import reports as make
from tests.participant.visitor import Visitor

PAGES = ("/manual", "/contact", "/privacy", "/accessibility")


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_everybody_reads_them_and_each_foot_leads_to_all(client: FlaskClient, lang: str) -> None:
    for url in (*PAGES, "/login", "/public/", "/manual/holder", "/nowhere"):
        page = client.get(f"{url}?lang={lang}")
        assert page.status_code == (404 if url == "/nowhere" else 200)
        foot = page.text.split("<footer")[1]
        assert all(f'href="{one}' in foot for one in PAGES), url
    # a page without a session hands its language on
    assert f'href="/contact?lang={lang}"' in client.get(f"/public/?lang={lang}").text


def test_the_office_is_reached_as_this_installation_says(client: FlaskClient, settings: Settings) -> None:
    text = client.get("/contact").text
    assert settings.office_mail in text and settings.office_phone in text
    assert settings.office_address.split(" ")[-1] in text


def test_each_reader_is_shown_the_chapters_of_its_role(app: Flask, session: Session) -> None:
    roles = (Role.HOLDER_A, Role.HOLDER_B, Role.VERIFIER, Role.OFFICER)
    with one_transaction(session):
        made = make.scheme(session)
        logins = {role: made.login(role).login_id for role in roles}
    participants = {"holder", "trader", "verifier"}
    shown = {
        Role.HOLDER_A: participants,
        Role.HOLDER_B: {"holder"},
        Role.VERIFIER: {"verifier"},
        Role.OFFICER: set(manual.CHAPTERS),
    }
    for role, login in logins.items():
        reader = Visitor(app, login)
        assert {
            name for name in manual.CHAPTERS if reader.get(f"/manual/{name}").status_code == 200
        } == shown[role]
        listed = re.findall(r'href="/manual/(\w+)"', reader.get("/manual").text)
        # the reader's own chapter is the first
        assert set(listed) == shown[role] and listed[0] == manual.chapters_of(role)[0]
        office = 200 if role is Role.OFFICER else 404
        assert reader.get("/manual/pictures/01-secretariat-home.png").status_code == office
        sees_allowances = 404 if role in (Role.HOLDER_B, Role.VERIFIER) else 200
        for file in ("25-balance-issued.png", "29-transfer-receipt.png", "40-home-met.png"):
            assert reader.get(f"/manual/pictures/{file}").status_code == sees_allowances, (role, file)


def test_b_reads_its_chapter_without_what_is_as_alone() -> None:
    whole, own = manual.chapter("holder"), manual.chapter("holder", Role.HOLDER_B)
    heads = [[one.lines[0][0].text for one in each.blocks if one.kind == "head"] for each in (whole, own)]
    assert heads[1] == [head for head in heads[0] if not head.endswith("（A）")] != heads[0]
    files = manual.pictures_of(Role.HOLDER_B)
    assert "42-home-b.png" in files and not any(f"{n}-" in file for n in range(25, 41) for file in files)


def test_a_login_that_must_still_set_its_password_may_read_them(app: Flask, session: Session) -> None:
    with one_transaction(session):
        made = make.scheme(session)
        made.a.must_change_password = True
        login = made.a.login_id
    reader = Visitor(app, login)
    assert reader.get("/home").location == "/password/first"
    assert all(reader.get(url).status_code == 200 for url in PAGES)


@pytest.mark.parametrize("name", [*manual.CHAPTERS, manual.COMMON])
def test_a_chapter_is_read_whole(name: str) -> None:
    """Nothing of the Markdown is left over, every picture is there, both languages have their text."""
    found = manual.chapter(name)
    assert found.title and found.blocks and found.english
    text = "\n".join(
        piece.text for one in (*found.blocks, *found.english) for line in one.lines for piece in line
    )
    assert not re.search(r"\*\*|\]\(|^#|^- |`", text, re.MULTILINE)
    source = (manual.FOLDER / f"{name}.md").read_text(encoding="utf-8")
    pictures = [one.file for one in found.blocks if one.file]
    assert pictures == re.findall(r"\(pictures/([^)]+)\)", source)
    assert all((manual.FOLDER / "pictures" / file).is_file() for file in pictures)
    for word in re.findall(r"[ぁ-んァ-ヶ一-龥]{4,}", source.split("## ", 1)[1].split("## In English")[0]):
        assert word in text.replace("\n", ""), word


def test_what_is_no_picture_of_a_chapter_is_not_handed_out(client: FlaskClient) -> None:
    answer = client.get("/manual/pictures/10-login.png", buffered=True)
    assert answer.status_code == 200 and answer.mimetype == "image/png"
    assert answer.headers["Cache-Control"] == "public, no-cache"
    for name in ("nothing.png", "..%2Fholder.md", "README.md"):
        assert client.get(f"/manual/pictures/{name}").status_code == 404
    assert client.get("/manual/README").status_code == 404
