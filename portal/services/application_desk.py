"""Who works on which application (担当): taken by an officer, given to a colleague, given back.

To be in charge is a promise among colleagues, no right: everybody who may decide still may, and the
page says who is in charge (decided).
"""

from __future__ import annotations

import re

from portal.models import RegistrationApplication
from portal.permissions import Permission
from portal.services.audit import EventTag
from portal.services.in_charge import Desk
from portal.services.registration_data import OPEN_STATES
from portal.services.widths import in_half_width

_NUMBER = re.compile(r"R?(T|V|[1-9][0-9]{0,2})-([1-9][0-9]{0,6}|[0-9]{4,7})")
_FOLDED_NUMBER = re.compile(r"R(T|V|[1-9][0-9]{0,2}?)([0-9]{4})")


def number_typed(text: str) -> str | None:
    """The application number that was typed whole (R4-0022, r4-22, Ｒ４－００２２, R40022), else ``None``."""
    plain = re.sub(r"\s", "", in_half_width(text)).upper()
    plain = re.sub("[‐‑‒–—―−ー]", "-", plain)
    found = _NUMBER.fullmatch(plain) or _FOLDED_NUMBER.fullmatch(plain)
    return f"R{found[1]}-{int(found[2]):04d}" if found else None


DESK = Desk(
    RegistrationApplication,
    OPEN_STATES,
    Permission.REGISTRATION_EDIT,
    EventTag.APPLICATION_TAKEN,
    lambda application: None,
)
take, assign = DESK.take, DESK.assign
