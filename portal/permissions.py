"""Who may do what: the only grant table (domain §2). A leaf: it imports nothing of the portal."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """The kind of a login. Each user has exactly one."""

    HOLDER_A = "holder_a"
    HOLDER_B = "holder_b"
    TRADER = "trader"
    VERIFIER = "verifier"
    OFFICER = "officer"
    APPROVER = "approver"
    VIEWER = "viewer"


SECRETARIAT = frozenset({Role.OFFICER, Role.APPROVER, Role.VIEWER})
PARTICIPANTS = frozenset({Role.HOLDER_A, Role.HOLDER_B, Role.TRADER, Role.VERIFIER})


class Permission(StrEnum):
    """One thing somebody may do. Every page and every act names exactly one."""

    PUBLIC = "public"  # before the door: login page, static files, health
    SIGNED_IN = "signed_in"  # own home, own profile, log out
    PASSWORD_OWN = "password_own"  # noqa: S105 (a name, not a secret)
    PASSWORD_HOLDER_LOGINS = "password_holder_logins"  # noqa: S105

    REPORT_OWN_VIEW = "report_own_view"
    REPORT_OWN_EDIT = "report_own_edit"
    REPORT_ASSIGNED_VIEW = "report_assigned_view"
    REPORT_VERIFY = "report_verify"
    REPORT_ALL_VIEW = "report_all_view"
    REPORT_REVIEW = "report_review"
    REPORT_APPROVE = "report_approve"
    REVOCATION_PROPOSE = "revocation_propose"
    REVOCATION_CONFIRM = "revocation_confirm"

    ALLOWANCE_OWN_VIEW = "allowance_own_view"
    ALLOWANCE_TRANSFER = "allowance_transfer"  # transfer, cancel, offset
    ALLOWANCE_RETIRE = "allowance_retire"
    ALLOWANCE_ALL_VIEW = "allowance_all_view"
    MOVEMENT_PROPOSE = "movement_propose"  # secretariat: issue, correct, carry over
    MOVEMENT_CONFIRM = "movement_confirm"
    BANKING_APPLY = "banking_apply"
    BANKING_DECIDE = "banking_decide"

    CONTACT_CHANGE_APPLY = "contact_change_apply"
    CONTACT_CHANGE_DECIDE = "contact_change_decide"
    CONSENT_OWN = "consent_own"  # give or withdraw one's consent to be found
    DIRECTORY_VIEW = "directory_view"  # further limited by consent
    DIRECTORY_ALL = "directory_all"

    REGISTRATION_VIEW = "registration_view"
    REGISTRATION_EDIT = "registration_edit"
    REGISTRATION_DECIDE = "registration_decide"
    LETTER_PRINT = "letter_print"
    LOGIN_REISSUE = "login_reissue"
    LOGIN_LOCK = "login_lock"  # secretariat: lock and unlock logins of participants
    ACCOUNT_PROPOSE = "account_propose"  # secretariat: suspend, resume, close accounts
    ACCOUNT_CONFIRM = "account_confirm"
    NOTE_WRITE = "note_write"  # secretariat: notes on participants
    VERIFIER_ASSIGN = "verifier_assign"
    TARGET_PROPOSE = "target_propose"  # reduction targets, phases and their dates
    TARGET_CONFIRM = "target_confirm"
    RECORD_VIEW = "record_view"  # secretariat: holders, phases, mails, events
    PUBLICATION_PROPOSE = "publication_propose"  # secretariat: tables for the public
    PUBLICATION_CONFIRM = "publication_confirm"
    MAIL_RESEND = "mail_resend"  # secretariat: a mail that failed goes again
    USERS_MANAGE = "users_manage"


_SHARED = frozenset({Permission.PUBLIC, Permission.SIGNED_IN, Permission.PASSWORD_OWN})
_REPORT_OWN = frozenset({Permission.REPORT_OWN_VIEW, Permission.REPORT_OWN_EDIT})
_VIEWER = frozenset(
    {
        Permission.REPORT_ALL_VIEW,
        Permission.ALLOWANCE_ALL_VIEW,
        Permission.DIRECTORY_ALL,
        Permission.REGISTRATION_VIEW,
        Permission.RECORD_VIEW,
    }
)
_OFFICE = _VIEWER | {
    Permission.REGISTRATION_EDIT,
    Permission.REGISTRATION_DECIDE,
    Permission.LETTER_PRINT,
    Permission.LOGIN_REISSUE,
    Permission.LOGIN_LOCK,
    Permission.ACCOUNT_PROPOSE,
    Permission.NOTE_WRITE,
    Permission.MAIL_RESEND,
    Permission.VERIFIER_ASSIGN,
    Permission.REPORT_REVIEW,
    Permission.CONTACT_CHANGE_DECIDE,
    Permission.BANKING_DECIDE,
    Permission.TARGET_PROPOSE,
    Permission.REVOCATION_PROPOSE,
    Permission.MOVEMENT_PROPOSE,
    Permission.PUBLICATION_PROPOSE,
}

ROLE_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.HOLDER_A: _SHARED
    | _REPORT_OWN
    | {
        Permission.PASSWORD_HOLDER_LOGINS,
        Permission.ALLOWANCE_OWN_VIEW,
        Permission.ALLOWANCE_TRANSFER,
        Permission.ALLOWANCE_RETIRE,
        Permission.BANKING_APPLY,
        Permission.CONTACT_CHANGE_APPLY,
        Permission.CONSENT_OWN,
        Permission.DIRECTORY_VIEW,
    },
    # B: emissions only; its password is A's to change; never an allowance figure (domain §2)
    Role.HOLDER_B: (_SHARED - {Permission.PASSWORD_OWN}) | _REPORT_OWN | {Permission.DIRECTORY_VIEW},
    Role.TRADER: _SHARED
    | {
        Permission.ALLOWANCE_OWN_VIEW,
        Permission.ALLOWANCE_TRANSFER,
        Permission.CONTACT_CHANGE_APPLY,
        Permission.CONSENT_OWN,
        Permission.DIRECTORY_VIEW,
    },
    Role.VERIFIER: _SHARED
    | {Permission.REPORT_ASSIGNED_VIEW, Permission.REPORT_VERIFY, Permission.CONTACT_CHANGE_APPLY},
    Role.VIEWER: _SHARED | _VIEWER,
    Role.OFFICER: _SHARED | _OFFICE,
    Role.APPROVER: _SHARED
    | _OFFICE
    | {
        Permission.REPORT_APPROVE,
        Permission.REVOCATION_CONFIRM,
        Permission.TARGET_CONFIRM,
        Permission.MOVEMENT_CONFIRM,
        Permission.ACCOUNT_CONFIRM,
        Permission.PUBLICATION_CONFIRM,
        Permission.USERS_MANAGE,
    },
}


def may(role: Role | str | None, permission: Permission) -> bool:
    """Whether a login of ``role`` (``None``: nobody logged in) holds ``permission``."""
    if permission is Permission.PUBLIC:
        return True
    if role is None:
        return False
    return permission in ROLE_PERMISSIONS[Role(role)]
