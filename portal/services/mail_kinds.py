"""Every kind of mail: what it is about, who reads it, and who must act on it (domain §7, safety 17).

The table below is the only place that decides who gets which mail. The words stand in
``templates/mail/<kind>/ja.txt`` and ``en.txt``; ``docs/mail.md`` is made from here
(``portal mail table``).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, auto

from portal.permissions import Permission as P


class MailKind(StrEnum):
    """One kind of mail. The value is stored, names the templates' folder and stands in transitions."""

    # emissions reports
    REPORT_REGISTERED = auto()
    VERIFIER_ASSIGNED = auto()
    VERIFICATION_REQUESTED = auto()
    SEND_BACK_REQUESTED = auto()
    SEND_BACK_DECLINED = auto()
    REPORT_RETURNED = auto()
    VERIFICATION_REGISTERED = auto()
    APPROVAL_REQUESTED = auto()
    REVIEW_STARTED = auto()
    REVIEW_DOCUMENT_SENT = auto()
    REPORT_RETURNED_TO_VERIFIER = auto()
    REPORT_APPROVED = auto()
    REVOCATION_TO_CONFIRM = auto()
    APPROVAL_REVOKED = auto()
    REPORT_SUBMITTED = auto()
    REPORT_RECEIVED = auto()
    # allowances
    MOVEMENT_EXECUTED = auto()
    MOVEMENT_RECEIVED = auto()
    MOVEMENT_TO_CONFIRM = auto()
    TARGET_TO_CONFIRM = auto()
    BANKING_APPLIED = auto()
    BANKING_ACCEPTED = auto()
    BANKING_DECLINED = auto()
    # registration
    REGISTRATION_ACCEPTED = auto()
    CONTACT_CHANGE_APPLIED = auto()
    CONTACT_CHANGE_ACCEPTED = auto()
    CONTACT_CHANGE_DECLINED = auto()
    CONTACT_CHANGED_OLD_ADDRESS = auto()
    PASSWORD_CHANGED = auto()
    APPLICATION_RECEIVED = auto()
    APPLICATION_CORRECTION_ASKED = auto()
    APPLICATION_REJECTED = auto()
    APPLICATION_WITHDRAWN = auto()
    COMPANY_CHANGED = auto()
    CONSENT_GIVEN = auto()
    CONSENT_WITHDRAWN = auto()
    LOGIN_LOCKED = auto()
    LOGIN_UNLOCKED = auto()
    LOGIN_DISABLED = auto()
    LOGIN_ENABLED = auto()
    PASSWORD_LETTER = auto()
    IMPORT_ENDED = auto()
    PHASE_TO_CONFIRM = auto()
    PHASE_DATES_CHANGED = auto()
    VERIFIER_UNASSIGNED = auto()
    TARGET_CONFIRMED = auto()
    ACCOUNT_CHANGE_TO_CONFIRM = auto()
    ACCOUNT_SUSPENDED = auto()
    ACCOUNT_RESUMED = auto()
    ACCOUNT_CLOSED = auto()
    TARGETS_TO_CONFIRM = auto()
    VERIFIER_TAKES_OVER = auto()
    CONTACT_CHANGE_WITHDRAWN = auto()
    VERIFICATION_ENDED = auto()
    ROLE_CHANGED = auto()
    PROPOSAL_WITHDRAWN = auto()
    REPORT_DUE = auto()
    REPORT_OVERDUE = auto()
    VERIFICATION_DUE = auto()
    VERIFICATION_HANDED_OVER = auto()
    FACTORS_TO_CONFIRM = auto()
    FACTORS_CHANGED = auto()
    PUBLICATION_TO_CONFIRM = auto()
    PUBLICATION_RELEASED = auto()
    RETIREMENT_DUE = auto()
    COMPLIANCE_FROZEN = auto()
    ISSUE_BATCH_TO_CONFIRM = auto()
    PHASE_CLOSING_TO_CONFIRM = auto()
    PHASE_CLOSED = auto()
    BOOKS_DISAGREED = auto()
    BANKING_WITHDRAWN = auto()
    CONTACT_CORRECTED = auto()
    PROPOSAL_EXPIRED = auto()
    BANKING_WAITS_AGAIN = auto()
    COMPLIANCE_PUT_RIGHT = auto()
    NIGHT_WORK_FAILED = auto()
    BOOKS_NOT_COMPARED = auto()
    FIGURE_NEEDED = auto()
    FIGURES_NEEDED = auto()
    BANKING_DUE = auto()
    PUBLICATION_OUTDATED = auto()
    PUBLICATION_ENDED = auto()
    RETIREMENT_SETTLED = auto()
    PROPOSAL_DECLINED = auto()
    OFFICE_PASSWORD_ISSUED = auto()


class Topic(StrEnum):
    """What a mail is about; only the first may go to address B."""

    REPORTS = "reports"
    ALLOWANCES = "allowances"
    REGISTRATION = "registration"


class Reader(StrEnum):
    """Who reads it. The order is the order of :func:`readers`: A comes before B."""

    HOLDER_A = "holder_a"
    HOLDER_B = "holder_b"
    TRADER = "trader"
    VERIFIER = "verifier"
    #: one login, whoever it is; login B's stands for A (B gets report mail only). Before its colleagues
    SELF = "self"
    OFFICE = "office"
    #: the address a contact change replaces, or the one an application names
    ADDRESS = "address"


@dataclass(frozen=True)
class Audience:
    """One line of readers: whether they must act; for the office, which permission makes it theirs."""

    reader: Reader
    acts: bool = False
    permission: P | None = None
    #: only if the sender is on this side (review documents go both ways); ``None``: always
    sent_by: str | None = None
    #: not the one who did it
    spares_actor: bool = False


@dataclass(frozen=True)
class Kind:
    """A kind's line in the table. ``facts`` must be given to ``notify``, ``optional`` may be."""

    topic: Topic
    audiences: tuple[Audience, ...]
    facts: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        readers = {audience.reader for audience in self.audiences}
        if Reader.HOLDER_B in readers and self.topic is not Topic.REPORTS:
            raise ValueError("address B gets emissions-report mail only (safety 17)")
        if Reader.VERIFIER in readers and self.topic is Topic.ALLOWANCES:
            raise ValueError("a verifier never sees an allowance figure (safety 14)")


R = Reader

_A = Audience(R.HOLDER_A)
_B = Audience(R.HOLDER_B)
_A_ACTS = Audience(R.HOLDER_A, acts=True)
_B_ACTS = Audience(R.HOLDER_B, acts=True)
_V = Audience(R.VERIFIER)
_V_ACTS = Audience(R.VERIFIER, acts=True)
_T = Audience(R.TRADER)
_REVIEWERS = Audience(R.OFFICE, acts=True, permission=P.REPORT_REVIEW)
_COLLEAGUES = (Audience(R.SELF), Audience(R.OFFICE, permission=P.USERS_MANAGE))

#: what any report mail may be told besides; ``report`` or ``holder`` with ``period`` names the object
REPORT_FACTS = frozenset(
    {"report", "period", "reason", "until", "side", "emissions", "opinion", "filename", "round"}
) | {"question", "granted", "retires"}
MOVEMENT_FACTS = frozenset({"movement_kind", "quantity", "unit", "source", "target"})
MOVEMENT_OPTIONAL = frozenset(
    {"source_name", "target_name", "ledger_number", "expires_at", "reason", "until", "unit_class", "corrects"}
)
CONTACT_FACTS = frozenset(
    {"reason", "contact_name", "changes", "application_id", "application_number", "outcome", "phase"}
)


def _report(*audiences: Audience, facts: tuple[str, ...] = ()) -> Kind:
    return Kind(Topic.REPORTS, audiences, frozenset(facts), REPORT_FACTS - set(facts))


def _movement(*audiences: Audience) -> Kind:
    return Kind(Topic.ALLOWANCES, audiences, MOVEMENT_FACTS, MOVEMENT_OPTIONAL)


def _allowance(*audiences: Audience, facts: tuple[str, ...] = ()) -> Kind:
    return Kind(
        Topic.ALLOWANCES, audiences, frozenset(facts), frozenset({"quantity", "reason", "until"}) - {*facts}
    )


def _registration(*audiences: Audience, facts: tuple[str, ...] = ()) -> Kind:
    return Kind(Topic.REGISTRATION, audiences, frozenset(facts), CONTACT_FACTS - {*facts})


def _account(*audiences: Audience, facts: tuple[str, ...] = ()) -> Kind:
    return Kind(Topic.ALLOWANCES, audiences, frozenset({"account", *facts}), frozenset({"reason", "change"}))


def _office(permission: P) -> Audience:
    return Audience(R.OFFICE, acts=True, permission=permission)


KINDS: dict[MailKind, Kind] = {
    MailKind.REPORT_REGISTERED: _report(_A, _B),
    MailKind.VERIFIER_ASSIGNED: _report(_A, _B, _V),
    MailKind.VERIFICATION_REQUESTED: _report(_A, _B, _V_ACTS),
    MailKind.SEND_BACK_REQUESTED: _report(_A, _B, _V_ACTS, facts=("reason",)),
    MailKind.SEND_BACK_DECLINED: _report(_A, _B, _V, facts=("reason",)),
    MailKind.REPORT_RETURNED: _report(_A_ACTS, _B_ACTS, _V, facts=("reason",)),
    MailKind.VERIFICATION_REGISTERED: _report(_A, _B, _V_ACTS),
    MailKind.APPROVAL_REQUESTED: _report(_A, _B, _V, _REVIEWERS),
    MailKind.REVIEW_STARTED: _report(_A, _B, _V),
    MailKind.REVIEW_DOCUMENT_SENT: _report(
        _A,
        _B,
        Audience(R.VERIFIER, acts=True, sent_by="secretariat"),
        Audience(R.OFFICE, acts=True, permission=P.REPORT_REVIEW, sent_by="verifier"),
    ),
    MailKind.REPORT_RETURNED_TO_VERIFIER: _report(_A, _B, _V_ACTS, facts=("reason",)),
    MailKind.REPORT_APPROVED: _report(_A, _B, _V),
    MailKind.REVOCATION_TO_CONFIRM: _report(_office(P.REVOCATION_CONFIRM), facts=("reason", "until")),
    MailKind.APPROVAL_REVOKED: _report(_A, _B, _V, _REVIEWERS, facts=("reason",)),
    MailKind.REPORT_SUBMITTED: _report(_A, _B, _REVIEWERS),
    MailKind.REPORT_RECEIVED: _report(_A, _B),
    MailKind.MOVEMENT_EXECUTED: _movement(_A, _T),
    MailKind.MOVEMENT_RECEIVED: _movement(_A, _T),
    MailKind.MOVEMENT_TO_CONFIRM: _movement(_office(P.MOVEMENT_CONFIRM)),
    MailKind.TARGET_TO_CONFIRM: _allowance(_office(P.TARGET_CONFIRM), facts=("quantity",)),
    MailKind.BANKING_APPLIED: _allowance(_A, _office(P.BANKING_DECIDE), facts=("quantity",)),
    MailKind.BANKING_ACCEPTED: _allowance(_A, facts=("quantity",)),
    MailKind.BANKING_DECLINED: _allowance(_A, facts=("quantity", "reason")),
    MailKind.REGISTRATION_ACCEPTED: _registration(
        _A_ACTS, Audience(R.TRADER, acts=True), Audience(R.VERIFIER, acts=True)
    ),
    MailKind.CONTACT_CHANGE_APPLIED: _registration(_A, _T, _V, _office(P.CONTACT_CHANGE_DECIDE)),
    MailKind.CONTACT_CHANGE_ACCEPTED: _registration(_A, _T, _V),
    MailKind.CONTACT_CHANGE_DECLINED: _registration(_A, _T, _V, facts=("reason",)),
    MailKind.CONTACT_CHANGED_OLD_ADDRESS: _registration(Audience(R.ADDRESS), facts=("still_used",)),
    MailKind.PASSWORD_CHANGED: _registration(Audience(R.SELF)),
    MailKind.APPLICATION_RECEIVED: _registration(Audience(R.ADDRESS), facts=("application_number",)),
    MailKind.APPLICATION_CORRECTION_ASKED: _registration(
        Audience(R.ADDRESS, acts=True), facts=("application_number",)
    ),
    MailKind.APPLICATION_REJECTED: _registration(Audience(R.ADDRESS), facts=("application_number",)),
    MailKind.APPLICATION_WITHDRAWN: _registration(Audience(R.ADDRESS), facts=("application_number",)),
    MailKind.COMPANY_CHANGED: _registration(_A, _T, _V, facts=("changes",)),
    MailKind.CONSENT_GIVEN: _registration(_A, _T),
    MailKind.CONSENT_WITHDRAWN: _registration(_A, _T),
    MailKind.LOGIN_LOCKED: _registration(Audience(R.SELF)),
    MailKind.LOGIN_UNLOCKED: _registration(Audience(R.SELF)),
    MailKind.LOGIN_DISABLED: _registration(Audience(R.SELF)),
    MailKind.LOGIN_ENABLED: _registration(Audience(R.SELF)),
    MailKind.PASSWORD_LETTER: _registration(Audience(R.SELF, acts=True), facts=("logins",)),
    MailKind.IMPORT_ENDED: _registration(Audience(R.SELF), facts=("outcome", "file")),
    MailKind.PHASE_TO_CONFIRM: _registration(_office(P.TARGET_CONFIRM), facts=("phase", "until")),
    MailKind.PHASE_DATES_CHANGED: _registration(_A, facts=("phase", "changes")),
    MailKind.VERIFIER_UNASSIGNED: _report(_V, facts=("until_now",)),
    MailKind.TARGET_CONFIRMED: _allowance(_A, facts=("quantity",)),
    MailKind.ACCOUNT_CHANGE_TO_CONFIRM: _account(_office(P.ACCOUNT_CONFIRM), facts=("until",)),
    MailKind.ACCOUNT_SUSPENDED: _account(_A, _T),
    MailKind.ACCOUNT_RESUMED: _account(_A, _T),
    MailKind.ACCOUNT_CLOSED: _account(_A, _T),
    MailKind.TARGETS_TO_CONFIRM: _allowance(_office(P.TARGET_CONFIRM), facts=("count", "quantity")),
    MailKind.VERIFIER_TAKES_OVER: _report(_A, _B, _V_ACTS),
    MailKind.CONTACT_CHANGE_WITHDRAWN: _registration(
        _A, _T, _V, Audience(R.OFFICE, permission=P.CONTACT_CHANGE_DECIDE)
    ),
    # no next verifier is named; what the verifier itself is told is VERIFIER_UNASSIGNED
    MailKind.VERIFICATION_ENDED: _report(_A, _B, facts=("until_now",)),
    MailKind.ROLE_CHANGED: _registration(*_COLLEAGUES, facts=("role", "by")),
    # what waited for another person waits no longer: told to those, and to who proposed it
    MailKind.PROPOSAL_WITHDRAWN: Kind(
        Topic.ALLOWANCES,
        (Audience(R.OFFICE, permission=P.TARGET_PROPOSE),),
        frozenset({"proposal", "by"}),
        frozenset({"reason"}),
    ),
    MailKind.REPORT_DUE: _report(_A_ACTS, _B_ACTS, facts=("due", "days")),
    MailKind.REPORT_OVERDUE: _report(_A_ACTS, _B_ACTS, facts=("due",)),
    MailKind.VERIFICATION_DUE: _report(_V_ACTS, facts=("due", "days")),
    MailKind.VERIFICATION_HANDED_OVER: _report(Audience(R.VERIFIER, spares_actor=True), facts=("name",)),
    MailKind.FACTORS_TO_CONFIRM: _registration(_office(P.TARGET_CONFIRM), facts=("year", "until")),
    MailKind.FACTORS_CHANGED: _report(_A_ACTS, _B_ACTS, facts=("year",)),
    MailKind.PUBLICATION_TO_CONFIRM: _registration(
        _office(P.PUBLICATION_CONFIRM), facts=("phase", "subject", "until")
    ),
    MailKind.PUBLICATION_RELEASED: Kind(
        Topic.REGISTRATION, (_A,), frozenset({"phase", "subject"}), frozenset({"replaces", "table"})
    ),
    MailKind.RETIREMENT_DUE: Kind(
        Topic.ALLOWANCES,
        (_A_ACTS,),
        frozenset({"due", "days"}),
        frozenset({"quantity", "until", "with_holder"}),
    ),
    MailKind.COMPLIANCE_FROZEN: Kind(
        Topic.ALLOWANCES,
        (_A,),
        frozenset({"due", "status"}),
        frozenset({"quantity", "missed", "report_open"}),
    ),
    MailKind.ISSUE_BATCH_TO_CONFIRM: _allowance(
        _office(P.MOVEMENT_CONFIRM), facts=("phase", "count", "quantity", "until")
    ),
    MailKind.PHASE_CLOSING_TO_CONFIRM: _allowance(_office(P.TARGET_CONFIRM), facts=("phase", "until")),
    MailKind.PHASE_CLOSED: _allowance(_A, _T, facts=("phase",)),
    MailKind.BOOKS_DISAGREED: _allowance(_office(P.MOVEMENT_CONFIRM), facts=("problem",)),
    MailKind.BANKING_WITHDRAWN: _allowance(
        _A, Audience(R.OFFICE, permission=P.BANKING_DECIDE), facts=("quantity",)
    ),
    # the address: an applicant's, who has no login yet
    MailKind.CONTACT_CORRECTED: _registration(_A, _T, _V, Audience(R.ADDRESS), facts=("changes",)),
    MailKind.PROPOSAL_EXPIRED: Kind(
        Topic.ALLOWANCES, (_office(P.MOVEMENT_PROPOSE),), frozenset({"proposal", "days"})
    ),
    MailKind.BANKING_WAITS_AGAIN: _allowance(_A, facts=("quantity",)),
    MailKind.COMPLIANCE_PUT_RIGHT: Kind(
        Topic.ALLOWANCES,
        (_A, Audience(R.OFFICE, permission=P.MOVEMENT_CONFIRM)),
        frozenset({"due", "number", "before", "status", "retired"}),
        frozenset({"quantity", "missed"}),
    ),
    # what is wrong may name an account and a balance: it goes to those who decide about movements
    MailKind.NIGHT_WORK_FAILED: _allowance(_office(P.MOVEMENT_CONFIRM), facts=("work", "problem")),
    MailKind.BOOKS_NOT_COMPARED: _allowance(_office(P.MOVEMENT_CONFIRM), facts=("since",)),
    # a report's figure has a day of its own: for its verifier, and for the office together
    MailKind.FIGURE_NEEDED: _report(_V_ACTS, facts=("due", "days")),
    MailKind.FIGURES_NEEDED: _registration(
        Audience(R.OFFICE, acts=True, permission=P.REPORT_REVIEW), facts=("phase", "count", "due", "days")
    ),
    MailKind.BANKING_DUE: Kind(
        Topic.ALLOWANCES, (_A_ACTS,), frozenset({"due", "days", "quantity"}), frozenset({"until"})
    ),
    MailKind.PUBLICATION_OUTDATED: _registration(_office(P.PUBLICATION_PROPOSE), facts=("phase", "subject")),
    MailKind.PUBLICATION_ENDED: _registration(_A, facts=("phase", "subject")),
    # what the approval of the target-year figure asks of A; that it was approved is report mail
    MailKind.RETIREMENT_SETTLED: Kind(
        Topic.ALLOWANCES, (_A_ACTS,), frozenset({"due", "quantity"}), frozenset({"until"})
    ),
    # who proposed it may mend it and propose again; the colleagues learn that it waits no longer
    MailKind.PROPOSAL_DECLINED: Kind(
        Topic.ALLOWANCES,
        (Audience(R.SELF, acts=True), Audience(R.OFFICE, permission=P.TARGET_PROPOSE)),
        frozenset({"proposal", "by", "reason"}),
    ),
    MailKind.OFFICE_PASSWORD_ISSUED: _registration(*_COLLEAGUES, facts=("by", "made", "role")),
}


def check_facts(kind: MailKind, given: set[str]) -> None:
    """Raise ``TypeError`` naming each fact that is missing or that the kind does not know."""
    line = KINDS[kind]
    missing = line.facts - given
    unknown = given - line.facts - line.optional
    if missing or unknown:
        raise TypeError(f"mail {kind.value}: missing {sorted(missing)}, unknown {sorted(unknown)}")


def table() -> str:
    """The table as Markdown: who gets which mail, and who must act (``portal mail table``)."""
    lines = [
        "# Who gets which mail",
        "",
        "Made from `portal/services/mail_kinds.py` by `portal mail table > docs/mail.md`.",
        "● must act, ○ is told, – gets none.",
        "",
        "| kind | topic | A | B | trader | verifier | secretariat (permission) | other |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for kind, line in KINDS.items():
        by_reader = {audience.reader: audience for audience in line.audiences}
        marks = [_mark(by_reader.get(r)) for r in (R.HOLDER_A, R.HOLDER_B, R.TRADER, R.VERIFIER)]
        office = by_reader.get(R.OFFICE)
        desk = f"{_mark(office)} {office.permission}" if office else "–"
        other = (
            "own login"
            if R.SELF in by_reader
            else "address of the change or application"
            if R.ADDRESS in by_reader
            else "–"
        )
        lines.append(f"| {kind.value} | {line.topic.value} | {' | '.join(marks)} | {desk} | {other} |")
    return "\n".join(lines) + "\n"


def _mark(audience: Audience | None) -> str:
    if audience is None:
        return "–"
    return "●" if audience.acts else "○"
