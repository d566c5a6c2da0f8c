"""Who gets which mail, in which words (domain §7, safety 14 and 17)."""

from __future__ import annotations

import ast
from datetime import date, datetime
from typing import Any

import pytest
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from portal import clock
from portal.models import MailMessage, MailState, Period, User
from portal.permissions import Role
from portal.services import mail, transitions, verifiers
from portal.services.mail import MailKind, notify
from portal.services.mail_kinds import KINDS, Audience, Kind, Reader, Topic, table
from portal.services.transaction import one_transaction
from portal.settings import Settings
from tests.factories.readers import People, people
from tests.house.checkout import ROOT, below, named, tree

MOVE: dict[str, Any] = {
    "movement_kind": "transfer",
    "quantity": 98765,
    "unit": "JAA",
    "source": "AST-1001",
    "target": "AST-2",
    "target_name": "償却口座",
}


WORDS: dict[str, Any] = {
    "reason": "数字が合いません",
    "application_number": "R2-0031",
    "changes": ("代表事業者の法人名", "representative company"),
    "outcome": ("1,000件を取り込みました", "1,000 rows were imported"),
    "phase": ("第2期", "phase 2"),
    "until_now": "あおぞら認証株式会社",
    "account": "AST-1001",
    "count": 12,
    "file": "申請.xlsx",
    "role": ("事務局 承認者", "secretariat approver"),
    "proposal": ("第2期の開始", "opening phase 2"),
    "by": "みほん 確",
    "still_used": False,
    "made": True,
    "due": date(2013, 7, 31),
    "days": 7,
    "until": datetime(2013, 10, 22, 9, tzinfo=clock.TOKYO),
    "name": "みほん 検子",
    "year": "2014",
    "subject": ("検証済排出量", "verified emissions"),
    "status": ("遵守", "met"),
    "before": ("期限超過・未遵守", "missed"),
    "number": 2,
    "retired": 7400,
    "problem": "T-000012 differs",
    "work": ("台帳の照合", "comparison of the books"),
    "since": date(2015, 11, 29),
    "logins": ("AST1001A、AST1001B", "AST1001A, AST1001B"),
}


@pytest.fixture(autouse=True)
def plain_letterhead() -> None:
    """Whatever application was wired before in this process."""
    mail.configure(Settings())


@pytest.fixture
def scheme(session: Session) -> People:
    with one_transaction(session):
        made = people(session)
        made.login(session, Role.HOLDER_A).locale = "en"
        for message in session.scalars(select(MailMessage)):
            session.delete(message)
    return made


def facts_for(kind: MailKind, scheme: People) -> dict[str, Any]:
    line = KINDS[kind]
    facts: dict[str, Any] = {name: WORDS[name] for name in line.facts & WORDS.keys()}
    if "movement_kind" in line.facts:
        facts |= MOVE
    elif "quantity" in line.facts:
        facts["quantity"] = 98765
    if line.topic is Topic.REPORTS:
        facts["report"] = scheme.report()
    return facts


def to_everybody(session: Session, kind: MailKind, scheme: People, **more: Any) -> list[MailMessage]:
    """The mails of ``kind`` if it concerned the holder, the trader and the verifier at once."""
    return notify(
        session,
        kind,
        holder=scheme.holder,
        trader=scheme.trader,
        verifier=scheme.verifier,
        user=scheme.login(session, Role.HOLDER_B),
        address="old@holder.example",
        actor=scheme.officer,
        **{**facts_for(kind, scheme), **more},
    )


def addresses(messages: list[MailMessage]) -> set[str]:
    return {message.recipient for message in messages}


def test_every_kind_of_the_transition_tables_is_a_mail_kind() -> None:
    named_there = {edge.mail for workflow in transitions.ALL for edge in workflow.edges if edge.mail}
    assert named_there <= {kind.value for kind in MailKind}
    assert set(KINDS) == set(MailKind)


def test_every_mail_can_be_written_in_both_languages(session: Session, scheme: People) -> None:
    logins = session.scalars(select(User)).all()
    for locale in mail.LOCALES:
        for login in logins:
            login.locale = locale
        for kind in MailKind:
            for message in to_everybody(session, kind, scheme):
                line = next(a for a in KINDS[kind].audiences if message_is_for(a, message, session))
                nothing = "Nothing." if locale == "en" else "必要ありません。"
                assert (nothing not in message.body) == line.acts, (kind, line.reader)
                assert message.subject.startswith(("【ASSET】", "[ASSET] "))
                # whoever has no login is not asked to log in
                has_login = line.reader is not Reader.ADDRESS
                assert ("http://127.0.0.1:8000" in message.body) == has_login
                assert "03-0000-0000" in message.body
                assert "None" not in message.body + message.subject
                above, concerns, _more = message.body.partition(
                    "\nConcerns: " if locale == "en" else "\n対象　　"
                )
                assert not concerns or above.endswith("\n"), (
                    kind,
                    "a line stays free before what it is about",
                )
                if kind.value.startswith("proposal_"):
                    said = WORDS["proposal"][locale == "en"]
                    assert said in message.subject.split("：" if locale == "ja" else ": ")[0], kind
                if "movement_kind" in KINDS[kind].facts:
                    assert ("AST-2 Retirement account" in message.body) == (locale == "en"), kind


def message_is_for(audience: Audience, message: MailMessage, session: Session) -> bool:
    user = session.get(User, message.user_id) if message.user_id else None
    if message.recipient == "old@holder.example":
        return audience.reader is Reader.ADDRESS
    assert user is not None
    office = user.role in (Role.OFFICER, Role.APPROVER, Role.VIEWER)
    if audience.reader is Reader.SELF:
        return not office
    return audience.reader is Reader.OFFICE if office else audience.reader.value == user.role.value


def test_address_b_gets_report_mail_only(session: Session, scheme: People) -> None:
    for kind in MailKind:
        got = "b@holder.example" in addresses(to_everybody(session, kind, scheme))
        assert got == any(a.reader is Reader.HOLDER_B for a in KINDS[kind].audiences), kind
        assert not got or KINDS[kind].topic is Topic.REPORTS


def test_a_kind_that_would_tell_b_of_allowances_cannot_even_be_written_down() -> None:
    with pytest.raises(ValueError, match="address B"):
        Kind(Topic.ALLOWANCES, (Audience(Reader.HOLDER_B),))
    with pytest.raises(ValueError, match="verifier"):
        Kind(Topic.ALLOWANCES, (Audience(Reader.VERIFIER),))


def test_login_b_without_an_address_gets_none(session: Session, scheme: People) -> None:
    scheme.login(session, Role.HOLDER_B).email = None
    session.flush()
    got = to_everybody(session, MailKind.REPORT_APPROVED, scheme)
    assert addresses(got) == {"a1@holder.example", "v@verifier.example"}


def test_report_mail_names_the_object_and_no_allowance_figure(session: Session, scheme: People) -> None:
    (to_a, to_b) = notify(session, MailKind.REPORT_RETURNED, report=scheme.report(), reason="<数字>が違う")
    assert to_a.recipient == "a1@holder.example" and to_b.recipient == "b@holder.example"
    assert "AST-1001" in to_a.body and "試験工業1株式会社" in to_a.body
    assert "base year, FY2010–FY2012, phase 2" in to_a.body
    assert "Until: 30 Sep 2013" in to_a.body
    assert "第2期　基準年度（2010–2012年度）の算定報告書" in to_b.body
    assert "期限　　2013年9月30日（月）" in to_b.body
    assert "<数字>が違う" in to_b.body
    assert not to_b.about_allowances


def test_only_the_assigned_verifier_is_told(session: Session, scheme: People) -> None:
    report = scheme.report()
    got = notify(session, MailKind.VERIFICATION_REQUESTED, report=report)
    assert "v@verifier.example" not in addresses(got)
    verifiers.assign(session, report.id, scheme.verifier.id, actor=scheme.officer)
    got = notify(session, MailKind.VERIFICATION_REQUESTED, report=report)
    assert "v@verifier.example" in addresses(got)


def test_the_other_holder_hears_nothing(session: Session, scheme: People) -> None:
    for kind in MailKind:
        assert "a2@holder.example" not in addresses(to_everybody(session, kind, scheme))


def test_what_waits_for_another_person_is_not_told_to_its_proposer(session: Session, scheme: People) -> None:
    got = notify(session, MailKind.MOVEMENT_TO_CONFIRM, actor=scheme.approver, **MOVE)
    assert got == []
    got = notify(session, MailKind.MOVEMENT_TO_CONFIRM, actor=scheme.officer, **MOVE)
    assert addresses(got) == {"office02@office.example"}
    assert "JAA 98,765" in got[0].subject


def test_a_disabled_login_gets_no_mail(session: Session, scheme: People) -> None:
    scheme.approver.active = False
    session.flush()
    assert notify(session, MailKind.MOVEMENT_TO_CONFIRM, actor=scheme.officer, **MOVE) == []


def test_review_documents_go_to_the_other_side(session: Session, scheme: People) -> None:
    report = scheme.report()
    verifiers.assign(session, report.id, scheme.verifier.id, actor=scheme.officer)
    asked = addresses(notify(session, MailKind.REVIEW_DOCUMENT_SENT, report=report, actor=scheme.officer))
    assert "v@verifier.example" in asked and not any("office" in address for address in asked)
    (verifier,) = scheme.verifier.users
    answered = addresses(notify(session, MailKind.REVIEW_DOCUMENT_SENT, report=report, actor=verifier))
    assert answered >= {"office01@office.example", "office02@office.example"}
    assert "v@verifier.example" not in answered and "office03@office.example" not in answered


def test_a_password_changed_for_b_is_told_to_a(session: Session, scheme: People) -> None:
    (message,) = notify(session, MailKind.PASSWORD_CHANGED, user=scheme.login(session, Role.HOLDER_B))
    assert message.recipient == "a1@holder.example"
    assert "AST1001B" in message.body


def test_readers_with_one_address_get_one_mail(session: Session, scheme: People) -> None:
    scheme.login(session, Role.HOLDER_B).email = "A1@Holder.example"
    session.flush()
    (message,) = notify(session, MailKind.REPORT_RECEIVED, report=scheme.report(Period.ADJUSTMENT))
    assert message.recipient == "a1@holder.example"


def test_nobody_writes_a_header_of_his_own(session: Session, scheme: People) -> None:
    login = scheme.login(session, Role.HOLDER_A)
    login.name, login.email = "太郎\r\nBcc: x@evil.example", "a1@holder.example\r\nBcc: x@evil.example"
    session.flush()
    message = notify(
        session, MailKind.MOVEMENT_EXECUTED, holder=scheme.holder, **{**MOVE, "unit": "J\r\nX: y"}
    )[0]
    assert not set("\r\n") & set(message.subject + message.recipient + message.recipient_name)
    assert message.state is MailState.FAILED  # seen among the failed ones, sent to nobody
    assert not mail.usable_address("a@b.example, c@d.example")


def test_missing_and_unknown_facts_are_the_callers_mistake(session: Session, scheme: People) -> None:
    with pytest.raises(TypeError, match="missing \\['reason'\\]"):
        notify(session, MailKind.REPORT_RETURNED, report=scheme.report())
    with pytest.raises(TypeError, match="unknown \\['balance'\\]"):
        notify(session, MailKind.REPORT_APPROVED, report=scheme.report(), balance=1)


def test_one_query_finds_all_readers(session: Session, scheme: People) -> None:
    notify(session, MailKind.REPORT_SUBMITTED, report=scheme.report())  # what the words need is loaded
    asked: list[str] = []
    event.listen(session.get_bind(), "before_cursor_execute", lambda *a: asked.append(a[2]))
    session.flush()
    asked.clear()
    made = notify(session, MailKind.REPORT_SUBMITTED, report=scheme.report())
    assert len(made) == 4
    assert len([sql for sql in asked if sql.startswith("SELECT") and "login_id" in sql]) == 1


def test_the_letterhead_comes_from_the_settings(session: Session, scheme: People) -> None:
    mail.configure(Settings(base_url="https://asset.example", office_phone="03-9999-0000"))
    try:
        message = notify(session, MailKind.REPORT_RECEIVED, report=scheme.report())[0]
    finally:
        mail.configure(Settings())
    assert "https://asset.example" in message.body and "03-9999-0000" in message.body
    assert message.message_id.endswith("@asset.example>")


def test_the_page_about_mail_is_the_table_of_the_code() -> None:
    assert (ROOT / "docs" / "mail.md").read_text(encoding="utf-8") == table()


def test_every_call_gives_facts_its_kind_knows() -> None:
    wrong = []
    own = {"holder", "trader", "verifier", "user", "address", "address_name", "actor", "known", "row", None}
    for path in below("portal/"):
        for node in ast.walk(tree(path)):
            if not (isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "notify"):
                continue
            kind = ast.unparse(node.args[1]) if len(node.args) > 1 else ""
            if not kind.startswith("MailKind."):
                continue
            line = KINDS[MailKind[kind.removeprefix("MailKind.")]]
            given = {keyword.arg for keyword in node.keywords} - own
            if given - line.facts - line.optional:
                wrong.append(f"{named(path)}:{node.lineno}: {sorted(map(str, given))}")
    assert wrong == []
