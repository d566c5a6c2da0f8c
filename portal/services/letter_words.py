"""The words of the office's letters, as (content, ready to print) of ``letter_pdf`` (domain §3).

Letters go out on paper in Japanese, whatever language their reader uses on screen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from typing import Any

from portal.models import (
    Contact,
    Holder,
    LetterKind,
    ParticipantKind,
    Participation,
    RegistrationApplication,
    SiteKind,
    Trader,
    User,
    Verifier,
)
from portal.permissions import Role
from portal.services.letter_pdf import (
    Honorifics,
    LetterAddress,
    LetterContent,
    LetterWords,
    LoginLine,
)
from portal.services.letter_points import points
from portal.services.passwords import SHORTEST
from portal.settings import Settings

Participant = Holder | Trader | Verifier


@dataclass(frozen=True)
class Office:
    """What letters say of the office, and how many days an initial password lives."""

    mail: str = Settings.office_mail
    phone: str = Settings.office_phone
    password_days: int = Settings.initial_password_days
    address: str = Settings.office_address
    base_url: str = Settings.base_url


_office = Office()


def configure(settings: Settings) -> None:
    """Take the office's address and the life of initial passwords from ``settings``, at the start."""
    global _office
    _office = Office(
        settings.office_mail,
        settings.office_phone,
        settings.initial_password_days,
        settings.office_address,
        settings.base_url,
    )


def password_days() -> int:
    """How many days an initial password works."""
    return _office.password_days


#: how long an applicant has to put the paper right, if nothing else is said (decided)
ANSWER_WITHIN = timedelta(days=14)
#: a form sent by post without the minister's seal says so
SENDER = ("環境省", "ASSET事務局", "（公印省略）")
SITE_KINDS = {SiteKind.FACTORY: "工場", SiteKind.WORKPLACE: "事業場"}
PARTICIPATIONS = {Participation.SINGLE: "単独", Participation.GROUP: "グループ"}
KINDS = {
    ParticipantKind.HOLDER: "目標保有者",
    ParticipantKind.TRADER: "取引参加者",
    ParticipantKind.VERIFIER: "検証機関",
}
_TITLES = {
    LetterKind.COMPLETION: "ASSETシステム登録完了通知書",
    LetterKind.CORRECTION: "ASSETシステム登録申請書の補正のお願い",
    LetterKind.REJECTION: "ASSETシステム登録申請の却下通知書",
    LetterKind.REISSUE: "ASSETシステム初期パスワード再発行通知書",
}
#: the title of a letter with the login of a further person
NEW_LOGIN = "ASSETシステムログインID発行通知書"
_LOGIN_KINDS = {
    Role.HOLDER_A: ("目標保有者A", "すべての機能"),
    Role.HOLDER_B: ("目標保有者B", "排出量管理のみ"),
    Role.TRADER: ("取引参加者", "排出枠管理"),
    Role.VERIFIER: ("検証機関", "検証"),
}


def day(value: date) -> str:
    """2013年10月8日"""
    return f"{value.year}年{value.month}月{value.day}日"


def _form_name(application: RegistrationApplication) -> str:
    phase = f"第{application.phase.number}期・" if application.phase is not None else ""
    return f"ASSETシステム登録申請書（{phase}{KINDS[application.kind]}用）"


def application_address(application: RegistrationApplication) -> LetterAddress:
    """The window's address as the application names it."""
    return LetterAddress(
        application.contact_postal_code,
        application.contact_address,
        application.contact_company,
        application.contact_department or "",
        application.contact_post or "",
        application.contact_name,
    )


def contact_address(contact: Contact) -> LetterAddress:
    """The window's address as the contact person is registered now."""
    return LetterAddress(
        contact.postal_code,
        contact.address,
        contact.organisation.name,
        contact.department or "",
        contact.post or "",
        contact.name,
    )


def _frame(kind: LetterKind, number: str, written_on: date, address: LetterAddress) -> LetterContent:
    return LetterContent(
        kind=kind.value,
        number=number,
        date_label=day(written_on),
        sender_lines=SENDER,
        address=address,
        title=_TITLES[kind],
        intro=(),
        facts=(),
        logins=(),
        notes=(),
        footer=_footer(),
    )


def _footer() -> str:
    """Where the office is found, on every page of every letter."""
    return (
        f"お問い合わせ　環境省 ASSET事務局　{_office.address}\n"
        f"電話 {_office.phone}（平日10時から17時まで）　電子メール {_office.mail}"
    )


def completion(
    application: RegistrationApplication,
    participant: Participant,
    users: list[User],
    number: str,
    written_on: date,
) -> LetterContent:
    """登録完了通知書 to the contact person, its passwords still black."""
    return replace(
        _frame(LetterKind.COMPLETION, number, written_on, contact_address(participant.contact)),
        intro=(
            f"{_form_name(application)}を受理し、下記のとおり登録しました。",
            "この通知書にはパスワードを記載しています。担当者ご本人が大切に保管してください。",
        ),
        facts=participant_facts(participant),
        logins=login_lines(users),
        notes=login_notes(None, with_b=any(user.role is Role.HOLDER_B for user in users)),
    )


def reissue(
    participant: Participant, users: list[User], number: str, written_on: date, *, new: bool = False
) -> LetterContent:
    """パスワード再発行通知書 to the contact person, its passwords still black.

    ``new``: the logins have just been made for further people, whom the letter names.
    """
    frame = _frame(LetterKind.REISSUE, number, written_on, contact_address(participant.contact))
    opening = "下記のログインIDの初期パスワードを再発行しました。これまでのパスワードは使えません。"
    if new:
        frame = replace(frame, title=NEW_LOGIN)
        names = "、".join(f"{user.name} 様" for user in users)
        opening = f"{names}がお使いになるログインIDを、下記のとおり発行しました。"
    return replace(
        frame,
        intro=(
            opening,
            "この通知書にはパスワードを記載しています。担当者ご本人が大切に保管してください。",
        ),
        facts=participant_facts(participant),
        logins=login_lines(users),
        notes=login_notes(None, with_b=any(user.role is Role.HOLDER_B for user in users)),
    )


def correction(
    application: RegistrationApplication, reason: str, number: str, written_on: date, answer_by: date
) -> LetterContent:
    """補正依頼: what must be put right, by when, and where the answer goes."""
    return replace(
        _frame(LetterKind.CORRECTION, number, written_on, application_address(application)),
        intro=(
            f"{_form_name(application)}を確認しました。",
            "下記の事項を補正して、期限までに申請書を事務局へお送りください。",
        ),
        facts=application_facts(application),
        notes=(("補正が必要な事項", points(reason)), _answer(answer_by)),
        words=_words("申請の内容"),
        answer_by=answer_by.isoformat(),
    )


_ANSWER = "期限とお送り先"


def _answer(answer_by: date) -> tuple[str, tuple[str, ...]]:
    """By when the corrected paper must arrive, and where."""
    return (
        _ANSWER,
        (
            f"期限　{day(answer_by)}（事務局に届く日）",
            f"お送り先　{_office.address}\n環境省 ASSET事務局　登録担当　電話 {_office.phone}",
        ),
    )


def answer_by(content: LetterContent, printed_on: date) -> date | None:
    """By when a letter asks to be answered, if it is printed on that day; ``None`` if it asks nothing.

    A letter that lay, or came back, until its day had passed gives the usual time anew (decided).
    """
    if not content.answer_by:
        return None
    given = date.fromisoformat(content.answer_by)
    return given if given > printed_on else printed_on + ANSWER_WITHIN


def rejection(
    application: RegistrationApplication, reason: str, number: str, written_on: date
) -> LetterContent:
    """却下通知: why the application is rejected."""
    return replace(
        _frame(LetterKind.REJECTION, number, written_on, application_address(application)),
        intro=(f"{_form_name(application)}を審査した結果、下記の理由により却下しました。",),
        facts=application_facts(application),
        notes=(("却下の理由", points(reason)),),
        words=_words("申請の内容"),
    )


def _words(facts_heading: str) -> LetterWords:
    return replace(LetterWords(), facts_heading=facts_heading)


def application_facts(application: RegistrationApplication) -> tuple[tuple[str, str], ...]:
    """What an undecided application says of itself."""
    facts = [("受付番号", application.number), ("受付日", day(application.received_on))]
    facts.append(("代表事業者" if application.site_name else "事業者", application.company_name))
    if application.site_name:
        facts.append(("事業所", application.site_name))
    return tuple(facts)


def participant_facts(participant: Participant) -> tuple[tuple[str, str], ...]:
    """What was registered."""
    if isinstance(participant, Holder):
        joint = "\n".join(joint.organisation.name for joint in participant.joint_companies)
        kind = f"{SITE_KINDS[participant.site_kind]}・{PARTICIPATIONS[participant.participation]}"
        account = participant.account
        return (
            ("代表事業者", participant.representative.name),
            *((("共同事業者", joint),) if joint else ()),
            ("事業所", f"{participant.site_name}（{kind}）"),
            ("口座番号・口座名", f"{account.code}　{account.name}"),
        )
    if isinstance(participant, Trader):
        account = participant.account
        return (
            ("取引参加者", participant.organisation.name),
            ("口座番号・口座名", f"{account.code}　{account.name}"),
        )
    return (("検証機関", participant.organisation.name), ("登録番号", participant.code))


def login_lines(users: list[User]) -> tuple[LoginLine, ...]:
    """The rows of the password table, black."""
    return tuple(LoginLine(_LOGIN_KINDS[u.role][0], u.login_id, None, _LOGIN_KINDS[u.role][1]) for u in users)


def login_notes(expires_on: date | None, *, with_b: bool) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """How to log in first; ``expires_on`` is the last day of the initial passwords, known at printing."""
    life = (
        f"有効期限は{day(expires_on)}です。"
        if expires_on
        else f"有効期限は印刷した日から{_office.password_days}日です。"
    )
    caution = ["事務局が電話やメールでパスワードをお尋ねすることはありません。"]
    if with_b:
        caution.append("目標保有者BのログインIDは、排出量管理だけを行う方がいる場合にお使いください。")
    return (
        (
            "はじめてログインするとき",
            (
                f"{_office.base_url} を開き、上のログインIDと初期パスワードを入力してください。",
                f"画面の案内に従って、新しいパスワード（{SHORTEST}文字以上）を設定してください。",
                f"初期パスワードは一度しか使えません。{life}",
                "有効期限を過ぎたときは、事務局へご連絡ください。新しい通知書をお送りします。",
            ),
        ),
        ("ご注意", tuple(caution)),
    )


def to_print(
    content: LetterContent, passwords: Mapping[str, str], *, printed_on: date, expires_on: date
) -> LetterContent:
    """The letter of this printing: its date, its passwords and their last day."""
    with_b = any(login.kind_label == _LOGIN_KINDS[Role.HOLDER_B][0] for login in content.logins)
    return replace(
        content,
        date_label=day(printed_on),
        logins=tuple(replace(login, password=passwords[login.login_id]) for login in content.logins),
        notes=login_notes(expires_on, with_b=with_b),
    )


def dated(content: LetterContent, printed_on: date) -> LetterContent:
    """The letter under the office's present name and address, with the date of this printing."""
    due = answer_by(content, printed_on)
    if due is not None:
        notes = tuple(
            _answer(due) if heading == _ANSWER else (heading, some) for heading, some in content.notes
        )
        content = replace(content, notes=notes, answer_by=due.isoformat())
    return replace(content, date_label=day(printed_on), sender_lines=SENDER, footer=_footer())


def blackened(content: LetterContent) -> LetterContent:
    """The same letter without its passwords: the copy that is kept."""
    return replace(content, logins=tuple(replace(login, password=None) for login in content.logins))


def to_json(content: LetterContent) -> dict[str, Any]:
    """``content`` as JSON, never with a password."""
    return asdict(blackened(content))


def from_json(data: Mapping[str, Any]) -> LetterContent:
    """The content that :func:`to_json` kept."""
    words = dict(data["words"])
    words["honorifics"] = Honorifics(**words["honorifics"])
    words["login_columns"] = tuple(words["login_columns"])
    return LetterContent(
        kind=data["kind"],
        number=data["number"],
        date_label=data["date_label"],
        sender_lines=tuple(data["sender_lines"]),
        address=LetterAddress(**data["address"]),
        title=data["title"],
        intro=tuple(data["intro"]),
        facts=tuple((label, value) for label, value in data["facts"]),
        logins=tuple(LoginLine(**login) for login in data["logins"]),
        notes=tuple((heading, tuple(lines)) for heading, lines in data["notes"]),
        footer=data["footer"],
        words=LetterWords(**words),
        answer_by=data.get("answer_by", ""),  # letters kept before have none
    )
