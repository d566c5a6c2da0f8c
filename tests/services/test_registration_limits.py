"""The longest names the form takes go through the whole registration, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy.orm import Session

from portal.services import letters
from portal.services.registration_data import form_problems, limit_of, normalised
from portal.services.transaction import one_transaction
from tests.factories import registration as make


def test_the_longest_names_are_registered_and_printed(
    session: Session, at: Callable[[str], datetime]
) -> None:
    at("2013-10-08 09:00")
    kanji, kana = "鬱蒼龍驤", "かきくけ"
    names = [
        "company_name",
        "representative_name",
        "contact_department",
        "contact_post",
        "contact_name",
        "contact_address",
        "site_name",
        "site_address",
        "account_name",
    ]
    longest: dict[str, object] = {n: (kanji * 50)[: limit_of(n)] for n in names}
    longest |= {n: (kana * 50)[: limit_of(n)] for n in ("company_kana", "contact_kana", "site_kana")}
    longest["contact_company"] = longest["company_name"]
    longest["joint_companies"] = tuple((f"{n}" + (kanji * 50)[:199], kana * 50) for n in range(5))
    longest["mail_a"] = "a" * 60 + "@" + ("b" * 60 + ".") * 2 + "example"
    with one_transaction(session):
        officer = make.office(session)
        data = make.holder_data(session, **longest)
        assert form_problems(normalised(data)) == []
        made = make.accepted(session, data, actor=officer)
    assert made.holder is not None
    assert made.holder.contact.name == longest["contact_name"]
    pdf = letters.print_letter(session, made.letter.id, actor=officer)
    assert pdf.startswith(b"%PDF-")
