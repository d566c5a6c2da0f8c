"""Scenes of the application desk: who is in charge, scans of the paper, two that look like others."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from sqlalchemy import select

from portal.models import ApplicationState, RegistrationApplication, ScanKind
from portal.services import application_desk, registration, scans
from portal.services.demo import names
from portal.services.demo.papers import small_pdf, small_png
from portal.services.demo.registry import holder_data
from portal.services.demo.stage import Stage
from portal.services.registration_data import OPEN_STATES

#: いずみ倉庫: a holder of phase 2
_WAREHOUSE, _PRINTER = 8, 13


def lookalikes(stage: Stage) -> None:
    """One differs from a holder of phase 2 in writing only; one is another site of the same company."""
    company = names.companies()[_WAREHOUSE]
    written = replace(
        holder_data(stage, _WAREHOUSE, phase=4, received=date(2015, 10, 13)),
        company_name=f"㈱{company.name.removesuffix('株式会社')}",
        contact_company=f"㈱{company.name.removesuffix('株式会社')}",
        site_name=company.site.replace("三", "３"),
        site_address=f"{company.prefecture}みほん市みほん町九丁目２番３号",
        account_name=f"{company.name}　第４期",
        mail_a="izumi@holder.example",
    )
    second = replace(
        holder_data(stage, _PRINTER, phase=4, received=date(2015, 10, 14)),
        site_name="川口第二工場",
        site_kana="かわぐちだいにこうじょう",
        site_address="埼玉県みほん市みほん町88-1",
        account_name="つばめ印刷株式会社　川口第二工場",
        contact_name="川口 冬子",
        contact_kana="かわぐち ふゆこ",
        mail_a="fuyuko@holder.example",
        consent_received=False,
    )
    for number, data in enumerate((written, second)):
        stage.at("2015-10-14 10:00", minutes=number)
        stage.play(registration.record_application, stage.session, data, actor=stage.officer())


def in_hand(stage: Stage) -> None:
    """Two officers share out half of the queue; the paper of some is scanned."""
    query = (
        select(RegistrationApplication.id, RegistrationApplication.state)
        .where(RegistrationApplication.state.in_(OPEN_STATES))
        .order_by(RegistrationApplication.received_on, RegistrationApplication.id)
    )
    for number, (row_id, state) in enumerate(stage.session.execute(query).all()):
        stage.at("2015-10-14 13:00", minutes=number)
        if number % 3 != 2:
            stage.play(application_desk.take, stage.session, row_id, actor=stage.officer(1 + number % 2))
        if number % 2 == 0:
            _scan(stage, row_id, ScanKind.APPLICATION, "登録申請書.pdf", small_pdf("Application"))
        if state is ApplicationState.CORRECTION_ASKED:
            _scan(stage, row_id, ScanKind.CONSENT, "同意書_押印なし.png", small_png())


def _scan(stage: Stage, row_id: int, kind: ScanKind, name: str, data: bytes) -> None:
    stage.play(
        scans.attach, stage.session, row_id, kind, [(name, data)], actor=stage.officer(), key=stage.key()
    )
