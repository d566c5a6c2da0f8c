"""The words of a receipt and of a statement of account on paper, in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping

from flask import g
from flask_babel import gettext as _
from flask_babel import ngettext

from portal import clock
from portal.extensions import db_session
from portal.models import Account, AccountKind, UnitClass
from portal.services import corrections
from portal.services.account_statement import ClassStatement, Statement
from portal.services.papers import Paper, PaperTable
from portal.services.receipts import Receipt
from portal.services.statements import Line
from portal.web_lines import correction_words, kind_words, other_words, was_corrected
from portal.web_text import day, label, locale_name, moment, number, signed, unit_name


def account_words(account: Account) -> str:
    """Its name; the scheme's own accounts in the reader's language."""
    own = account.kind in (AccountKind.COMPLIANCE, AccountKind.TRADING)
    return account.name if own else label(account.kind)


def _issuer() -> tuple[str, ...]:
    phone = g.settings.office_phone
    return (
        _("ASSETシステム"),
        _("環境省（ASSET事務局）"),
        *((_("電話 %(phone)s（平日10時から17時まで）", phone=phone),) if phone else ()),
    )


def of_receipt(slip: Receipt, title: str) -> Paper:
    """A receipt on one sheet."""
    movement, posted = slip.movement, slip.transaction
    facts = [
        (_("取引番号"), posted.code),
        (_("日時"), moment(posted.posted_at)),
        (_("種類"), _("償却（期限後）") if slip.late else label(posted.kind)),
        *_units(slip),
        (_("出した口座"), f"{movement.source.code}　{account_words(movement.source)}"),
        (_("受け取った口座"), f"{movement.target.code}　{account_words(movement.target)}"),
        *((_("取引後の残高"), words) for words in _balances(slip)),
    ]
    if posted.reverses_id:
        facts.append((_("訂正した取引"), f"T-{posted.reverses_id:06d}"))
    if slip.reason:
        facts.append((_("訂正の理由"), slip.reason))
    if slip.by:
        facts.append((_("手続きした人"), slip.by))
    if slip.note:
        facts.append((_("メモ"), slip.note))
    notes = [
        _(
            "この記録は、あとから書き換えられません。誤りがあるときは、事務局が反対の取引を記録して訂正します。"
        )
    ]
    if slip.corrected_by:
        notes.insert(0, was_corrected(slip.corrected_by))
    if slip.late:
        notes.insert(0, _("償却期限のあとの償却です。期限までの目標遵守にはなりません。"))
    return Paper(
        title=title,
        language=locale_name(),
        made=_("%(when)s 作成", when=moment(clock.now())),
        issuer=_issuer(),
        lead="",
        facts=tuple(facts),
        codes=(
            (_("記録の照合値"), posted.hash),
            (_("ひとつ前の記録の照合値"), posted.previous_hash or _("これが最初の記録です")),
        ),
        notes=tuple(notes),
        footer=f"{slip.account.code}　{slip.account.name}　{posted.code}",
    )


def _units(slip: Receipt) -> list[tuple[str, str]]:
    """What moved; a carry-over in both its classes."""
    shown = _amount(slip.unit_class, slip.quantity)
    if slip.given is None:
        return [(_("排出枠と数量"), shown)]
    before = _amount(slip.given.unit_class, slip.given.quantity)
    return [(_("移す前の排出枠と数量"), before), (_("移したあとの排出枠と数量"), shown)]


def _amount(unit_class: UnitClass, units: int) -> str:
    """第2期 JAA　1,500 JAA; jVER belong to no phase and are named once."""
    name, unit = unit_name(unit_class), unit_class.unit_type.value
    return f"{number(units)} {unit}" if name == unit else f"{name}　{number(units)} {unit}"


def _balances(slip: Receipt) -> list[str]:
    """The account's balance afterwards, of each class that moved."""
    moved = [(slip.unit_class, slip.balance)]
    if slip.given is not None:
        moved.insert(0, (slip.given.unit_class, slip.given.balance))
    return [
        _(
            "%(n)s %(unit)s（%(account)s、%(class)s）",
            n=number(balance),
            unit=slip.unit_class.unit_type.value,
            account=slip.account.code,
            **{"class": unit_name(unit_class)},
        )
        for unit_class, balance in moved
    ]


def of_statement(made: Statement) -> Paper:
    """A statement of account; heads repeat and pages are numbered."""
    account = made.account
    corrected = corrections.corrected(db_session(), account)
    return Paper(
        title=_("取引明細書"),
        language=locale_name(),
        made=_("%(when)s 作成", when=moment(clock.now())),
        issuer=_issuer(),
        lead="" if made.classes else _("この期間には、残高も移動もありません"),
        facts=(
            (_("口座"), f"{account.code}　{account_words(account)}"),
            (_("口座の種類"), label(account.kind)),
            (_("期間"), _("%(since)sから%(until)sまで", since=day(made.since), until=day(made.until))),
            (_("件数"), ngettext("%(n)s件", "%(n)s件", made.count, n=number(made.count))),
        ),
        tables=tuple(_table(made, one, corrected, _widths(made)) for one in made.classes),
        footer=f"{account.code}　{account_words(account)}　{day(made.since)} – {day(made.until)}",
    )


def _widths(made: Statement) -> tuple[int, ...]:
    """The columns' shares of the sheet's 170 mm, the same for every unit class of a statement."""
    lines = [line for one in made.classes for line in one.lines]
    balances = [one.opening for one in made.classes] + [line.balance for line in lines]
    change = max([16, *(2 * len(signed(line.quantity)) + 4 for line in lines)])
    balance = max([18, *(2 * len(number(units)) + 4 for units in balances)])
    moment, code, kind = (32, 22, 34) if locale_name() == "en" else (43, 20, 25)
    return moment, code, kind, max(24, 82 - change - balance), change, balance


def _table(
    made: Statement, one: ClassStatement, corrected: Mapping[int, str], widths: tuple[int, ...]
) -> PaperTable:
    def more(line: Line) -> str:
        return "".join(f"\n{text}" for text in (line.note, correction_words(line, corrected)) if text)

    lines = [
        (
            moment(line.at),
            line.code,
            kind_words(line),
            f"{line.other_code} {other_words(line)}{more(line)}",
            signed(line.quantity),
            number(line.balance),
        )
        for line in one.lines
    ]
    first = (day(made.since), "", _("はじめの残高"), "", "", number(one.opening))
    last = (day(made.until), "", _("終わりの残高"), "", "", number(one.closing))
    return PaperTable(
        heading=unit_name(one.unit_class),
        heads=(_("日時"), _("取引番号"), _("種類"), _("相手の口座"), _("増減"), _("残高")),
        rows=(first, *lines, last),
        figures=(4, 5),
        widths=widths,
        strong=(0, len(lines) + 1),
    )
