"""Scenes of the records: changes from paper, with and without a scan, and notes of the office."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

from portal.models import ParticipantKind
from portal.services import company_changes, notes
from portal.services.demo.papers import small_pdf
from portal.services.demo.stage import Stage
from portal.services.records import Participant

#: phase 2's holder whose record tells the most
TALKATIVE = 5
_NOTES = (
    ("2014-06-20 15:00", 1, "商号変更の件で電話。登記が済みしだい、登録情報変更申請書を郵送するとのこと。"),
    ("2015-02-05 10:20", 2, "担当者は午前中のほうがつながりやすい。\n年度末は工場にいることが多い。"),
    ("2015-10-02 11:40", 1, "代表者交代の書面が届いた。社印を確認済み。"),
)


def renamed(stage: Stage) -> None:
    """In 2014 a holder, a trader and a verifier send papers: a new name, a new president, an address."""
    holder = stage.holder(TALKATIVE)
    now = company_changes.present(holder)
    word = now.company_name.replace("株式会社", "")
    _paper(
        stage,
        "2014-07-01 10:00",
        holder,
        company_name=f"株式会社みほん{word}",
        company_kana=f"かぶしきがいしゃみほん{now.company_kana.replace('かぶしきがいしゃ', '')}",
        account_name=f"みほん{word}　{now.site_name}",
        note="2014年7月1日の商号変更による。",
        scan="商号変更",
    )
    trader = stage.trader(1)
    _paper(
        stage,
        "2014-08-04 13:30",
        trader,
        representative_name="見本 七子",
        representative_kana="みほん ななこ",
    )
    verifier = stage.verifier(2)
    _paper(
        stage,
        "2014-08-18 09:50",
        verifier,
        representative_name="見本 八郎",
        representative_kana="みほん はちろう",
    )


def moved(stage: Stage) -> None:
    """In October 2015 the same holder has a new president, and a joint company joins."""
    _paper(
        stage,
        "2015-10-02 11:30",
        stage.holder(TALKATIVE),
        representative_name="見本 九美",
        representative_kana="みほん くみ",
        joint_companies=(("みほん電力サービス株式会社", "みほんでんりょくさーびすかぶしきがいしゃ"),),
        note="代表者の交代と、共同事業者の追加。",
        scan="代表者の交代",
    )


def _paper(stage: Stage, when: str, whose: Participant, *, scan: str = "", **changes: Any) -> None:
    stage.at(when)
    kind, row_id = company_changes.kind_of(whose), whose.id
    data = replace(
        company_changes.present(whose),
        received_on=date.fromisoformat(when[:10]),
        seal_received=True,
        **changes,
    )
    paper = (f"登録情報変更申請書_{scan}.pdf", small_pdf("MIHON (sample paper)")) if scan else None
    stage.play(
        company_changes.record_change,
        stage.session,
        kind,
        row_id,
        data,
        scan=paper,
        actor=stage.officer(),
        key=stage.key(),
    )


def office_notes(stage: Stage) -> None:
    """Notes on a holder and on a trader."""
    for when, officer, text in _NOTES:
        stage.at(when)
        stage.play(
            notes.write,
            stage.session,
            ParticipantKind.HOLDER,
            stage.holders[TALKATIVE],
            text,
            actor=stage.officer(officer),
            key=stage.key(),
        )
    stage.at("2015-09-01 16:10")
    text = "口座の閉鎖について問い合わせあり。残高を0にしてから、と案内した。"
    stage.play(
        notes.write,
        stage.session,
        ParticipantKind.TRADER,
        stage.traders[1],
        text,
        actor=stage.officer(),
        key=stage.key(),
    )
