"""Scenes of bulk imports, after everything else is there: one done, one waiting, one with problems.

They are read and carried out by the worker's own code, so they cannot stand in the one transaction
of the other scenes.
"""

from __future__ import annotations

from dataclasses import fields, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import clock
from portal.models import Import, ImportKind, Phase, SiteKind, User
from portal.services import imports, jobs
from portal.services.demo.registry import holder_data
from portal.services.demo.stage import Stage, tokyo
from portal.services.outbox import OpenSession
from portal.services.registration_data import ApplicationData
from portal.services.spreadsheets import import_blank
from portal.services.spreadsheets.layouts import imports as layout
from portal.services.transaction import run

_SITES = (
    ("ときわ金属株式会社", "ときわきんぞくかぶしきがいしゃ", "みほん第一工場", "みほんだいいちこうじょう"),
    ("みねかぜ運送株式会社", "みねかぜうんそうかぶしきがいしゃ", "みほん物流館", "みほんぶつりゅうかん"),
    ("しずく製薬株式会社", "しずくせいやくかぶしきがいしゃ", "みほん研究所", "みほんけんきゅうじょ"),
    ("ほうき星電機株式会社", "ほうきぼしでんきかぶしきがいしゃ", "みほん第二工場", "みほんだいにこうじょう"),
)


def play(open_session: OpenSession) -> None:
    """Three files of the autumn's applications, each with a few rows."""
    with open_session() as session:
        stage = Stage(session)
        stage.phases = {phase.number: phase.id for phase in session.scalars(select(Phase))}
        rows = [_row(stage, number) for number in range(len(_SITES))]
    clock.set_time(tokyo("2015-10-13 10:00"))
    done = _send(open_session, "10月13日到着分.xlsx", rows[:2])
    _let_work(open_session)
    with open_session() as session:
        run(session, lambda: imports.start(session, done, actor=_officer(session)))
    _let_work(open_session)
    clock.set_time(tokyo("2015-10-14 15:00"))
    _send(open_session, "10月14日到着分.xlsx", [*rows[2:], _look_alike(rows[0])])
    _send(open_session, "10月14日到着分（控え）.xlsx", [*rows[2:], *_wrong(rows)])
    _let_work(open_session)


def _row(stage: Stage, number: int) -> dict[str, str]:
    """An invented application as it stands in the columns of the sheet."""
    name, kana, site, site_kana = _SITES[number]
    data = replace(
        holder_data(stage, number, phase=4, received=tokyo("2015-10-13 00:00").date()),
        company_name=name,
        company_kana=kana,
        contact_company=name,
        site_name=site,
        site_kana=site_kana,
        site_address=f"みほん県みほん市東町{number + 1}-1",
        account_name=f"{name}　{site}",
        mail_a=f"import{number + 1}@holder.example",
        mail_b=None,
        joint_companies=(("みほんリース株式会社", "みほんりーすかぶしきがいしゃ"),) if number == 1 else (),
    )
    return _cells(data)


def _cells(data: ApplicationData) -> dict[str, str]:
    said = {
        item.name: str(value)
        for item in fields(data)
        if isinstance(value := getattr(data, item.name), str) and value
    }
    for n, (name, kana) in enumerate(data.joint_companies):
        said |= {f"joint_companies-{n}-name": name, f"joint_companies-{n}-kana": kana}
    return said | {
        "phase": "第4期",
        "received_on": data.received_on.isoformat(),
        "seal_received": "はい" if data.seal_received else "いいえ",
        "consent_received": "はい" if data.consent_received else "いいえ",
        "disclosure_consent": "同意する" if data.disclosure_consent else "同意しない",
        "site_kind": "工場" if data.site_kind is SiteKind.FACTORY else "事業場",
        "participation": "単独",
        "other_scheme": "有" if data.other_scheme else "無",
    }


def _look_alike(row: dict[str, str]) -> dict[str, str]:
    """Another site of a company that is known already."""
    return row | {
        "site_name": "みほん第三工場",
        "site_kana": "みほんだいさんこうじょう",
        "site_address": "みほん県みほん市西町9-1",
        "account_name": "ときわ金属 第三工場",
    }


def _wrong(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """What goes wrong on real desks: kana, a missing address, a mail, a choice, the same row twice."""
    return [
        _look_alike(rows[0]) | {"company_kana": "トキワキンゾク", "contact_address": ""},
        rows[3] | {"mail_a": "import4＠holder", "site_kind": "倉庫", "contact_postal_code": "1234567"},
    ]


def _send(open_session: OpenSession, name: str, rows: list[dict[str, str]]) -> int:
    first = layout.applications()[0]
    filled = [[row.get(column.field, "") for column in first.columns] for row in rows]
    data = import_blank.build("applications", phases=(1, 2, 3, 4), filled=filled)
    with open_session() as session:
        return run(session, lambda: _upload(session, name, data))


def _upload(session: Session, name: str, data: bytes) -> int:
    made = imports.upload(session, ImportKind.APPLICATIONS, name, data, actor=_officer(session), limit_mb=20)
    return made.id


def _officer(session: Session) -> User:
    return session.scalars(select(User).where(User.login_id == "officer1")).one()


def _let_work(open_session: OpenSession) -> None:
    """The worker's rounds until no import waits for it."""
    while True:
        with open_session() as session:
            waits = session.scalars(
                select(Import.id).where(Import.state.in_(imports.AT_WORK)).limit(1)
            ).first()
        if waits is None or jobs.run_one(open_session) is None:
            return
