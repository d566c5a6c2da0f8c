"""Near-duplicates: other writings of the same company or site are found, others are not (domain §3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from migrations import office_data
from portal.errors import PortalError, Refusal
from portal.models import ApplicationState, Event, RegistrationApplication, User
from portal.services import contacts, likeness, near_duplicates, registration
from portal.services.near_duplicates import Alike, compare
from portal.services.registration_data import ApplicationData, normalised
from tests.factories import numbers
from tests.factories import registration as make


@pytest.fixture(autouse=True)
def in_2013(at: Callable[[str], datetime]) -> None:
    at("2013-10-08 09:00")


# ---- the same in another writing, by property

_WIDE = str.maketrans({chr(code): chr(code + 0xFEE0) for code in range(0x21, 0x7F)})
NAMES = st.text("高崎吉徳沢浜辺斉桜広島国学会工業商事化学電気水産あいう", min_size=2, max_size=8)
VARIANT = {"高": "髙", "崎": "﨑", "吉": "𠮷", "徳": "德", "沢": "澤", "浜": "濱", "辺": "邊", "斉": "齋"}
NUMBERS = st.lists(st.integers(1, 99), min_size=2, max_size=3)
LEGAL = (("株式会社", "㈱", "(株)", "（株）"), ("有限会社", "㈲", "(有)", "（有）"))


@st.composite
def company_writings(draw: st.DrawFn) -> tuple[str, str]:
    """One company's name twice: legal form before or behind, signed or in full, old kanji, blanks, width."""
    name, forms = draw(NAMES), draw(st.sampled_from(LEGAL))

    def written() -> str:
        shown = "".join(VARIANT.get(c, c) if draw(st.booleans()) else c for c in name)
        form = draw(st.sampled_from(forms))
        space = draw(st.sampled_from(("", " ", "　")))
        whole = f"{form}{space}{shown}" if draw(st.booleans()) else f"{shown}{space}{form}"
        return whole.translate(_WIDE) if draw(st.booleans()) else whole

    return written(), written()


def kanji(n: int) -> str:
    """1…99 in kanji: 十二, 二十, 二十三."""
    tens, ones = divmod(n, 10)
    digits = "〇一二三四五六七八九"
    return ("" if tens == 0 else "十" if tens == 1 else f"{digits[tens]}十") + (digits[ones] if ones else "")


@st.composite
def address_writings(draw: st.DrawFn) -> tuple[str, str]:
    """One address twice: 3丁目2番1号, 三丁目二番一号, 3-2-1, ３－２－１, with or without blanks."""
    place, numbers = draw(st.sampled_from(("埼玉県川口市桜町", "東京都千代田区霞が関"))), draw(NUMBERS)

    def written() -> str:
        way = draw(st.sampled_from(("hyphen", "words", "kanji")))
        town = place.replace("が", draw(st.sampled_from("がヶケ"))).replace(
            "桜", draw(st.sampled_from("桜櫻"))
        )
        if way == "hyphen":
            tail = draw(st.sampled_from(("-", "－", "‐", "ー"))).join(map(str, numbers))
        else:
            spell = kanji if way == "kanji" else str
            marks = ("丁目", "番", "号") if len(numbers) == 3 else ("番地", "の")
            tail = "".join(f"{spell(n)}{mark}" for n, mark in zip(numbers, marks, strict=True))
            tail = tail.removesuffix("の") if len(numbers) == 2 and way == "words" else tail
            tail = f"{numbers[0]}番{numbers[1]}号" if len(numbers) == 2 and way == "kanji" else tail
        whole = town + draw(st.sampled_from(("", " ", "　"))) + tail
        return whole.translate(_WIDE) if draw(st.booleans()) else whole

    return written(), written()


@given(company_writings())
def test_other_writings_of_a_company_fold_alike(pair: tuple[str, str]) -> None:
    assert likeness.company_key(pair[0]) == likeness.company_key(pair[1])


@given(address_writings())
def test_other_writings_of_an_address_fold_alike(pair: tuple[str, str]) -> None:
    assert likeness.address_key(pair[0]) == likeness.address_key(pair[1])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("埼玉県川口市桜町1-2", "川口市桜町1丁目2"),
        ("京都府京都市中京区みほん町1", "京都市中京区みほん町1"),
        ("埼玉県みほん市大字見本字上町5番地", "みほん市見本上町5"),
        ("北海道札幌市北区北一条西二丁目3", "札幌市北区北1条西2-3"),
        ("川口市桜町1-2 みほんビル3階", "川口市桜町1-2みほんビル３F"),
        ("川口市桜町1-2みほんビル三階", "川口市桜町1-2みほんビル3f"),
    ],
)
def test_what_many_leave_out_of_an_address_makes_no_difference(one: str, other: str) -> None:
    assert likeness.address_key(one) == likeness.address_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("十文字町1", "十文町1"), ("川口市桜町3-2", "川口市桜町32"), ("府中市みほん町1", "大府市みほん町1")],
)
def test_other_places_stay_others(one: str, other: str) -> None:
    assert likeness.address_key(one) != likeness.address_key(other)


@pytest.mark.parametrize(
    ("address", "begins"),
    [
        ("埼玉県川口市桜町1-2", "川口市"),
        ("三重県四日市市みほん町1", "4日市市"),
        ("千葉県市川市みほん1", "市川市"),
        ("東京都千代田区霞が関1", "千代田区"),
        ("北海道札幌市北区北1条", "札幌市"),
        ("埼玉県比企郡みほん町見本1", "比企郡みほん町"),
        ("", ""),
    ],
)
def test_the_municipality_is_what_the_address_begins_with(address: str, begins: str) -> None:
    found = likeness.municipality(likeness.address_key(address))
    assert found == begins.replace("4", "四")


@pytest.mark.parametrize(
    "writings",
    [
        ("NPO法人みほん", "特定非営利活動法人みほん", "認定ＮＰＯ法人 みほん", "(特非)みほん"),
        ("国立大学法人みほん大学", "みほん大学", "(大)みほん大学"),
        ("みほん協同組合", "(協)みほん", "㈿みほん", "事業協同組合みほん"),
        ("一般社団法人みほん", "(一社)みほん", "公益社団法人みほん", "㈳みほん"),
        ("地方独立行政法人みほん", "独立行政法人みほん", "(独)みほん"),
        ("医療法人社団みほん会", "医療法人みほん会"),
    ],
)
def test_the_legal_form_makes_no_difference(writings: tuple[str, ...]) -> None:
    assert len({likeness.company_key(one) for one in writings}) == 1


@given(st.text("県都府市区町村郡大字一二三十百条階F1-　霞ヶ関山川桜株式会社法人（）", max_size=25))
def test_the_migration_folds_as_the_program_does(text_: str) -> None:
    for fold in ("company_key", "kana_key", "site_name_key", "address_key", "account_name_key"):
        assert getattr(office_data, fold)(text_) == getattr(likeness, fold)(text_)


@given(NUMBERS, NUMBERS)
def test_different_numbers_are_different_addresses(one: list[int], other: list[int]) -> None:
    def key(numbers: list[int]) -> str:
        return likeness.address_key("埼玉県川口市" + "-".join(map(str, numbers)))

    assert (key(one) == key(other)) == (one == other)


@given(NAMES, NAMES)
def test_different_names_are_different_companies(one: str, other: str) -> None:
    assert (likeness.company_key(f"{one}株式会社") == likeness.company_key(f"㈱{other}")) == (one == other)


# ---- found in the register, whatever item it is


def others_of(session: Session, data: ApplicationData) -> list[tuple[str, tuple[str, ...]]]:
    """What acceptance would show of ``data``; the preview of an import must say the same."""
    officer, data = _officer(session), normalised(data)
    (told,) = near_duplicates.alike_in_bulk(session, [(data.kind, near_duplicates.likeness_keys(data))])
    before = [(row.id, items) for row, items in told]
    with session.begin_nested() as point:
        # as it is recorded, whatever the form's rules say of it
        row = registration.application_row("R2-9999", data, actor=officer)
        session.add(row)
        session.flush()
        found = near_duplicates.near_duplicates(session, row)
        point.rollback()
    assert before == [(one.application_id, one.matches) for one in found]
    return [(one.code, one.matches) for one in found]


@hypothesis_settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=company_writings(), places=address_writings())
def test_a_registration_is_found_by_another_writing(
    session: Session, names: tuple[str, str], places: tuple[str, str]
) -> None:
    numbers.start_over()
    made = make.holder_data(session, company_name=names[0], contact_company=names[0], site_address=places[0])
    # not judged: 𠮷 is no sign that letters can print, and is found all the same
    row = registration.application_row("R2-0001", normalised(made), actor=_officer(session))
    session.add(row)
    session.flush()
    strange = make.holder_data(session)
    by_name = replace(strange, company_name=names[1], contact_company=names[1])
    by_place = replace(strange, site_address=places[1])
    assert others_of(session, strange) == []
    assert others_of(session, by_name) == [(row.number, ("company_name",))]
    assert others_of(session, by_place) == [(row.number, ("site_address",))]
    session.rollback()


def _officer(session: Session) -> User:
    found = session.scalars(select(User).where(User.login_id == "officer")).one_or_none()
    return found or make.office(session, login_id="officer")


@pytest.mark.parametrize(
    ("item", "writing"),
    [
        ("company_kana", "つばめいんさつあ　カブシキガイシャ"),
        ("contact_telephone", "０４８０-００-０００１"),
        ("mail_a", "A1@TSUBAME.example"),
        ("account_name", "つばめ印刷　川口工場１"),
    ],
)
def test_one_item_is_enough(session: Session, item: str, writing: str) -> None:
    first = make.holder_data(session)
    made = make.accepted(session, first, actor=_officer(session))
    assert made.holder is not None
    other = make.holder_data(session, **{item: writing})
    assert others_of(session, other) == [(made.holder.account.code, (item,))]
    assert others_of(session, make.holder_data(session)) == []


def test_a_sites_name_counts_in_its_own_municipality_only(session: Session) -> None:
    officer = _officer(session)
    data = make.holder_data(session, site_name="第三工場", site_address="埼玉県川口市桜町1-2")
    row = registration.record_application(session, data, actor=officer)
    here = make.holder_data(session, site_name="第３工場", site_address="埼玉県川口市緑町9")
    there = make.holder_data(session, site_name="第三工場", site_address="千葉県市川市桜町1-2")
    assert others_of(session, here) == [(row.number, ("site_name",))]
    assert others_of(session, there) == []


def test_other_kinds_and_what_was_turned_down_are_no_duplicates(session: Session) -> None:
    officer = _officer(session)
    data = make.trader_data()
    row = registration.record_application(session, data, actor=officer)
    same = replace(data, mail_a="other@koharu.example")
    assert [code for code, _ in others_of(session, same)] == [row.number]
    verifier = make.verifier_data(company_name=data.company_name, contact_company=data.company_name)
    assert others_of(session, verifier) == []
    registration.reject(session, row.id, "対象外です。", actor=officer)
    assert others_of(session, same) == []


def test_an_accepted_one_is_known_by_what_is_registered_now(session: Session) -> None:
    officer, holder = _officer(session), make.holder(session)
    old = contacts.present(holder)
    new = replace(old, telephone="03-9999-0001", mail="new@tsubame.example")
    change = contacts.apply_for_change(session, new, actor=holder.users[0])
    other = make.holder_data(session, contact_telephone="03-9999-0001")
    assert others_of(session, other) == []
    contacts.accept_change(session, change.id, actor=officer)
    assert others_of(session, other) == [(holder.account.code, ("contact_telephone",))]
    row = registration.record_application(session, other, actor=officer)
    theirs = {one.item: one for one in compare(session, row, holder.application).items}
    assert theirs["mail_a"].other == "new@tsubame.example"
    assert theirs["contact_telephone"].alike is Alike.SAME


def test_the_most_alike_comes_first_and_the_list_ends(session: Session) -> None:
    officer, data = _officer(session), make.holder_data(session)
    for n in range(12):
        one = make.holder_data(session, company_name=data.company_name, contact_company=data.company_name)
        if n == 4:
            one = replace(one, mail_a=data.mail_a)
        registration.record_application(session, one, actor=officer)
    found = others_of(session, data)
    assert len(found) == near_duplicates.SHOWN
    assert found[0] == ("R2-0005", ("company_name", "mail_a"))


def test_nothing_reads_the_whole_table(session: Session) -> None:
    """Only equality on indexed columns: neither database scans the applications."""
    postgresql = session.get_bind().dialect.name == "postgresql"
    seen: list[tuple[str, Any]] = []
    data = make.holder_data(session)
    row = registration.record_application(session, data, actor=_officer(session))
    from sqlalchemy import event

    engine = session.get_bind()
    event.listen(engine, "before_cursor_execute", lambda *call: seen.append((call[2], call[3])))
    near_duplicates.near_duplicates(session, row)
    statement, values = next(one for one in seen if "UNION" in one[0])
    if postgresql:
        session.execute(text("SET LOCAL enable_seqscan = off"))
    plan = session.connection().exec_driver_sql(
        f"{'EXPLAIN' if postgresql else 'EXPLAIN QUERY PLAN'} {statement}", values
    )
    words = "\n".join(str(line) for line in plan)
    assert "Seq Scan on registration_application" not in words
    assert "SCAN registration_application" not in words, words
    for name in near_duplicates.ITEMS:
        assert f"ix_registration_application_{name}" in words, name


# ---- acceptance


def test_acceptance_wants_to_hear_that_the_lookalikes_were_looked_at(session: Session) -> None:
    officer = _officer(session)
    first = make.accepted(session, make.holder_data(session), actor=officer).holder
    assert first is not None
    data = make.holder_data(session, mail_a=first.contact.mail)
    row = registration.record_application(session, data, actor=officer)

    def refused(distinct: Any) -> dict[str | None, Refusal]:
        with pytest.raises(PortalError) as caught:
            registration.accept(session, row.id, actor=officer, distinct=distinct)
        return {problem.field: problem.refusal for problem in caught.value.problems}

    unchecked = {"distinct": Refusal.DUPLICATE_UNCHECKED}
    assert refused(False) == unchecked
    assert refused([]) == unchecked
    second = registration.record_application(
        session, make.holder_data(session, mail_a=data.mail_a), actor=officer
    )
    # one more has come since the page was shown: what was not seen was not confirmed
    assert refused([first.application_id]) == unchecked
    assert row.state is ApplicationState.RECEIVED
    registration.accept(session, row.id, actor=officer, distinct=[first.application_id, second.id])
    event = session.scalars(
        select(Event).where(Event.tag == "application_accepted").order_by(Event.id.desc())
    ).first()
    assert event is not None
    assert set(event.facts["distinct_from"]) == {first.account.code, second.number}
    assert session.get_one(RegistrationApplication, row.id).state is ApplicationState.ACCEPTED
